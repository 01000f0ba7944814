"""The parity check: an exported model's probabilities against the trained model's, in float64.

Two computations in float32 that sum in different orders differ, and both differ from the exact answer. So a copy is
right when it is no further from the exact answer than `ALLOWED` times what the trained model itself is off, plus what
rounding alone may make of the products involved (`bench.training.reference` has the bound and its source).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.trained import Expected

ALLOWED = 4.0
"""How many times further from the exact answer than the trained model a copy may be."""
TIE_WIDTH = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result of a parity check over a whole test set.

    Attributes:
        images: number of images compared.
        max_abs_diff: the largest absolute difference of a probability from the exact one.
        own_abs_diff: that of the trained model's own answers.
        allowed_abs_diff: the largest that makes no fault.
        changed_predictions: number of images whose most probable class differs from the trained model's, ties excluded.
        ties: number of images whose most probable class differs although the trained model gave both classes the same
            probability, to the resolution of float32.
    """

    images: int
    max_abs_diff: float
    own_abs_diff: float
    allowed_abs_diff: float
    changed_predictions: int
    ties: int

    @property
    def faults(self) -> list[str]:
        """Reasons that make the exported model INVALID; empty where it is valid."""
        faults = []
        if not self.max_abs_diff <= self.allowed_abs_diff:  # also true of NaN
            faults.append(
                f"probabilities are off by up to {self.max_abs_diff:.2g}, where the trained model's own are by "
                f"{self.own_abs_diff:.2g} and at most {self.allowed_abs_diff:.2g} is allowed"
            )
        if self.changed_predictions:
            faults.append(f"{self.changed_predictions} of {self.images} predictions changed")
        return faults

    def as_dict(self) -> dict[str, Any]:
        """The certificate as it is stored."""
        return {name: getattr(self, name) for name in self.__slots__}


def certify(expected: Expected, answers: NDArray[np.floating[Any]]) -> Certificate:
    """Compare a copy's probabilities, (n, classes), with what is expected of it.

    Raises:
        ValueError: the shapes differ.
    """
    own, exact = expected.answers, expected.exact
    if own.shape != answers.shape:
        raise ValueError(f"the exported model answers in shape {answers.shape}, the trained one in {own.shape}")
    changed, ties = count_changed(own, answers)
    own_diff = float(np.max(np.abs(own.astype(np.float64) - exact)))
    return Certificate(
        images=len(own),
        max_abs_diff=float(np.max(np.abs(answers.astype(np.float64) - exact))),
        own_abs_diff=own_diff,
        allowed_abs_diff=ALLOWED * own_diff + expected.rounding,
        changed_predictions=changed,
        ties=ties,
    )


def count_changed(own: NDArray[np.floating[Any]], answers: NDArray[np.floating[Any]]) -> tuple[int, int]:
    """How many most probable classes differ, ties left out, and how many ties there are.

    Args:
        own: probabilities of the model that is believed, (n, classes).
        answers: a copy's.
    """
    predicted, got = own.argmax(axis=1), answers.argmax(axis=1)
    rows = np.flatnonzero(predicted != got)
    ties = int(np.count_nonzero(own[rows, predicted[rows]] - own[rows, got[rows]] <= TIE_WIDTH))
    return len(rows) - ties, ties
