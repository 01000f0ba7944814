from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.data.datasets import Dataset, load_dataset
from bench.errors import DensebenchError, Unavailable
from bench.records.cases import Case
from bench.records.injection import Injection, parse_injection
from bench.trials.duels import worker
from bench.trials.duels.cases import known_cases
from bench.trials.duels.work import (
    CALLS,
    Invalid,
    Work,
    export_model,
    prepare_inference,
    prepare_training,
    seconds_per_call,
)
from bench.trials.duels.worker import Settings, serve_turns
from models import RECIPES

CASES = known_cases(1)
INFER = CASES["infer[logistic_regression,batch=1,threads=1]"]
TRAIN = CASES["train[logistic_regression,trainer=scikit-learn]"]
NOTHING = Injection()


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("digits")


def settings(**changes: Any) -> Settings:
    plain = Settings(
        case=asdict(TRAIN), dataset="digits", data_dir=None, threads=1, seed=1, epochs=2, folder="/nowhere"
    )
    return replace(plain, **changes)


def answers(monkeypatch: pytest.MonkeyPatch, prepared: Any, *requests: str) -> list[dict[str, Any]]:
    monkeypatch.setattr(worker, "prepared", prepared)
    sent: list[Mapping[str, Any]] = []
    serve_turns(settings(), [json.dumps({"do": request}) for request in requests], sent.append)
    return [dict(answer) for answer in sent]


def test_a_worker_prepares_once_and_answers_each_turn_with_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    @contextmanager
    def prepared(_settings: Settings) -> Iterator[tuple[Work, dict[str, Any]]]:
        log.append("open")
        yield Work(iter([1.5, 2.5]).__next__), {"test_accuracy": 0.8}
        log.append("close")

    told = answers(monkeypatch, prepared, "prepare", "turn", "turn")
    assert told[0] == {"test_accuracy": 0.8}
    assert [answer["value_s"] for answer in told[1:]] == [1.5, 2.5]
    assert all("steal_s" in answer["contamination"] for answer in told[1:])
    assert log == ["open", "close"]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Unavailable("the optimizer is unknown"), {"unavailable": "the optimizer is unknown"}),
        (ModuleNotFoundError("No module named 'onnxruntime'"), {"unavailable": "No module named 'onnxruntime'"}),
        (Invalid("below the floor"), {"failed": "Invalid: below the floor"}),
        (MemoryError(), {"failed": "MemoryError: "}),
    ],
)
def test_what_cannot_be_prepared_is_answered_with_its_reason_every_time(
    error: Exception, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def prepared(_settings: Settings) -> Iterator[tuple[Work, dict[str, Any]]]:
        raise error
        yield

    assert answers(monkeypatch, prepared, "prepare", "turn") == [answer, answer]


def test_a_turn_that_fails_is_answered_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def prepared(_settings: Settings) -> Iterator[tuple[Work, dict[str, Any]]]:
        def turn() -> float:
            raise FloatingPointError("nan")

        yield Work(turn), {}

    assert answers(monkeypatch, prepared, "prepare", "turn")[1] == {"failed": "FloatingPointError: nan"}


def test_settings_survive_the_way_into_the_process() -> None:
    one = settings(injection="train:5%", scout=True)
    again = Settings(**json.loads(one.to_json()))
    assert again == one
    assert Case(**again.case) == TRAIN


# Planted changes are real work.


@pytest.mark.parametrize(
    ("text", "injection"), [("train:5%", Injection("train", 0.05)), ("labels:2.5%", Injection("labels", 0.025))]
)
def test_what_is_injected_is_named_by_kind_and_share(text: str, injection: Injection) -> None:
    assert parse_injection(text) == injection
    assert parse_injection(None) == NOTHING


@pytest.mark.parametrize("text", ["train", "train:5", "sleep:5%", "train:-5%", ""])
def test_anything_else_is_not_injected(text: str) -> None:
    with pytest.raises(DensebenchError, match="is none of train:5%, infer:5%, labels:5%"):
        parse_injection(text)


def test_a_injected_inference_makes_more_calls_within_the_same_group() -> None:
    now_s = [0.0]

    def call() -> None:
        now_s[0] += 2.0

    def clock() -> float:
        return now_s[0]

    assert seconds_per_call(call, NOTHING.more("infer", CALLS), 3, clock) == 2.0
    assert now_s == [600.0]
    assert seconds_per_call(call, parse_injection("infer:5%").more("infer", CALLS), 3, clock) == pytest.approx(2.1)
    assert now_s == [600.0 + 630.0]


@pytest.mark.slow
def test_a_injected_training_trains_on_more_images(dataset: Dataset) -> None:
    plain = prepare_training(TRAIN, dataset, seed=1, epochs=1, injection=NOTHING)
    injected = prepare_training(TRAIN, dataset, seed=1, epochs=1, injection=parse_injection("train:5%"))
    other = prepare_training(TRAIN, dataset, seed=1, epochs=1, injection=parse_injection("infer:5%"))
    assert (plain.facts, injected.facts) == ({"train_images": 1437}, {"train_images": 1509})
    assert other.facts == plain.facts


def test_injected_labels_are_wrong_in_so_many_images_and_leave_the_given_ones_alone() -> None:
    labels = np.zeros(20_000, np.int64)
    injected = parse_injection("labels:20%").labels(labels, 10, seed=1)
    assert np.count_nonzero(injected) / 20_000 == pytest.approx(0.2 * 0.9, abs=0.01)
    assert not labels.any()
    assert np.array_equal(injected, parse_injection("labels:20%").labels(labels, 10, seed=1))


# Real work, small.


@pytest.mark.slow
def test_equal_seeds_are_scored_alike_and_a_turn_takes_time(dataset: Dataset) -> None:
    one, again, other = (prepare_training(TRAIN, dataset, seed=seed, epochs=2, injection=NOTHING) for seed in (1, 1, 2))
    assert one.test_accuracy == again.test_accuracy != other.test_accuracy
    assert one.turn() > 0


def test_a_training_that_learns_nothing_is_invalid(dataset: Dataset) -> None:
    with pytest.raises(Invalid, match=r"test accuracy 0\.\d+ is below the floor of 0.3"):
        prepare_training(TRAIN, dataset, seed=1, epochs=1, injection=parse_injection("labels:100%"))


@pytest.mark.slow
def test_a_scout_exports_once_and_tells_what_it_runs_on(tmp_path: Path) -> None:
    scout = settings(case=asdict(INFER), folder=str(tmp_path), scout=True)
    with worker.prepared(scout) as (work, told):
        assert work.turn() > 0
    assert told["parity"]["changed_predictions"] == 0
    assert told["packages"]["onnxruntime"]
    written = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert set(written) == {"logistic_regression.onnx", "logistic_regression.npy"}
    with worker.prepared(replace(scout, scout=False)) as (_, told):
        assert "packages" not in told
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


def test_a_session_that_answers_otherwise_is_not_timed(dataset: Dataset, tmp_path: Path) -> None:
    export_model(INFER, dataset, tmp_path, seed=1)
    reference = tmp_path / "logistic_regression.npy"
    np.save(reference, np.load(reference)[:, ::-1])
    with pytest.raises(Invalid, match="predictions changed"), prepare_inference(INFER, dataset, tmp_path, NOTHING):
        pass


def test_every_known_case_names_a_recipe_and_a_way_to_train() -> None:
    for case in CASES.values():
        assert case.recipe in RECIPES
        assert case.trainer in {"fit", "compiled", "scikit-learn"}
