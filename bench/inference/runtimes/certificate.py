"""The check of a runtime's predictions against the trained model's, over the whole test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.inference.parity import certify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.inference.parity import Certificate
    from bench.trained import Expected

LARGEST_LOSS = 0.005
"""Of accuracy (0-1), for runtimes that compute in less than the trained model's precision."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Correctness of a runtime's answers.

    Attributes:
        parity: of its probabilities.
        accuracy_change: this runtime's test accuracy minus the trained model's; below 0 is a loss.
        exact: whether parity is asked of it, or no more than its accuracy.
    """

    parity: Certificate
    accuracy_change: float
    exact: bool

    @property
    def faults(self) -> list[str]:
        """Reasons that make its figures INVALID; empty where they are valid."""
        if self.exact:
            return self.parity.faults
        if self.accuracy_change >= -LARGEST_LOSS:  # false of NaN
            return []
        change = f"test accuracy changed by {100 * self.accuracy_change:+.2f} percentage points"
        return [f"{change}; {100 * LARGEST_LOSS:g} is the most that may be lost"]

    def as_dict(self) -> dict[str, Any]:
        """The certificate as it is stored."""
        judged = {"exact": self.exact, "allowed_loss": None if self.exact else LARGEST_LOSS}
        return {**self.parity.as_dict(), **judged, "accuracy_change": self.accuracy_change, "faults": self.faults}


def examine(expected: Expected, answers: NDArray[Any], labels: NDArray[np.int64], *, exact: bool) -> Answers:
    """Compare a runtime's probabilities, (n, classes), with the trained model's, and with the labels (n,)."""
    accuracies = [float(np.mean(each.argmax(axis=1) == labels)) for each in (answers, expected.answers)]
    change = accuracies[0] - accuracies[1] if np.isfinite(answers).all() else float("nan")
    return Answers(certify(expected, answers), change, exact)
