"""The reference for parity: a trained model's answers in float64, and how far rounding alone may take a copy from them.

The bound is the probabilistic one of Higham and Mary (A New Approach to Probabilistic Rounding Error Analysis, SIAM
Journal on Scientific Computing 41, 2019, A2815-A2835): with unit roundoff u, an inner product of n terms is off by at
most about sqrt(n) u times the sum of its terms' absolute values.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.stats.rounding import MATRIX, ROUNDOFF, growth, most_terms
from bench.trained import Expected, Trained
from bench.training.backends import BACKENDS, import_keras

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PASSED_ON = {"softmax": 0.5, "sigmoid": 0.25}
"""Of an error in a score, what can reach the answer, by the last layer's activation: the largest slope, else all."""
DENSE = {"InputLayer", "Dense", "Dropout", "Flatten", "Activation", "ReLU", "Softmax"}
"""Layers of which `_largest_product` knows all products."""
BATCH = 1000


def expect(trained: Trained, images: NDArray[np.float32]) -> Expected:
    """What copies of a trained model are to answer to `images`, float32 (n, 784)."""
    answers = trained.predict(images)
    if trained.recipe.framework != "keras":  # it computes in float64; the export rounds the answers to float32
        return Expected(answers, answers.astype(np.float64), ROUNDOFF["float32"])
    dense = _is_dense(trained.model)
    with _float64(trained.backend):
        exact = _in_float64(trained.model)
        to_numpy, parts, largest = BACKENDS[trained.backend].to_numpy, [], 0.0
        for start in range(0, len(images), BATCH):
            values = images[start : start + BATCH].astype(np.float64)
            parts.append(to_numpy(exact(values, training=False)))
            product = _largest_product(exact, values, to_numpy) if dense else _uncancelled(exact, parts[-1])
            largest = max(largest, product)
    last = getattr(getattr(trained.model.layers[-1], "activation", None), "__name__", "")
    passed_on = PASSED_ON.get(last, 1.0) if dense else 1.0
    return Expected(answers, np.concatenate(parts), passed_on * ROUNDOFF["float32"] * largest)


def _is_dense(model: Any) -> bool:
    """Whether all products of a model are those of Dense layers, one after the other."""
    return type(model).__name__ == "Sequential" and {type(layer).__name__ for layer in model.layers} <= DENSE


def _uncancelled(model: Any, answers: NDArray[Any]) -> float:
    """For a model of other layers: sqrt(n) times the largest answer, n being the terms of the longest product.

    It is the same bound for a product whose terms do not cancel; answers below 1 come from values of about 1.
    """
    return growth(most_terms(weight.shape for weight in model.weights), float(np.max(np.abs(answers))))


def _in_float64(model: Any) -> Any:
    """The same Keras model with all its layers in float64."""
    copy = import_keras().models.model_from_json(model.to_json().replace('"float32"', '"float64"'))
    copy.set_weights(model.get_weights())
    return copy


def _largest_product(model: Any, values: Any, to_numpy: Any) -> float:
    """The largest sqrt(n) times sum of absolute terms among the inner products of the Dense layers; 0 without any."""
    largest = 0.0
    for layer in model.layers:
        weights = layer.get_weights()
        if weights and weights[0].ndim == MATRIX and type(layer).__name__ == "Dense":
            terms = np.abs(to_numpy(values) if not isinstance(values, np.ndarray) else values) @ np.abs(weights[0])
            largest = max(largest, len(weights[0]) ** 0.5 * float(terms.max()))
        values = layer(values, training=False) if type(layer).__name__ == "Dropout" else layer(values)
    return largest


@contextlib.contextmanager
def _float64(backend: str) -> Iterator[None]:
    """Let a backend compute in float64 for a while; JAX does so only where it is asked to."""
    if backend != "jax":
        yield
        return
    import jax

    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64  # before JAX 0.8
    with enable(True):  # noqa: FBT003  it takes no other
        yield
