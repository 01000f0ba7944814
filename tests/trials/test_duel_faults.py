"""What goes wrong in a duel: processes that die and hang, sides that lack something, disks that are full."""

from __future__ import annotations

import errno
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.errors import DensebenchError
from bench.files import write_atomically
from bench.host.process import NOT_INHERITED, side_environment
from bench.progress import Progress
from bench.records.duels import Row, run_content
from bench.records.run_file import Content, RunWriter, encode_run
from bench.trials.duels.arena import ProcessArena, check_packages
from bench.trials.duels.blocks import SideFailed, SideMissing
from bench.trials.duels.sides import Side
from tests.fake_duel import INFER, METADATA, TRAIN, FakeArena, read_duel, selftest_duels

# Sides that fail.


def arena_of(tmp_path: Path, script: str, timeout_s: float = 60.0) -> ProcessArena:
    """An arena whose interpreters are shell scripts."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    side = Side("broken", python)
    return ProcessArena({"BASE": side, "HEAD": side}, "digits", None, 1, 1, timeout_s=timeout_s)


class FakeWorker:
    """A scout that answers as told."""

    def __init__(self, side: str, prepared: dict[str, Any], log: list[str]) -> None:
        self.side, self.prepared, self.log = side, prepared, log

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.log.append(f"{request['do']} {self.side}")
        return self.prepared if request["do"] == "prepare" else {"value_s": 0.1 if self.side == "HEAD" else 0.02}

    def close(self) -> None:
        self.log.append(f"close {self.side}")


def scouted(base: dict[str, Any], head: dict[str, Any], row: Row) -> tuple[ProcessArena, list[str]]:
    log: list[str] = []
    answers = {"BASE": base, "HEAD": head}
    arena = ProcessArena({}, "digits", None, 1, 1)
    arena._start = lambda side, *_words, **_options: FakeWorker(side, answers[side], log)  # type: ignore[method-assign]
    try:
        arena.scout(row)
    finally:
        arena.close()
        assert sorted(log[-2:]) == ["close BASE", "close HEAD"]
    return arena, log


def test_scouts_prepare_together_and_choose_the_epochs_by_the_faster_side() -> None:
    row = Row(TRAIN)
    arena, log = scouted({"packages": {"numpy": "1"}}, {"packages": {"numpy": "2"}}, row)
    assert log[:2] == ["prepare BASE", "prepare HEAD"]
    assert row.epochs == 3
    assert arena.packages == {"BASE": {"numpy": "1"}, "HEAD": {"numpy": "2"}}


def test_a_duel_that_goes_on_keeps_its_epochs() -> None:
    row = Row(TRAIN, epochs=7)
    selftest_duels(FakeArena(), [row], budget_s=10.0)
    scouted({"packages": {}}, {"packages": {}}, row)
    assert row.epochs == 7


def test_what_one_side_lacks_is_missing_there_and_what_both_lack_has_failed() -> None:
    has: dict[str, Any] = {"packages": {}}
    lacks = {"unavailable": "No module named 'onnxruntime'"}
    for base, head, side in ((lacks, has, "BASE"), (has, lacks, "HEAD")):
        with pytest.raises(SideMissing, match=f"^{side}: No module") as caught:
            scouted(base, head, Row(INFER))
        assert caught.value.side == side
    with pytest.raises(SideFailed, match="both sides: do not have it"):
        scouted(lacks, lacks, Row(INFER))


@pytest.mark.parametrize(
    ("script", "warning"),
    [
        ("kill -9 $$", r"BASE: the worker was killed by signal 9$"),
        ("echo 'No module named numpy' >&2; exit 1", r"ended with status 1; its last words: No module named numpy$"),
        ("exec sleep 60", r"BASE: the worker gave no answer within 200 ms$"),
    ],
)
def test_a_side_that_dies_or_hangs_says_so(script: str, warning: str, tmp_path: Path) -> None:
    arena = arena_of(tmp_path, script, timeout_s=0.2 if "sleep" in script else 60.0)
    with pytest.raises(SideFailed, match=warning):
        arena.scout(Row(INFER))
    with pytest.raises(SideFailed, match=warning):
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


def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunWriter, Disk, io.StringIO]:
    (tmp_path / "results").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    shown, disk = io.StringIO(), Disk(tmp_path / "results")
    return RunWriter(tmp_path / "results" / "run.json", Progress(shown), disk.write), disk, shown


def content(rows: list[Row]) -> Content:
    return run_content(rows, METADATA, complete=False)


def test_a_full_disk_is_told_and_tried_again_after_each_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, disk, shown = kept(tmp_path, monkeypatch)
    rows = [Row(INFER)]
    selftest_duels(FakeArena(noise=0.3), rows, budget_s=30.0, save=lambda: writer.save(content(rows)))
    assert shown.getvalue().count("NOT SAVED, will try again") == 3
    disk.room = True
    writer.finish(content(rows))
    assert writer.error is None
    assert len(read_duel(tmp_path / "results" / "run.json")[1][0].blocks) == 3


def test_what_the_results_folder_cannot_take_goes_to_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _, shown = kept(tmp_path, monkeypatch)
    rows = [Row(INFER)]
    selftest_duels(FakeArena(), rows)
    writer.finish(content(rows))
    assert f"instead:\n  {tmp_path / 'run.json'}" in shown.getvalue()
    assert len(read_duel(tmp_path / "run.json")[1][0].blocks) == 8


def test_a_duel_that_could_not_be_saved_at_all_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, disk, shown = kept(tmp_path, monkeypatch)
    disk.full = tmp_path
    writer.finish(content([Row(INFER)]))
    assert writer.error is not None
    assert shown.getvalue().rstrip().endswith("No space left on device")


def test_a_row_without_blocks_survives_the_file(tmp_path: Path) -> None:
    row = Row(INFER, failed="HEAD: the worker ended with status 1")
    path = tmp_path / "run.json"
    path.write_bytes(encode_run(*content([row])))
    (again,) = read_duel(path)[1]
    assert again == replace(row)
