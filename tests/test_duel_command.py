"""The command itself: its options, real processes that die and hang, full disks, and one tiny duel end to end."""

from __future__ import annotations

import errno
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.duels.arena import NOT_INHERITED, ProcessArena, check_packages, side_environment
from bench.duels.blocks import SideFailed
from bench.duels.command import Keeper, parse_duration, parse_share
from bench.duels.duel import Row
from bench.duels.runs import read_duel, run_content
from bench.duels.sides import Side
from bench.errors import DensebenchError
from bench.files import write_atomically
from bench.progress import Progress
from tests.fake_duel import ABOUT, INFER, FakeArena, fought

CASE = "infer[logistic_regression,batch=1,threads=1]"


def duel(*words: str, results: Path, python: str = sys.executable) -> int:
    return main(["duel", python, python, "--dataset", "digits", "--device", "cpu:1", "--results", str(results), *words])


def only_run(results: Path) -> Path:
    (path,) = results.glob("raw/*/duels/*.json")
    return path


# A tiny duel of real processes.


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A duel of this interpreter against itself, with a margin that no noise lets it settle."""
    results = tmp_path_factory.mktemp("duel")
    assert duel("--cases", CASE, "--budget", "14s", "--seed", "3", "--margin", "0.001%", results=results) == 2
    return results


def test_an_interpreter_duels_with_itself(finished: Path) -> None:
    about, (row,) = read_duel(only_run(finished))
    assert row.case.name == CASE
    assert row.well
    assert len(row.blocks) >= 1
    assert len(row.blocks[0].base_s) == len(row.blocks[0].head_s) == 40
    assert row.blocks[0].seed == 3
    assert about["packages_by_side"]["BASE"] == about["packages_by_side"]["HEAD"]
    assert about["complete"]


def test_the_run_file_names_no_folder_of_this_machine(finished: Path) -> None:
    text = only_run(finished).read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert sys.prefix not in text


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--cases", "train[logistic_regression]"], "cases"),
        (["--cases", CASE, "--seed", "4"], "seed 3, now 4"),
        (["--cases", CASE, "--device", "cpu"], "device 'cpu:1', now 'cpu'"),
        (["--cases", CASE, "--plant", "infer:5%"], "plant None, now 'infer:5%'"),
    ],
)
def test_another_duel_is_not_gone_on_with(
    words: list[str], complaint: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = only_run(finished).read_bytes()
    if words[-1] == "cpu" and ABOUT["threads"] == 1:
        pytest.skip("this machine has one CPU")
    assert duel("--resume", str(only_run(finished)), *words, results=finished) == 2
    assert "that duel is another one" in (told := capsys.readouterr().err)
    assert complaint in told
    assert only_run(finished).read_bytes() == before


def test_a_duel_goes_on_from_its_file(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(only_run(finished).read_bytes())
    _, (before,) = read_duel(path)
    words = ["--cases", CASE, "--budget", "11s", "--margin", "0.001%", "--resume", str(path)]
    assert duel(*words, results=tmp_path) == 2
    _, (after,) = read_duel(path)
    assert after.blocks[: len(before.blocks)] == before.blocks
    assert len(after.blocks) > len(before.blocks)


# Options.


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("5m", 300.0), ("1.5h", 5400.0)])
def test_durations_have_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["90", "0m", "-1m", "m", "5 m", ""])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(DensebenchError, match="is no duration: 90s, 5m and 1h are"):
        parse_duration(text)


def test_shares_are_percent_or_plain() -> None:
    assert parse_share("3%", "--margin") == parse_share("0.03", "--margin") == 0.03
    for text in ("0", "150%", "3 %", "many", "-1%", ""):
        with pytest.raises(DensebenchError, match=r"--margin '.*' is no share"):
            parse_share(text, "--margin")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--cases", "train[deep_mpl]"], "unknown case"),
        (["--budget", "soon"], "is no duration"),
        (["--margin", "0"], "--margin '0' is no share"),
        (["--accuracy-margin", "2"], "--accuracy-margin '2' is no share"),
        (["--fail-on", "slow"], "unknown verdict 'slow'. Did you mean 'slower'"),
        (["--device", "gpu"], "on cpu or cpu:N only"),
        (["--plant", "sleep:5%"], "--plant 'sleep:5%' is none of"),
        (["--seed", "-1"], "--seed -1 is no seed"),
        (["--dataset", "fashion"], "unknown data set"),
        (["--resume", "/nowhere.json"], "/nowhere.json: No such file"),
    ],
)
def test_bad_input_gets_one_clear_line_before_anything_is_measured(
    words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert duel(*words, results=tmp_path / "results") == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_side_that_is_no_interpreter_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert duel(results=tmp_path / "results", python="/nowhere/python") == 2
    assert "/nowhere/python is no Python interpreter" in capsys.readouterr().err


# Sides that fail.


def arena_of(tmp_path: Path, script: str, timeout_s: float = 60.0) -> ProcessArena:
    """An arena whose interpreters are shell scripts."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    side = Side("broken", python)
    return ProcessArena({"BASE": side, "HEAD": side}, "digits", None, 1, 1, timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("kill -9 $$", r"BASE: the worker was killed by signal 9$"),
        ("echo 'No module named numpy' >&2; exit 1", r"ended with status 1; its last words: No module named numpy$"),
        ("exec sleep 60", r"BASE: the worker gave no answer within 200 ms$"),
    ],
)
def test_a_side_that_dies_or_hangs_says_so(script: str, complaint: str, tmp_path: Path) -> None:
    arena = arena_of(tmp_path, script, timeout_s=0.2 if "sleep" in script else 60.0)
    with pytest.raises(SideFailed, match=complaint):
        arena.scout(Row(INFER))
    with pytest.raises(SideFailed, match=complaint):
        arena.block(Row(INFER, turns=1), first="BASE", seed=1)
    arena.close()


def test_an_interpreter_that_cannot_be_started_is_a_side_that_failed(tmp_path: Path) -> None:
    arena = arena_of(tmp_path, "")
    arena.sides["BASE"].python.chmod(0o644)
    with pytest.raises(SideFailed, match="BASE: broken cannot be started: Permission denied"):
        arena.scout(Row(INFER))
    arena.close()


def test_a_side_that_has_changed_is_not_gone_on_with() -> None:
    known = {"BASE": {"tensorflow": "2.19.1"}, "HEAD": {"tensorflow": "2.20.0"}}
    check_packages(known, known)
    check_packages({}, known)
    with pytest.raises(DensebenchError, match=r"HEAD has changed .*: tensorflow was 2\.20\.0 and is 2\.21\.0"):
        check_packages(known, {**known, "HEAD": {"tensorflow": "2.21.0"}})


def test_a_side_inherits_nothing_that_belongs_to_this_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOT_INHERITED:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("DENSEBENCH_DATA", "/data")
    assert not set(NOT_INHERITED) & set(side_environment())
    assert side_environment()["DENSEBENCH_DATA"] == "/data"


# Disks that are full.


class Disk:
    """A disk that is full below one folder until `room` is set."""

    def __init__(self, full: Path) -> None:
        self.full, self.room = full, False

    def write(self, path: Path, content: bytes) -> None:
        if path.is_relative_to(self.full) and not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomically(path, content)


def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Keeper, Disk, io.StringIO]:
    (tmp_path / "results").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    shown, disk = io.StringIO(), Disk(tmp_path / "results")
    return Keeper(tmp_path / "results" / "run.json", Progress(shown), disk.write), disk, shown


def content(rows: list[Row]) -> dict[str, Any]:
    return run_content(rows, ABOUT, complete=False)


def test_a_full_disk_is_told_and_tried_again_after_each_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, disk, shown = kept(tmp_path, monkeypatch)
    rows = [Row(INFER)]
    fought(FakeArena(noise=0.3), rows, budget_s=30.0, save=lambda: keeper.save(content(rows)))
    assert shown.getvalue().count("NOT SAVED, will try again") == 3
    disk.room = True
    keeper.finish(content(rows))
    assert keeper.error is None
    assert len(read_duel(tmp_path / "results" / "run.json")[1][0].blocks) == 3


def test_what_the_results_folder_cannot_take_goes_to_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, _, shown = kept(tmp_path, monkeypatch)
    rows = [Row(INFER)]
    fought(FakeArena(), rows)
    keeper.finish(content(rows))
    assert f"Wrote:\n  {tmp_path / 'run.json'}" in shown.getvalue()
    assert len(read_duel(tmp_path / "run.json")[1][0].blocks) == 8


def test_a_duel_that_could_not_be_saved_at_all_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, disk, shown = kept(tmp_path, monkeypatch)
    disk.full = tmp_path
    keeper.finish(content([Row(INFER)]))
    assert keeper.error is not None
    assert shown.getvalue().rstrip().endswith("No space left on device")


def test_a_row_without_blocks_survives_the_file(tmp_path: Path) -> None:
    row = Row(INFER, failed="HEAD: the worker ended with status 1")
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content([row])), encoding="utf-8")
    (again,) = read_duel(path)[1]
    assert again == replace(row)
