"""What is published is measured anew by the commands that its runs have stored, and goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.commands.report.measure import Part, forget, measure, plan
from bench.errors import DensebenchError
from bench.records.record import RunReader
from bench.records.run_file import PUBLISHED
from bench.report.registry import read_shown

PARTS = [
    Part("suite", "bench", "pytest bench/ --benchmark-only"),
    Part("trainers", "trainers", "python -m bench trainers"),
]


class Tox:
    """Stores an empty run per call, but for the calls that it is to fail."""

    def __init__(self, results: Path, failing: Sequence[int] = ()) -> None:
        self.folder = results / "raw" / "machine"
        self.failing = failing
        self.calls: list[list[str]] = []

    def __call__(self, words: Sequence[str]) -> int:
        self.calls.append(list(words))
        if len(self.calls) in self.failing:
            return 3
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"run{len(list(self.folder.iterdir()))}.json").write_text("{}", encoding="utf-8")
        return 0


def test_each_command_of_a_pinned_run_is_run_once_in_its_environment() -> None:
    parts = plan(read_shown(PUBLISHED, RunReader()), [])
    commands = [part.command for part in parts]
    assert len(commands) == len(set(commands))
    assert Part("suite", "bench", "pytest bench/ --benchmark-only") in parts
    assert Part("devices", "jax", "pytest bench/ --benchmark-only --backend=jax") in parts
    assert Part("trainers", "trainers", "python -m bench trainers") in parts
    assert PARTS[0].words == ["exec", "-e", "bench", "--", "python", "-m", "pytest", "bench/", "--benchmark-only"]


def test_what_was_added_to_a_stored_file_is_measured_anew() -> None:
    part = Part("releases", "bench", "python -m bench releases --budget=1m '--resume=…/run.json' --quick")
    assert part.words[4:] == ["python", "-m", "bench", "releases", "--budget=1m", "--quick"]


def test_it_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    tox = Tox(tmp_path, failing=[2])
    with pytest.raises(DensebenchError, match="status 3 and stored no run"):
        measure(PARTS, tmp_path, lambda _line: None, tox)
    told: list[str] = []
    assert measure(PARTS, tmp_path, told.append, tox) == ["run0", "run1"]
    assert len(tox.calls) == 3
    assert "measured already" in told[0]
    forget(tmp_path)
    assert measure(PARTS, tmp_path, told.append, tox) == ["run2", "run3"]


@pytest.mark.parametrize("text", ["{", json.dumps([1])])
def test_a_broken_note_of_what_is_done_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "measured.json").write_text(text, encoding="utf-8")
    with pytest.raises(DensebenchError, match=r"measured\.json: .*Delete it"):
        measure(PARTS, tmp_path, lambda _line: None, Tox(tmp_path))


def test_an_unknown_kind_and_one_that_is_not_published_are_named(tmp_path: Path) -> None:
    nothing = read_shown(tmp_path, RunReader())
    with pytest.raises(DensebenchError, match="unknown kind of run 'trainer'"):
        plan(nothing, ["trainer"])
    with pytest.raises(DensebenchError, match="no run of bisections is published"):
        plan(nothing, ["bisections"])
