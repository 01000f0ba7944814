"""The ways to train, in display order: one file and one entry each.

A trainer has two steps, so that only training is inside the clock: preparing builds, compiles and primes the model and
returns a `Fit`; running that is one whole training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.trainers.compiled_fit import prepare_compiled_fit
from bench.trainers.keras_fit import prepare_keras_fit
from bench.trainers.sklearn_fit import prepare_sklearn_fit

if TYPE_CHECKING:
    from bench.trained import Trainer
    from models import Recipe

TRAINERS: dict[str, Trainer] = {
    "scikit-learn": prepare_sklearn_fit,
    "fit": prepare_keras_fit,
    "compiled": prepare_compiled_fit,
}


KERAS_TRAINERS = ("compiled", "fit")
"""The trainers that a user may choose from for Keras recipes; the first is what is used unless asked otherwise."""


def find_trainer(recipe: Recipe, keras_trainer: str) -> Trainer:
    """The trainer of a recipe, where Keras recipes are trained by `keras_trainer`."""
    return TRAINERS[keras_trainer if recipe.framework == "keras" else "scikit-learn"]
