"""Saving and loading: does what comes back answer bit for bit what went out?"""

from __future__ import annotations

import logging
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from bench.trained import Trained

IDENTICAL, DIFFERENT, REFUSED = "identical", "different", "refused"


def save_and_load(trained: Trained, images: NDArray[np.float32]) -> list[dict[str, str]]:
    """For each format: whether a Keras model that was saved and loaded answers bit for bit what it did before.

    Args:
        trained: a Keras model.
        images: float32 (n, 784), what both are asked.

    Returns:
        `format`, `outcome` (one of the three above) and the `reason` where this version of Keras refuses the format.
    """
    import tensorflow as tf

    before = np.asarray(trained.model(images, training=False))
    outcomes = []
    for name, save_then_load in FORMATS.items():
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            twin = trained.recipe.build(tf.keras)  # with other weights, until it is given the saved ones
            try:
                loaded = save_then_load(tf.keras, trained.model, twin, Path(folder))
            except (ValueError, TypeError, NotImplementedError, ImportError) as error:
                outcomes.append({"format": name, "outcome": REFUSED, "reason": _first_sentence(error)})
                continue
            same = np.array_equal(before, np.asarray(loaded(images, training=False)))
            outcomes.append({"format": name, "outcome": IDENTICAL if same else DIFFERENT})
    return outcomes


def _weights_h5(_keras: Any, model: Any, twin: Any, folder: Path) -> Any:
    model.save_weights(str(folder / "model.weights.h5"))
    twin.load_weights(str(folder / "model.weights.h5"))
    return twin


def _weights_npz(_keras: Any, model: Any, twin: Any, folder: Path) -> Any:
    np.savez(folder / "weights.npz", *model.get_weights())
    with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
        twin.set_weights([arrays[name] for name in arrays.files])
    return twin


def _model_keras(keras: Any, model: Any, _twin: Any, folder: Path) -> Any:
    model.save(str(folder / "model.keras"))
    return keras.models.load_model(str(folder / "model.keras"), safe_mode=True)


def _model_h5(keras: Any, model: Any, _twin: Any, folder: Path) -> Any:
    model.save(str(folder / "model.h5"))
    return keras.models.load_model(str(folder / "model.h5"), compile=False)  # its optimizer state is not restored


def _model_folder(keras: Any, model: Any, _twin: Any, folder: Path) -> Any:
    model.save(str(folder / "model"))
    return keras.models.load_model(str(folder / "model"))


FORMATS: dict[str, Callable[[Any, Any, Any, Path], Any]] = {
    "weights, .weights.h5": _weights_h5,
    "weights, .npz of NumPy": _weights_npz,
    "whole model, .keras (safe mode)": _model_keras,
    "whole model, .h5": _model_h5,
    "whole model, SavedModel folder": _model_folder,
}
"""(keras, model, twin, folder) to a model that was saved to the folder and loaded from it."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keras recommends its newest format in a warning and in a log line, whatever one saves to compare."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _first_sentence(error: Exception) -> str:
    """The error without advice and paths."""
    return str(error).strip().splitlines()[0].partition(". ")[0]
