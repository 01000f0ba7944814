"""A process of one environment: it saves, loads, asks and trains models when asked, a JSON line per request."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.host.devices import claim_device, parse_device, start_tensorflow
from bench.host.worker_side import Answer, attempt, end_with_parent, open_answers, read_request, serve

if TYPE_CHECKING:
    from bench.trials.compatibility.subjects import Subjects

ANSWERS, GIVEN = "answers.npz", "given.npz"
"""What a saved model answers; and the model of given weights, before its few steps of training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a worker is started for; it crosses the process boundary as JSON.

    Attributes:
        dataset: the folder of the stored data set.
        folder: where this environment saves.
        seed: of weights and of what is made up.
        variables: names of the environment variables that are told.
        files: the fields of each `ModelFile`.
    """

    dataset: str
    folder: str
    seed: int
    variables: Sequence[str] = ()
    files: Sequence[Mapping[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        """The request as the worker's one argument."""
        return json.dumps(asdict(self))


class Actions:
    """What answers requests."""

    def __init__(self, asked: Request) -> None:
        self._asked = asked
        self._batches: dict[str, Any] = {}
        self._trained: dict[str, Any] = {}

    def begin(self) -> Answer:
        """Import TensorFlow, and tell what the environment is."""
        device = parse_device("cpu:1")
        claim_device(device, self._asked.variables)
        start_tensorflow(device)
        from bench.trials.compatibility.costs import installed_sizes
        from bench.trials.identity import describe_process

        return {"identity": describe_process(variables=self._asked.variables), "sizes": installed_sizes()}

    @cached_property
    def _subjects(self) -> Subjects:
        from bench.data.stored import open_stored
        from bench.inference.own_models.recipe_file import receive
        from bench.trials.compatibility.subjects import Subjects

        return Subjects(open_stored(Path(self._asked.dataset)), self._asked.seed, receive(self._asked.files))

    def answer(self, model: str) -> Answer:
        """Store what a model of given weights answers, and what it does after a few steps of training."""
        from bench.inference.digests import digest
        from bench.trials.compatibility.subjects import ask

        subject = self._subjects.make(model)
        batch = self._subjects.batch(model, subject)
        folder = Path(self._asked.folder) / model
        folder.mkdir(parents=True)
        given = ask(subject.model, batch)
        given.save(folder / GIVEN)
        self._subjects.train_a_little(subject)
        ask(subject.model, batch).save(folder / ANSWERS)
        self._trained[model] = subject.model
        return {"digest": digest(given.own), "inputs": len(given.own[0])}

    def save(self, model: str, form: str) -> Answer:
        """Save a model in a format; in a process that has not made it yet, it is made anew, from the same seed."""
        from bench.trials.compatibility.formats import save

        if model not in self._trained:
            subject = self._subjects.make(model)
            self._subjects.train_a_little(subject)
            self._trained[model] = subject.model
        return save(form, self._trained[model], Path(self._asked.folder) / model)

    def load(self, model: str, form: str, folder: str) -> Answer:
        """Load a model that an environment saved into a folder, in a format, and compare what it answers."""
        from bench.inference.own_models.answers import Answers
        from bench.trials.compatibility.formats import load

        expected = Answers.load(Path(folder) / model / ANSWERS)
        batch = self._batch(model)
        return load(form, Path(folder) / model, lambda: self._subjects.make(model).model, batch, expected)

    def show(self, model: str, form: str, folder: str) -> Answer:
        """The same, with the whole traceback of what fails."""
        from bench.inference.own_models.answers import Answers
        from bench.trials.compatibility.formats import FORMATS, judge

        file = FORMATS[form]
        path = Path(folder) / model
        try:
            ask = file.load(path / file.file, lambda: self._subjects.make(model).model)
            return judge(ask(self._batch(model)), Answers.load(path / ANSWERS))
        except Exception:  # noqa: BLE001  whatever a framework raises is what is to be shown
            return {"traceback": traceback.format_exc()}

    def train(self, model: str) -> Answer:
        """Train a model from the seed: digests of its weights."""
        return {"digests": self._subjects.train(model)}

    def determine(self) -> Answer:
        """Have TensorFlow's operators be deterministic from now on."""
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        return {}

    def grow(self, model: str) -> Answer:
        """Resident memory after each cycle of building, training and asking a model."""
        from bench.trials.compatibility.costs import grow

        return {"cycles_bytes": grow(model, self._subjects)}

    def _batch(self, model: str) -> Any:
        """What a model is asked; made once."""
        if model not in self._batches:
            self._batches[model] = self._subjects.batch(model, self._subjects.make(model))
        return self._batches[model]


def main() -> None:
    """Answer requests until there are no more."""
    end_with_parent()
    asked, send = read_request(Request), open_answers()
    worker = Actions(asked)
    told = attempt(worker.begin)
    actions: dict[str, Callable[..., Answer]] = {
        "begin": lambda: told,
        **{name: getattr(worker, name) for name in ("answer", "save", "load", "show", "train", "determine", "grow")},
    }
    serve(actions, sys.stdin, send)


if __name__ == "__main__":
    main()
