"""The scikit-learn runtime, on the model as joblib saved it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.inference.runtimes.runtime import Answer


def load(path: Path, _threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model; answers by `predict_proba`. BLAS takes its threads from the environment."""
    import joblib  # its import is measured
    import sklearn.linear_model  # noqa: F401  the loaded model is of this module; its import is measured, too

    imported()
    model = joblib.load(path)  # of this run's own making

    def answer(images: NDArray[Any]) -> NDArray[Any]:
        probabilities: NDArray[Any] = model.predict_proba(images)
        return probabilities

    return answer
