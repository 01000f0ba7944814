"""A reproduction under way: trains what is missing, scores it, and saves the run file and the exported models."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.reproduce.measure import Training, assess, examine, train_side_by_side
from bench.data.sample_images import show_images
from bench.errors import DensebenchError, InvalidRow
from bench.files import write_atomically
from bench.formats import format_counted
from bench.records.reproductions import count_trainings, run_content
from bench.records.seed_runs import Result, below_floor
from models.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.commands.suite.model_store import ModelStore
    from bench.progress import Progress
    from bench.records.run_file import RunWriter

SHOWN = 3
"""Seeds that a message names."""


@dataclass
class Reproduction:
    """A reproduction under way.

    Attributes:
        counts: recipe to how many trainings; the seeds are 0, 1, 2, ...
        results: what is there so far, in table order; a recipe without data has its reason in it.
        model_stores: one per data set.
        metadata: what is stored of the run.
        writer: saves its run file.
        exports: the folder of its ONNX files.
        stored: how many trainings the run file holds.
        unwritten: the ONNX files that are not on disk yet, by name.
    """

    counts: Mapping[str, int]
    results: dict[str, Result]
    model_stores: dict[str, ModelStore]
    metadata: dict[str, Any]
    writer: RunWriter
    exports: Path
    progress: Progress
    stored: int = 0
    unwritten: dict[str, bytes] = field(default_factory=dict)

    def save(self, *, complete: bool) -> bool:
        """Write the models and the run file as they stand; whether that worked. What was stored before stays."""
        models_saved = self._save_models(last=complete)
        datasets = {name: model_store.dataset for name, model_store in self.model_stores.items()}
        metadata = {**self.metadata, "gallery": {name: show_images(dataset) for name, dataset in datasets.items()}}
        content = run_content(self.results, datasets, metadata, complete=complete)
        if complete:
            self.writer.finish(content)
        else:
            self.writer.save(content)
        if self.writer.error is None:
            self.stored = count_trainings(self.results)
        return models_saved and self.writer.error is None and not self.writer.rescued

    def _save_models(self, *, last: bool) -> bool:
        """Write the ONNX files that are not on disk yet; whether all lie where they belong.

        The last time, what their folder cannot take goes into the temporary folder.
        """
        if self._write_models():
            return True
        if last:
            self.exports = Path(tempfile.gettempdir()) / self.exports.name
            if self._write_models():
                self.progress.done(f"Saved in the temporary folder instead:\n  {self.exports}")
        return False

    def _write_models(self) -> bool:
        try:
            for name in list(self.unwritten):
                self.exports.mkdir(parents=True, exist_ok=True)
                write_atomically(self.exports / name, self.unwritten[name])
                del self.unwritten[name]
        except OSError as error:
            again = f"{error.filename or self.exports}: {error.strerror or error}"
            self.progress.done(f"NOT SAVED, will try again: {again}")
        return not self.unwritten

    def train(self) -> None:
        """Whatever is still missing: recipe by recipe, so that each program is compiled once."""
        for name, result in self.results.items():
            while not result.faults and (seeds := range(len(result.seed_runs), self.counts[name])):
                try:
                    for training in self._train_some(name, seeds):
                        self._add(name, training)
                except DensebenchError as error:
                    result.faults += error.faults if isinstance(error, InvalidRow) else [str(error)]
                    self.progress.done(f"{self._position(name, len(result.seed_runs))} · INVALID: {error}")
                self.save(complete=False)

    def _train_some(self, name: str, seeds: Sequence[int]) -> list[Training]:
        """The next trainings of a recipe, as many as run side by side."""
        recipe = PUBLISHED[name].recipe
        model_store = self.model_stores[PUBLISHED[name].dataset]
        epochs = model_store.training(recipe).epochs

        def tell(seed: int, epoch: int) -> None:
            position = self._position(name, seed)
            self.progress.update(f"{position} · seed {seed}, epoch {epoch}/{epochs} done")

        self.progress.update(f"{self._position(name, seeds[0])} · preparing")
        return train_side_by_side(recipe, model_store, seeds, tell)

    def _add(self, name: str, training: Training) -> None:
        """Score a training; the first one of a recipe is examined and exported, too."""
        published, result = PUBLISHED[name], self.results[name]
        model_store = self.model_stores[published.dataset]
        seed_run, trained = assess(published, model_store, training)
        if not result.seed_runs:
            result.first_model, content = examine(published.recipe, trained, model_store)
            self.unwritten[f"{name}.onnx"] = content
        result.seed_runs.append(seed_run)
        low = below_floor(result, floor := model_store.floor(published.recipe))
        if len(low) > self.counts[name] / 2:
            raise InvalidRow([f"{name}: the test accuracies of {_some(low)} are below the recipe's floor of {floor}"])

    def _position(self, name: str, turn: int) -> str:
        before = sum(self.counts[one] for one in itertools.takewhile(lambda one: one != name, self.counts))
        return f"[{before + turn + 1}/{sum(self.counts.values())}] {name}"


def _some(low: Mapping[int, float]) -> str:
    """``seeds 3 (0.8412) and 7 (0.8444)``, or how many where there are more."""
    if len(low) > SHOWN:
        return format_counted(len(low), "seed")
    told = [f"{seed} ({accuracy:.4f})" for seed, accuracy in low.items()]
    return f"seed{'s' * (len(told) > 1)} {' and '.join(told)}"
