"""The parity check: an exported model's probabilities against the trained model's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ABS_DIFF = 1e-5
TIE_WIDTH = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result of a parity check over a whole test set.

    Attributes:
        images: number of images compared.
        max_abs_diff: the largest absolute difference between two probabilities.
        changed_predictions: number of images whose most probable class differs, ties excluded.
        ties: number of images whose most probable class differs although the trained model gave both classes the same
            probability, to the resolution of float32.
    """

    images: int
    max_abs_diff: float
    changed_predictions: int
    ties: int

    @property
    def faults(self) -> list[str]:
        """Reasons that make the exported model INVALID; empty where it is valid."""
        faults = []
        if not self.max_abs_diff <= MAX_ABS_DIFF:  # also true of NaN
            faults.append(f"probabilities differ by up to {self.max_abs_diff:.2g}; at most {MAX_ABS_DIFF:g} is allowed")
        if self.changed_predictions:
            faults.append(f"{self.changed_predictions} of {self.images} predictions changed")
        return faults

    def as_dict(self) -> dict[str, Any]:
        """The certificate as it is stored, with its limit."""
        return {**asdict(self), "allowed_abs_diff": MAX_ABS_DIFF}


def certify(reference: NDArray[np.floating[Any]], exported: NDArray[np.float32]) -> Certificate:
    """Compare two sets of probabilities, both (n, classes), row by row.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != exported.shape:
        raise ValueError(f"the exported model answers in shape {exported.shape}, the trained one in {reference.shape}")
    expected, got = reference.argmax(axis=1), exported.argmax(axis=1)
    rows = np.flatnonzero(expected != got)
    gaps = reference[rows, expected[rows]] - reference[rows, got[rows]]
    ties = int(np.count_nonzero(gaps <= TIE_WIDTH))
    return Certificate(
        images=len(reference),
        max_abs_diff=float(np.max(np.abs(reference - exported.astype(np.float64)))),
        changed_predictions=len(rows) - ties,
        ties=ties,
    )
