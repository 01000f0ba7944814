"""The plain NumPy runtime, a baseline without a framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.inference.runtimes.runtime import Answer


def load(path: Path, _threads: int, imported: Callable[[], None]) -> Answer:
    """Load the arrays; answers by a product, a sum and an activation per layer.

    BLAS takes its threads from the environment.
    """
    import numpy as np  # its import is measured

    imported()
    with np.load(path) as arrays:
        layers = [(arrays[f"weights_{i}"], arrays[f"bias_{i}"]) for i in range(len(arrays.files) // 2)]
        kinds = str(arrays["activations"]).splitlines()

    def answer(images: NDArray[Any]) -> NDArray[Any]:
        values = images.astype(layers[0][0].dtype, copy=False)
        for (weights, bias), kind in zip(layers, kinds, strict=True):
            values = ACTIVATIONS[kind](np, values @ weights + bias)
        return values

    return answer


def _softmax(np: Any, values: NDArray[Any]) -> NDArray[Any]:
    return _normalised(np.exp(values - values.max(axis=1, keepdims=True)))


def _sigmoid(np: Any, values: NDArray[Any]) -> NDArray[Any]:
    """The sigmoid, without overflow: the scores of an unconverged model run into the hundreds."""
    answer: NDArray[Any] = np.exp(-np.logaddexp(0, -values))
    return answer


def _normalised(values: NDArray[Any]) -> NDArray[Any]:
    answer: NDArray[Any] = values / values.sum(axis=1, keepdims=True)
    return answer


ACTIVATIONS: dict[str, Callable[[Any, NDArray[Any]], NDArray[Any]]] = {
    "relu": lambda np, values: np.maximum(values, 0),
    "linear": lambda _np, values: values,
    "sigmoid": _sigmoid,
    "tanh": lambda np, values: np.tanh(values),
    "softmax": _softmax,
    "normalised sigmoid": lambda np, values: _normalised(_sigmoid(np, values)),
}
"""By Keras's names; the last is how scikit-learn turns the scores of one-against-all classifiers into probabilities."""
