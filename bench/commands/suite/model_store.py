"""The models of one process: each is trained, scored and exported once, and kept for whatever is measured next."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.splits import Split, make_split, scale
from bench.errors import DensebenchError, InvalidRow
from bench.host.machine import package_versions
from bench.inference.export import Exported, export
from bench.trained import Fit, Trained, score
from bench.training import KERAS_TRAINERS, find_trainer
from bench.training.reference import expect
from models.recipe import QUICK_FLOOR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bench.data.datasets import Dataset
    from bench.host.devices import Device
    from models import Recipe, Training


class ModelStore:
    """Recipes brought to life on one data set and one device.

    Args:
        dataset: what is trained and scored on.
        device: what this process claimed.
        quick: cut the training protocols down to seconds.
        seeds: one whole training each; the first one's model is exported.
        trainer: one of `bench.training.KERAS_TRAINERS`.
    """

    def __init__(
        self,
        dataset: Dataset,
        device: Device,
        *,
        quick: bool,
        seeds: Sequence[int],
        trainer: str = KERAS_TRAINERS[0],
    ) -> None:
        self.dataset = dataset
        self.device = device
        self.quick = quick
        self.seeds = tuple(seeds)
        self.trainer = trainer
        self._split: tuple[Any, Split] | None = None
        self._trained: dict[str, Trained] = {}
        self._exported: dict[str, Exported | InvalidRow] = {}

    @cached_property
    def test_images(self) -> NDArray[np.float32]:
        """All test images, float32 (n, 784) in [0, 1]."""
        return scale(self.dataset.test_images)

    @cached_property
    def test_labels(self) -> NDArray[np.int64]:
        """The test images' labels, int64 (n,)."""
        return self.dataset.test_labels.astype(np.int64)

    def training(self, recipe: Recipe) -> Training:
        """The protocol that this process trains the recipe with."""
        return recipe.training.quick() if self.quick else recipe.training

    def split(self, recipe: Recipe) -> Split:
        """The arrays that the recipe trains on; the last ones cut are kept, until others are asked for."""
        training = self.training(recipe)
        key = (training.holdout, training.scaling, training.train_images)
        if not self._split or self._split[0] != key:
            self._split = None  # before the next ones take their room
            self._split = key, make_split(self.dataset, training)
        return self._split[1]

    def prepare(self, recipe: Recipe, seed: int, on_epoch: Callable[[int], None] = lambda _epoch: None) -> Fit:
        """A training of the recipe that is ready to run, and placed where this process's device is."""
        trainer = find_trainer(recipe, self.trainer)
        return trainer(recipe, self.training(recipe), self.split(recipe), seed=seed, on_epoch=on_epoch)

    def score(self, trained: Trained) -> float:
        """Test accuracy (0-1) over every test image."""
        return score(trained, self.test_images, self.test_labels)

    def keep(self, trained: Trained) -> None:
        """Remember a trained model as the one that its recipe's exports are made from."""
        self._trained[trained.recipe.name] = trained

    def refuse(self, recipe: Recipe, reason: str) -> None:
        """Remember that the recipe's training failed, so that nothing is measured on what it left."""
        self._exported[recipe.name] = InvalidRow([reason])

    def faults(self, trained: Trained, accuracy: float) -> list[str]:
        """Reasons that make this training INVALID; empty where it is valid."""
        name, floor = f"{trained.recipe.name}, seed {trained.seed}", self.floor(trained.recipe)
        low = [f"{name}: test accuracy {accuracy:.4f} is below the recipe's floor of {floor}"] * (accuracy < floor)
        return low + self.misplaced(trained)

    def floor(self, recipe: Recipe) -> float:
        """The test accuracy (0-1) below which a training of the recipe is not believed."""
        return QUICK_FLOOR if self.quick else recipe.accuracy_floors.get(self.dataset.name, 0.0)

    def misplaced(self, trained: Trained) -> list[str]:
        """The reason that a training was not computed where it claims to be; empty where it was."""
        if trained.placed_on.startswith(self.device.kind.upper()):
            return []
        name = f"{trained.recipe.name}, seed {trained.seed}"
        return [f"{name}: claimed {self.device.name}, but computed on {trained.placed_on}"]

    def exported(self, recipe: Recipe) -> Exported:
        """The recipe's exported model; trained first where nothing in this process has.

        Raises:
            InvalidRow: the training or the export failed; the same answer every time.
        """
        if recipe.name not in self._exported:
            try:
                self._exported[recipe.name] = self._export(recipe)
            except InvalidRow as error:
                self._exported[recipe.name] = error
            except DensebenchError as error:
                self._exported[recipe.name] = InvalidRow([str(error)])
        outcome = self._exported[recipe.name]
        if isinstance(outcome, InvalidRow):
            raise InvalidRow(outcome.faults)
        return outcome

    def _export(self, recipe: Recipe) -> Exported:
        trained = self._trained.get(recipe.name) or self._train_untimed(recipe)
        accuracy = self.score(trained)
        if faults := self.faults(trained, accuracy):
            raise InvalidRow(faults)
        onnx = export(trained, self._extra_info(trained, accuracy))
        return Exported(trained, accuracy, onnx, expect(trained, self.test_images))

    def _train_untimed(self, recipe: Recipe) -> Trained:
        fit = self.prepare(recipe, self.seeds[0])
        fit.run()
        return fit.finish()

    def _extra_info(self, trained: Trained, accuracy: float) -> dict[str, str]:
        """The exported file's metadata properties: what it is and what made it."""
        facts: dict[str, Any] = {
            "recipe": trained.recipe.name,
            "dataset": self.dataset.name,
            "dataset_sha256": self.dataset.sha256,
            "seed": trained.seed,
            "quick": self.quick,
            "test_accuracy": accuracy,
            "packages": json.dumps(package_versions(), sort_keys=True),
        }
        return {f"densebench.{name}": str(value) for name, value in facts.items()}
