"""The trainers: their registry, in display order, and the protocol that each implements.

A trainer builds, compiles and primes the model and returns a `Fit`; running the `Fit`, which is what the clock
surrounds, is one whole training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bench.records.cases import SCIKIT_LEARN
from bench.training.backends import backend_name
from bench.training.compiled_fit import prepare_compiled_fit
from bench.training.jax_fit import prepare_jax_fit
from bench.training.keras_fit import prepare_keras_fit
from bench.training.sklearn_fit import prepare_sklearn_fit
from bench.training.torch_fit import prepare_torch_fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data.splits import Split
    from bench.trained import Fit
    from models import Recipe, Training


class Trainer(Protocol):
    """Prepares a training: does everything that precedes the timed region."""

    def __call__(
        self, recipe: Recipe, training: Training, split: Split, *, seed: int, on_epoch: Callable[[int], None]
    ) -> Fit:
        """A fit that is ready to run. `on_epoch` is called with the number of finished epochs."""


TRAINERS: dict[str, Trainer] = {
    "compiled": prepare_compiled_fit,
    "fit": prepare_keras_fit,
    SCIKIT_LEARN: prepare_sklearn_fit,
}
"""By the name that users know them by; the first is what trains Keras recipes unless asked otherwise."""

COUNTERPARTS: dict[str, Trainer] = {"jax": prepare_jax_fit, "torch": prepare_torch_fit}
"""What `compiled` means on the other backends."""

KERAS_TRAINERS = tuple(name for name in TRAINERS if name != SCIKIT_LEARN)
"""The trainers that a user may choose from for Keras recipes."""


def find_trainer(recipe: Recipe, keras_trainer: str) -> Trainer:
    """The trainer of a recipe; for a Keras recipe the one that `keras_trainer` names."""
    if recipe.framework != "keras":
        return TRAINERS[SCIKIT_LEARN]
    if keras_trainer == "compiled" and backend_name() in COUNTERPARTS:
        return COUNTERPARTS[backend_name()]
    return TRAINERS[keras_trainer]
