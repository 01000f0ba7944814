"""The nouns of training: a `Fit` that is ready to run, and the `Trained` model that comes out of it."""

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
        trainer: the key in `bench.training.TRAINERS` of what trained it.
        backend: what computed the training.
        model: the framework's own object.
        predict: images float32 (n, 784) to probabilities (n, 10), in the precision that the model computes in.
        parameters: trainable parameters, counted from the model.
        epochs_run: fewer than the protocol's where early stopping ended it.
        history: metric name to one value per epoch.
        placed_on: where the model's output was computed, as the framework says: ``CPU:0``.
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
        run: one whole training; this is what the clock surrounds.
        finish: what `run` trained, gathered outside the clock. Raises Diverged.
        first_step_s: seconds of the first steps, with their tracing and compilation; ``None`` where nothing compiles.
        shares_nothing: whether others like it may run beside it, in threads of their own, and none change another's
            outcome. False where it draws from random numbers of the whole process.
    """

    run: Callable[[], None]
    finish: Callable[[], Trained]
    first_step_s: float | None
    shares_nothing: bool = False


class Diverged(DensebenchError):
    """A training whose loss or weights are no longer numbers."""


def score(trained: Trained, images: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The share of `images` that the model classifies as labelled, with every one of them scored.

    Raises:
        Diverged: the model answers something that is not a number.
    """
    return score_answers(trained, trained.predict(images), labels)


def score_answers(trained: Trained, probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The same, of answers (n, classes) that the model has given already."""
    if len(probabilities) != len(labels):
        raise AssertionError(f"{len(probabilities)} of {len(labels)} images were scored")
    if not np.isfinite(probabilities).all():
        raise Diverged(f"{trained.recipe.name}, seed {trained.seed}: the probabilities are not numbers")
    return float(np.mean(probabilities.argmax(axis=1) == labels))
