"""What a continuous integration reads: a comment only where something changed, JUnit XML, a summary, annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from junitparser import Failure, JUnitXml, Skipped

from bench.commands.ci import ON_GITHUB, STEP_SUMMARY, tell_ci
from bench.errors import DensebenchError
from bench.progress import Progress
from bench.records.trials import HEAD, StoredTrial
from bench.report.ci import MARK, annotation_lines, comment, junit, summary
from bench.report.pages.trials import counts
from tests.fake_trial import Machine, Process
from tests.report.test_trials import UNLOADED, own, stored

SLOWER = {(HEAD, "call"): 1.2}
FASTER = {(HEAD, "call"): 0.8}
MANY = {(role, stage): 1.3 for role in (HEAD, "HEAD 2") for stage in ("call", "train")}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stored trial of a machine."""

    def make_stored(machine: Machine, **options: Any) -> StoredTrial:
        return stored(tmp_path, monkeypatch, machine, **options)

    return make_stored


def cases(trial: StoredTrial) -> list[ET.Element]:
    return ET.fromstring(junit(trial, trial.pairs)).findall(".//testcase")  # noqa: S314  of our own making


def test_nothing_changed_makes_no_comment_and_no_failure(make: Any) -> None:
    for trial in (make(Machine()), make(Machine(), budget_s=0.0)):
        assert comment(trial, trial.pairs) == ""
        assert all(line.startswith("::notice title=densebench::") for line in annotation_lines(trial, trial.pairs))
        assert not [one for one in cases(trial) if one.find("failure") is not None]
        assert len(cases(trial)) == len(trial.rows) + 1, "and one of accuracy"
    assert [one for one in cases(trial) if one.find("skipped") is not None], "after one round nothing can be told"


@pytest.mark.parametrize(("factor", "word"), [(SLOWER, "slower"), (FASTER, "faster")])
def test_a_change_makes_a_comment_that_says_it_and_names_what_differs(make: Any, factor: Any, word: str) -> None:
    trial = make(Machine(factor=factor))
    text = comment(trial, trial.pairs)
    assert text.startswith(f"{MARK}\n**`tensorflow==HEAD` is ")
    assert f"| {word}" in text
    assert "What differs: tensorflow: tensorflow BASE → tensorflow HEAD." in text
    assert len(text.splitlines()) <= 15
    failures = [one for one in cases(trial) if one.find("failure") is not None]
    assert len(failures) == (2 if word == "slower" else 0)
    assert annotation_lines(trial, trial.pairs)[0].startswith("::error" if word == "slower" else "::notice")


def test_many_changes_are_a_comment_of_fifteen_lines_at_most(make: Any) -> None:
    trial = make(Machine(factor=MANY), heads=2)
    text = comment(trial, trial.pairs)
    assert len(text.splitlines()) <= 15
    assert "3 further changes in the report. 1 further environment in the report." in text


def test_less_accuracy_is_a_failure_with_its_figures(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    survey = Process.survey

    def worse(self: Process, recipes: list[str], seeds: list[int]) -> dict[str, Any]:
        told = survey(self, recipes, seeds)
        lost = {"accuracies": [0.55] * len(seeds), "weights": ["x"] * len(seeds), "answers": ["y"] * len(seeds)}
        changed = {name: {**one, **lost} for name, one in told["recipes"].items()}
        return {**told, "recipes": changed} if self.role == HEAD else told

    monkeypatch.setattr(Process, "survey", worse)
    trial = make(Machine())
    assert "deep_mlp: less accurate, 0.9000 → 0.5500" in comment(trial, trial.pairs)
    (failed,) = [one for one in cases(trial) if one.find("failure") is not None]
    assert (failed.get("classname"), failed.get("name")) == ("deep_mlp", "accuracy")


def test_a_library_that_reads_junit_finds_the_same(make: Any) -> None:
    trial = make(Machine(factor=MANY), heads=2)
    read = JUnitXml.fromstring(junit(trial, trial.pairs))
    assert [suite.name for suite in read] == [
        "tensorflow==HEAD against tensorflow==BASE",
        "tensorflow==HEAD 2 against tensorflow==BASE",
    ]
    for suite, pair in zip(read, trial.pairs, strict=True):
        rows, found = trial.rows_of(pair), [type(one.result[0]) if one.result else None for one in suite]
        number = counts(rows)
        assert suite.tests == len(rows) + 1 == len(found)
        assert suite.failures == number["worse"] == found.count(Failure) > 0
        assert suite.skipped == number["cannot tell"] == found.count(Skipped)
        assert [one.classname for one in suite] == [*(row.case for row in rows), "deep_mlp"]


def test_what_does_not_load_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = own(tmp_path, monkeypatch, UNLOADED, {})
    assert "is not fit for mine: does not load" in comment(trial, trial.pairs)
    (case,) = cases(trial)
    assert case.find("error") is not None
    assert annotation_lines(trial, trial.pairs)[0].startswith("::error")


def test_files_are_written_where_they_are_asked_for_and_the_summary_where_github_says(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    trial = make(Machine(factor=SLOWER))
    monkeypatch.setenv(STEP_SUMMARY, str(tmp_path / "summary.md"))
    monkeypatch.setenv(ON_GITHUB, "true")
    (tmp_path / "summary.md").write_text("before\n", encoding="utf-8")
    asked = Namespace(comment=tmp_path / "comment.md", junit=tmp_path / "junit.xml")
    written = tell_ci(asked, trial, trial.pairs, Progress(sys.stdout))
    assert len(written) == 2
    assert asked.comment.read_text(encoding="utf-8") == comment(trial, trial.pairs)
    assert asked.junit.read_bytes() == junit(trial, trial.pairs)
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == f"before\n{summary(trial)}"
    assert "::error title=densebench::" in capsys.readouterr().out
    with pytest.raises(DensebenchError, match="could not be written"):
        tell_ci(Namespace(comment=tmp_path / "no" / "x", junit=None), trial, trial.pairs, Progress(sys.stdout))
