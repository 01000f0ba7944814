"""The self-test's command: duels are stored one by one, gone on with, and judged from what is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.commands import selftest as command
from bench.records.record import RunReader
from bench.records.selftests import read_selftest_duels
from bench.report.pages.selftest import gate_table
from tests.fake_duel import INFER, TRAIN, lose
from tests.fake_selftest import FakeGround, injected, table


@pytest.fixture
def arenas(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    made: list[str | None] = []

    def arena(*words: Any) -> FakeGround:
        made.append(words[5])
        return injected(words[5])

    monkeypatch.setattr(command, "ProcessArena", arena)
    return made


def selftest(results: Path, *words: str) -> int:
    cases = f"{TRAIN.name},infer[deep_mlp,batch=1,threads=1]"
    options = ["--cases", cases, "--dataset", "digits", "--results", str(results), *words]
    return main(["selftest", *options])


def test_a_self_test_stores_each_duel_and_goes_on_where_it_stopped(
    arenas: list[str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest(tmp_path, "--duels", "1", "--inject", "none,5%,labels:50%") == 0
    assert arenas == [None, "train:5%", "labels:50%", None, "infer:5%"]
    page = (tmp_path / "tables" / "selftest.md").read_text(encoding="utf-8")
    assert page in capsys.readouterr().out
    first = {one.key: one.metadata["duel"]["seed"] for one in read_selftest_duels(tmp_path, RunReader())[0]}
    assert selftest(tmp_path, "--duels", "2", "--inject", "none,5%,labels:50%", "--resume") == 0
    assert len(arenas) == 10
    duels, warnings = read_selftest_duels(tmp_path, RunReader())
    assert (len(duels), warnings) == (10, [])
    assert len({one.metadata["selftest"]["id"] for one in duels}) == 1
    assert first.items() < {one.key: one.metadata["duel"]["seed"] for one in duels}.items()
    cells = table(gate_table(duels))
    assert [line[1] for line in cells] == ["0 of 2 (0–84 %)", "0 of 2 (0–84 %)", "0 of 4 (0–60 %)"]
    assert [line[3] for line in cells[:2]] == ["2 of 2 (16–100 %)"] * 2
    assert cells[0][4] == "2 of 2 (16–100 %), 5.0 points"


def test_the_report_makes_the_same_page(arenas: list[str | None], tmp_path: Path) -> None:
    selftest(tmp_path, "--duels", "1", "--inject", "none")
    page = tmp_path / "tables" / "selftest.md"
    before = page.read_text(encoding="utf-8")
    page.unlink()
    assert main(["report", "--results", str(tmp_path)]) == 0
    assert page.read_text(encoding="utf-8") == before
    assert len(arenas) == 2


def test_another_self_test_is_not_gone_on_with(
    arenas: list[str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest(tmp_path, "--resume") == 4
    assert "no self-test is stored" in capsys.readouterr().err
    selftest(tmp_path, "--duels", "1", "--inject", "none")
    assert selftest(tmp_path, "--resume", "--margin", "2%") == 4
    assert "margin 0.03, now 0.02" in capsys.readouterr().err
    assert len(arenas) == 2


def test_false_alarms_beyond_the_promise_fail_the_self_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "ProcessArena", lambda *_words: FakeGround({INFER.name: 1.1}))
    assert selftest(tmp_path, "--duels", "2", "--inject", "none") == 1


def test_a_case_that_fails_is_kept_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ProcessArena", lambda *_words: FakeGround(trouble=lose("HEAD", 1, 2)))
    assert selftest(tmp_path, "--duels", "1", "--inject", "none") == 3
    assert "FAILED, not counted: 1 duel of train[deep_mlp,trainer=fit]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["--total", "1m"], "leave no time for a single duel"),
        (["--duels", "0"], "leave no time"),
        (["--inject", "x"], "'x' is none of"),
    ],
)
def test_bad_options_get_one_line(
    words: list[str], warning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest(tmp_path / "results", *words) == 4
    assert warning in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_other_files_are_said_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "machine" / "selftest"
    folder.mkdir(parents=True)
    (folder / "broken.json").write_text(json.dumps({"benchmarks": []}), encoding="utf-8")
    duels, warnings = read_selftest_duels(tmp_path, RunReader())
    assert duels == []
    assert "broken.json" in warnings[0]
