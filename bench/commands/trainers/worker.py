"""The worker of `trainers`: one process, one backend, one JSON line per request and per answer.

It works only while a request is open, so that of several workers only one ever uses the CPUs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.trainers.task import Ready, Task
from bench.commands.trainers.variants import LIMITS, VARIANTS, WIDTHS
from bench.data.datasets import Dataset, load_dataset
from bench.data.splits import make_split, scale
from bench.host.interference import interference, take_snapshot
from bench.host.worker_side import end_with_parent, open_answers, read_request, serve
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass
class Worker:
    """The variants of one process that are ready, by case.

    Attributes:
        dataset_name: what is trained on.
        data_dir: as for `load_dataset`.
        threads: how many CPU threads each variant may use.
    """

    dataset_name: str
    data_dir: Path | None
    threads: int
    ready: dict[str, Ready] = field(default_factory=dict)

    @cached_property
    def dataset(self) -> Dataset:
        """The data set, loaded once and only where something is trained."""
        return load_dataset(self.dataset_name, self.data_dir)

    @property
    def actions(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """The requests that it answers."""
        return {"prepare": self.prepare, "repeat": self.repeat}

    def prepare(self, *, case: str, variant: str, recipe: str, batch_size: int) -> dict[str, Any]:
        """Build, compile and warm up a variant; the size of its repetitions."""
        chosen = RECIPES[recipe]
        images: NDArray[np.float32] = np.zeros((0, 784), np.float32)
        labels: NDArray[np.int64] = np.zeros(0, np.int64)
        if variant not in LIMITS:
            split = make_split(self.dataset, chosen.training)
            images, labels = split.train_images, split.train_labels
        task = Task(chosen, batch_size, WIDTHS[recipe], images, labels, self.threads)
        ready = self.ready[case] = VARIANTS[variant].prepare(task)
        own = {"warm_up_epochs": ready.warm_up_epochs, "facts": dict(ready.facts)}
        return {"epochs": ready.epochs, "train_images": ready.images, **own}

    def repeat(self, *, case: str) -> dict[str, Any]:
        """One repetition: its seconds, what disturbed it, and, outside the clock, the test accuracy after it."""
        ready, before = self.ready[case], take_snapshot()
        value_s = ready.repeat()
        told = interference(before, take_snapshot())
        return {"value_s": value_s, "contamination": told, "test_accuracy": self._score(ready)}

    def _score(self, ready: Ready) -> float | None:
        """Test accuracy (0-1) of the model as trained so far; ``None`` for a limit."""
        predict = ready.predict
        if predict is None:
            return None
        scores = predict(scale(self.dataset.test_images))
        if scores.shape != (len(self.dataset.test_labels), scores.shape[1]):
            raise AssertionError(f"{len(scores)} of {len(self.dataset.test_labels)} images were scored")
        if not np.isfinite(scores).all():
            raise FloatingPointError("the scores are not numbers")
        return float(np.mean(scores.argmax(axis=1) == self.dataset.test_labels))


def main() -> None:
    """Serve on standard input and output."""
    end_with_parent()
    settings, send = read_request(dict), open_answers()
    data_dir = settings["data_dir"]
    worker = Worker(settings["dataset"], data_dir and Path(data_dir), settings["threads"])
    serve(worker.actions, sys.stdin, send)


if __name__ == "__main__":
    main()
