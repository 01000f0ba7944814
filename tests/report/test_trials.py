"""A trial's page: its sentence, counts and tables say what its rows say."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.commands.judging import exit_status
from bench.errors import ALARM
from bench.inference.own_models.file import ModelFile
from bench.progress import Progress
from bench.records.record import RunFileError, read_run
from bench.records.run_file import encode_run
from bench.records.trials import BASE, HEAD, StoredTrial, trial_of
from bench.report.pages.duels import duels_page
from bench.report.pages.trials import answer, counts, trial_page
from bench.trials import processes, surveying
from bench.trials.cases import known_cases
from bench.trials.engine import run_trial
from tests.fake_runs import run_content
from tests.fake_trial import CALL, FIT, INFER, Machine, make_trial


def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine, **options: object) -> StoredTrial:
    trial = make_trial(FIT, CALL, INFER, **options)  # type: ignore[arg-type]
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)
    monkeypatch.setattr(processes, "start", machine.start)
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
    page = duels_page([trial, trial])
    assert page.count("and faster in places") == 2
    assert page.count("## tensorflow==HEAD, tensorflow==HEAD 2 against tensorflow==BASE\n") == 2
    assert "### HEAD 2: tensorflow==HEAD 2\n" in page


def test_duels_of_fewer_cases_stand_below_the_others_and_are_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = stored(tmp_path, monkeypatch, Machine())
    options = msgspec.structs.replace(wide.options, counts={FIT.name: 100})
    metadata = msgspec.structs.replace(wide.run.metadata, trial=options, started_at="2999-01-01T00:00:00+00:00")
    narrow = trial_of(replace(wide.run, metadata=metadata))
    page = duels_page([narrow, wide])
    assert page.index("\n1 duel on") < page.index("\n1 duel of fewer cases on")
    assert page.index(wide.run.started_at[:10]) < page.index("2999-01-01")
    assert duels_page([wide]).count("1 duel") == 0


def test_accuracy_that_differs_says_what_it_cannot_exclude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = trial_page(stored(tmp_path, monkeypatch, Machine(weights={HEAD: "others"}), budget_s=0.0))
    assert "cannot exclude a loss in fewer than 31% of seeds" in page


MINE = ModelFile(name="mine", kind="keras", path="/models/mine.keras", sha256="ab" * 32, trusted=False)
LOADED = {"accuracies": [], "weights": [], "answers": ["a"], "graph": "g", "inputs": "image float32 (N, 28, 28, 1)"}
UNLOADED = {"accuracies": [], "weights": [], "answers": [], "failed": "does not load: ValueError: no such layer"}
RIGHT = {"images": 32, "max_abs_diff": 1e-8, "own_abs_diff": 2e-8, "allowed_abs_diff": 1e-7}


def own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Mapping[str, Any], head: Mapping[str, Any]
) -> StoredTrial:
    """A trial of a model of the user's own, of whose HEAD this is told."""
    case = known_cases(1, {"mine": MINE})["call[mine,batch=1]"]
    trial = make_trial(case, budget_s=0.0, files={"mine": MINE})
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)
    monkeypatch.setattr(processes, "start", Machine(surveys={BASE: LOADED, HEAD: told}).start)
    monkeypatch.setattr(surveying, "certify", lambda *_words: {BASE: RIGHT, HEAD: head} if head else {BASE: RIGHT})
    run_trial(trial, save=lambda: None, progress=Progress(io.StringIO()))
    path = tmp_path / "trial.json"
    path.write_bytes(encode_run(*trial.content(complete=True)))
    return trial_of(read_run(path))


def test_a_model_of_ones_own_is_told_with_its_file_its_inputs_and_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = own(tmp_path, monkeypatch, LOADED, RIGHT)
    page = trial_page(trial)
    assert f"mine is mine.keras (SHA-256 {'ab' * 6}…); its inputs are made up: image float32 (N, 28, 28, 1)" in page
    assert "both give the same answers to 32 examples, bit for bit" in page
    assert "/models" not in page
    assert not trial.broken((BASE, HEAD))
    apart = own(tmp_path, monkeypatch, {**LOADED, "answers": ["b"]}, RIGHT)
    assert "off the exact ones by at most 1.0e-08 (1.0e-07 is allowed)" in trial_page(apart)


@pytest.mark.parametrize(
    ("told", "head", "reason"),
    [
        (UNLOADED, {}, "does not load: ValueError: no such layer"),
        (LOADED, {**RIGHT, "faults": ["2 of 32 predictions changed"]}, "2 of 32 predictions changed"),
    ],
)
def test_a_model_that_does_not_load_or_answers_otherwise_is_a_finding_and_an_alarm(
    told: Any, head: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = own(tmp_path, monkeypatch, told, head)
    assert trial_page(trial).startswith(f"**`tensorflow==HEAD` is not fit for mine: {reason}**")
    assert exit_status(trial, trial.pairs) == ALARM


def test_another_run_is_no_trial(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_content([])), encoding="utf-8")
    with pytest.raises(RunFileError, match="not the run file of a trial"):
        trial_of(read_run(path))
