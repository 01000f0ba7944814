"""Data types of training (`Fit`, ready to run, and `Trained`, its result) and the accuracy of a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from models import Recipe


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and what is known about its training.

    Attributes:
        trainer: a key of `bench.training.TRAINERS`.
        backend: the Keras backend, or ``scikit-learn``.
        model: the framework's own object.
        predict: images float32 (n, 784) to probabilities (n, 10), in the precision that the model computes in.
        parameters: trainable parameters, counted from the model.
        epochs_run: epochs trained; fewer than the protocol's where early stopping ended it.
        history: metric name to one value per epoch.
        placed_on: the device that computed the model's output, as the framework reports it: ``CPU:0``.
        converged: whether the optimizer says that it reached its tolerance; ``None`` where it does not say.
    """

    recipe: Recipe
    seed: int
    trainer: str
    backend: str
    model: Any
    predict: Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]
    parameters: int
    epochs_run: int
    history: Mapping[str, Sequence[float]]
    placed_on: str
    converged: bool | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """A training that is ready to run.

    Attributes:
        run: one whole training; this is the timed region.
        finish: returns the model that `run` trained; called outside the clock. Raises Diverged.
        first_step_s: seconds of the first steps, tracing and compilation included; ``None`` where nothing compiles.
        shares_nothing: whether several of them can run in threads at the same time without changing one another's
            outcome. False where the training uses the process's global random state.
    """

    run: Callable[[], None]
    finish: Callable[[], Trained]
    first_step_s: float | None
    shares_nothing: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What a copy of a trained model is to answer to a set of images.

    Attributes:
        answers: the trained model's own probabilities, (n, classes), in the precision that it computes in.
        exact: the same model's in float64, (n, classes).
        rounding: by how much a right copy may be off for rounding alone, whatever the order of its sums.
    """

    answers: NDArray[np.floating[Any]]
    exact: NDArray[np.float64]
    rounding: float


class Diverged(DensebenchError):
    """A training whose loss, weights or probabilities are not finite."""


def score(trained: Trained, images: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The model's accuracy (0-1) on `images` (n, 784); each image is scored.

    Raises:
        Diverged: a probability is not a number.
    """
    return score_answers(trained, trained.predict(images), labels)


def score_answers(trained: Trained, probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The accuracy (0-1) of `probabilities` (n, classes), computed from the model before. Raises Diverged."""
    if len(probabilities) != len(labels):
        raise AssertionError(f"{len(probabilities)} of {len(labels)} images were scored")
    if not np.isfinite(probabilities).all():
        raise Diverged(f"{trained.recipe.name}, seed {trained.seed}: the probabilities are not numbers")
    return float(np.mean(probabilities.argmax(axis=1) == labels))
