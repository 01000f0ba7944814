"""A survey of compatibility, by processes that only say what they are to say."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.data.datasets import load_dataset
from bench.host.process import WorkerError
from bench.inference.own_models.answers import Answers
from bench.progress import Progress
from bench.records.outcomes import FAILS, IDENTICAL
from bench.trials.compatibility import survey as surveyed
from bench.trials.compatibility.costs import import_parts, installed_sizes
from bench.trials.compatibility.formats import FORMATS
from bench.trials.compatibility.sides import Asked
from bench.trials.compatibility.survey import show, survey
from bench.trials.compatibility.worker import GIVEN, Request
from bench.trials.environments import Environment

if TYPE_CHECKING:
    from bench.records.schema.compatibility import Compatibility

MODEL = "deep_mlp"
IDENTITY = {"python": "3.11.7", "packages": {"tensorflow": {"owners": {"tensorflow-cpu": "2.21.0"}}}}


class Process:
    """One process of an environment.

    Args:
        word: what its environment is called.
        off: by how much its answers to given inputs differ from 0.5.
        trouble: the answer to a request instead, or an error.
    """

    def __init__(self, word: str, request: Request, off: float, trouble: Any) -> None:
        self.word, self.request, self.off, self.trouble = word, request, off, trouble
        self.trained = 0

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        told = self.trouble(self.word, request)
        if isinstance(told, Exception):
            raise told
        if told:
            return dict(told)
        return dict(getattr(self, f"_{request['do']}")(**{name: one for name, one in request.items() if name != "do"}))

    def close(self) -> None:
        pass

    def _begin(self) -> dict[str, Any]:
        return {"identity": IDENTITY, "sizes": {"tensorflow-cpu": 100, "numpy": 20}}

    def _answer(self, model: str) -> dict[str, Any]:
        folder = Path(self.request.folder) / model
        folder.mkdir(parents=True)
        answers = [np.full((4, 2), 0.5 + self.off, np.float32)]
        Answers(answers, answers, (), 4).save(folder / GIVEN)
        return {"digest": str(self.off), "inputs": 4}

    def _save(self, model: str, form: str) -> dict[str, Any]:
        assert Path(self.request.folder, model).is_dir()
        return {"format": form, "size_bytes": 10, "warnings": []}

    def _load(self, model: str, form: str, folder: str) -> dict[str, Any]:
        assert Path(folder, model).is_dir()
        return {"format": form, "outcome": IDENTICAL, "max_abs_diff": 0.0}

    def _show(self, model: str, form: str, folder: str) -> dict[str, Any]:
        assert Path(folder, model).is_dir()
        return {"traceback": f"Traceback of {form}"}

    def _train(self, model: str) -> dict[str, Any]:
        return {"digests": [f"{model} {epoch}" for epoch in range(3)]}

    def _determine(self) -> dict[str, Any]:
        return {}

    def _grow(self, model: str) -> dict[str, Any]:
        assert model == MODEL
        return {"cycles_bytes": [1000, 1001]}


def nothing(_word: str, _request: Mapping[str, Any]) -> None:
    """No trouble."""


def asked(*roles: str) -> Asked:
    environments = {role: Environment(f"tensorflow=={role}", Path("python")) for role in roles}
    dataset = load_dataset("digits", None)
    return Asked(environments=environments, models=[MODEL], dataset=dataset, files={}, seed=1)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Surveys two environments."""
    monkeypatch.setattr(surveyed, "check_identity", lambda *_words: None)
    monkeypatch.setattr(surveyed, "time_import", lambda installed: (1.0, 5, {installed.word: 0.5, "numpy": 0.25}))

    def of(trouble: Any = nothing, off: float = 0.0, **changes: Any) -> Compatibility:
        def start(installed: Environment, request: Request, *_words: Any) -> Process:
            return Process(installed.word, request, off if installed.word.endswith("new") else 0.0, trouble)

        return survey(replace(asked("old", "new"), **changes), Progress(io.StringIO()), start=start)

    return of


def test_everything_is_loaded_by_everybody_and_trained_in_two_processes(run: Any) -> None:
    old, new = run().environments
    for one in (old, new):
        assert {(each.saver, each.format) for each in one.loaded} == {
            (who, form) for who in ("old", "new") for form in FORMATS
        }
        assert [len(each.runs) for each in one.trainings] == [2]
        assert [len(each.deterministic) for each in one.trainings] == [2]
        assert one.costs.sizes == {"tensorflow-cpu": 100, "numpy": 20}
        assert one.costs.imports_s == (1.0,) * 5
        assert one.costs.parts_s["numpy"] == (0.25,) * 5
        assert one.costs.cycles_bytes == (1000, 1001)
        assert one.packages == {"tensorflow": "tensorflow-cpu 2.21.0"}


def test_numbers_are_compared_with_those_of_the_first_environment(run: Any) -> None:
    old, new = run(off=0.25).environments
    assert (old.answers[0].max_abs_diff, old.answers[0].changed_predictions) == (0.0, 0)
    assert new.answers[0].max_abs_diff == 0.25
    assert old.answers[0].digest != new.answers[0].digest


def test_a_process_that_dies_loses_one_file_and_no_more(run: Any) -> None:
    def dies(word: str, request: Mapping[str, Any]) -> Exception | None:
        here = request["do"] == "load" and word.endswith("new") and request["form"] == "ONNX"
        return WorkerError("the worker was killed by signal 11") if here else None

    old, new = run(dies).environments
    assert {one.outcome for one in old.loaded} == {IDENTICAL}
    bad = [one for one in new.loaded if one.outcome == FAILS]
    assert {(one.format, one.reason) for one in bad} == {("ONNX", "the worker was killed by signal 11")}
    assert len(bad) == 2
    assert len(new.trainings[0].runs) == 2


def test_an_environment_that_does_not_start_is_left_out_and_said(run: Any) -> None:
    def lacks(word: str, request: Mapping[str, Any]) -> dict[str, str] | None:
        return {"failed": "ImportError: no"} if word.endswith("new") and request["do"] == "begin" else None

    old, new = run(lacks).environments
    assert new.failed == "ImportError: no"
    assert not new.loaded
    assert {one.saver for one in old.loaded} == {"old"}


def test_what_cannot_be_saved_is_not_loaded(run: Any) -> None:
    def fails(_word: str, request: Mapping[str, Any]) -> dict[str, str] | None:
        return {"unavailable": "no such layer"} if request["do"] == "answer" else None

    for one in run(fails).environments:
        assert {each.failed for each in one.saved} == {"no such layer"}
        assert not one.loaded


def test_a_process_that_dies_while_it_saves_loses_that_file_alone(run: Any) -> None:
    def dies(word: str, request: Mapping[str, Any]) -> Exception | None:
        here = request["do"] == "save" and word.endswith("old") and request["form"] == "TFLite"
        return WorkerError("the worker was killed by signal 6") if here else None

    old, new = run(dies).environments
    assert [(one.format, one.failed) for one in old.saved if one.failed] == [
        ("TFLite", "the worker was killed by signal 6")
    ]
    assert {one.format for one in new.loaded if one.saver == "old"} == {*FORMATS} - {"TFLite"}


def test_costs_may_be_left_out(run: Any) -> None:
    for one in run(costs=False).environments:
        assert not one.costs.imports_s
        assert not one.costs.cycles_bytes


def test_a_file_is_shown_with_all_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveyed, "check_identity", lambda *_words: None)

    def start(installed: Environment, request: Request, *_words: Any) -> Process:
        return Process(installed.word, request, 0.0, nothing)

    lines = show(asked("saves", "loads"), MODEL, ".keras", start=start)
    assert lines == [
        "deep_mlp as .keras, saved by tensorflow==saves, loaded by tensorflow==loads: fails",
        "Traceback of .keras",
    ]


def test_the_parts_of_an_import_are_what_packages_themselves_take() -> None:
    report = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       100 |        100 |   numpy.core\n"
        "import time:       200 |        300 | numpy\n"
        "import time:      1000 |       1300 | tensorflow\n"
    )
    assert import_parts(report) == pytest.approx({"numpy": 0.0003, "tensorflow": 0.001})


class Distribution:
    """An installed distribution."""

    def __init__(self, name: str, size: int, *required: str) -> None:
        self.metadata, self.requires = {"Name": name}, list(required)
        self.files = [type("File", (), {"size": size})()]


def test_the_size_is_that_of_all_that_is_required_once() -> None:
    found: list[Any] = [
        Distribution(
            "tensorflow-cpu",
            500,
            "numpy<3,>=1.26",
            "keras>=3.10; python_version >= '3.9'",
            "boto3; extra == 'and-cuda'",
        ),
        Distribution("keras", 20, "numpy", "h5py"),
        Distribution("numpy", 60),
        Distribution("boto3", 1),
        Distribution("scikit-learn", 30, "numpy"),
    ]
    assert installed_sizes(found) == {"tensorflow-cpu": 500, "keras": 20, "numpy": 60}
