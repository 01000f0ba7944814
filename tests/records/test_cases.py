from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.records.cases import case_name, named_with_trainer
from bench.records.record import read_run
from bench.trials.cases import known_cases
from tests.fake_runs import run_content, train_row


def test_a_name_has_stage_and_model_and_then_its_values_in_one_order() -> None:
    assert case_name("infer", "deep_mlp", threads=1, batch=32) == "infer[deep_mlp,batch=32,threads=1]"
    assert case_name("train", "deep_mlp", trainer="fit") == "train[deep_mlp,trainer=fit]"
    assert case_name("reproduce", "t4") == "reproduce[t4]"
    with pytest.raises(ValueError, match="no colour"):
        case_name("train", "deep_mlp", colour="red")


@pytest.mark.parametrize(
    ("name", "trainer", "found"),
    [
        ("train[deep_mlp]", "compiled", "train[deep_mlp,trainer=compiled]"),
        ("train[deep_mlp]", None, "train[deep_mlp]"),
        ("train[deep_mlp,trainer=fit]", "compiled", "train[deep_mlp,trainer=fit]"),
        ("infer[deep_mlp,batch=1,threads=1]", "fit", "infer[deep_mlp,batch=1,threads=1]"),
        ("train", "fit", "train"),
    ],
)
def test_an_older_training_gets_the_name_that_it_has_today(name: str, trainer: str | None, found: str) -> None:
    assert named_with_trainer(name, trainer) == found


def test_a_stored_run_with_older_names_is_read_by_todays_and_misses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_content([train_row()])), encoding="utf-8")
    run = read_run(path)
    assert [record.case for record in run.records] == ["train[deep_mlp,trainer=compiled]"]
    assert run.missing == ()


def test_every_case_of_trials_is_named_by_the_grammar() -> None:
    for name, case in known_cases(2).items():
        values: dict[str, str | int] = {"trainer": case.trainer}
        if case.stage in {"call", "predict"}:
            values = {"batch": case.batch_size}
        elif case.stage == "infer":
            values = {"batch": case.batch_size, "threads": case.threads}
        assert name == case_name(case.stage, case.recipe, **values)
