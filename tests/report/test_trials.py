"""A trial's page: its sentence, counts and tables say what its rows say."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.progress import Progress
from bench.records.record import RunFileError, read_run
from bench.records.run_file import encode_run
from bench.records.trials import HEAD, StoredTrial, trial_of
from bench.report.pages.trials import answer, counts, trial_page, trials_page
from bench.trials import engine
from bench.trials.engine import run_trial
from tests.fake_runs import run_content
from tests.fake_trial import CALL, FIT, INFER, Machine, make_trial


def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine, **options: object) -> StoredTrial:
    trial = make_trial(FIT, CALL, INFER, **options)  # type: ignore[arg-type]
    monkeypatch.setattr(engine, "check_identity", lambda *_words: None)
    monkeypatch.setattr(engine, "_start", machine.start)
    run_trial(trial, save=lambda: None, progress=Progress(io.StringIO()))
    path = tmp_path / "trial.json"
    path.write_bytes(encode_run(*trial.content(complete=True)))
    return trial_of(read_run(path))


def test_the_answer_is_a_sentence_with_its_error_rate_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = trial_page(stored(tmp_path, monkeypatch, Machine(factor={(HEAD, "call"): 1.2})))
    first = page.splitlines()[0]
    assert first.startswith("**`tensorflow==HEAD` is slower than `tensorflow==BASE`: call[deep_mlp,batch=1]")
    assert "2 worse, 0 better" in first
    assert "a false alarm in at most 1 of 100 such trials" in first
    changed = [line for line in page.splitlines() if line.startswith(("| call[", "| train["))]
    assert len(changed) == 2, "rows that did not change are in one line"
    assert "Same: " in page
    assert "not timed: deep_mlp" in page
    assert "tensorflow BASE" in page
    assert "identical, bit for bit, in 8 seeds" in page


def test_what_is_the_same_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = stored(tmp_path, monkeypatch, Machine())
    assert "nowhere slower than" in answer(trial)
    assert counts(trial.rows)["cannot tell"] == 0 or "nothing got worse as far as can be told" in answer(trial)


def test_before_enough_rounds_nothing_is_told_and_each_row_says_what_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = trial_page(stored(tmp_path, monkeypatch, Machine(), budget_s=0.0))
    assert "nothing can be told" in page
    assert "about 7" in page


def test_memory_that_is_all_that_got_worse_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def more(role: str, _number: int, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        told = {name: {"first_s": 0.5} for name in (FIT.name, CALL.name, INFER.name)}
        bytes_ = 6e8 if role == HEAD else 5e8
        return {"import_s": 2.0, "peak_bytes": bytes_, "cases": told} if request["do"] == "begin" else None

    trial = stored(tmp_path, monkeypatch, Machine(trouble=more))
    assert "takes more memory than `tensorflow==BASE`: memory[process] peak memory 1.200" in answer(trial)


def test_each_environment_has_its_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = stored(tmp_path, monkeypatch, Machine(factor={("HEAD 2", "train"): 0.8}), heads=2)
    one, other = answer(trial).split("\n\n")
    assert "faster" not in one
    assert "and faster in places" in other
    assert trials_page([trial, trial]).count("and faster in places") == 2


def test_accuracy_that_differs_says_what_it_cannot_exclude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = trial_page(stored(tmp_path, monkeypatch, Machine(weights={HEAD: "others"}), budget_s=0.0))
    assert "cannot exclude a loss in fewer than 31% of seeds" in page


def test_another_run_is_no_trial(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_content([])), encoding="utf-8")
    with pytest.raises(RunFileError, match="not the run file of a trial"):
        trial_of(read_run(path))
