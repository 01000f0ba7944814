"""What rounding alone may do to an inner product whose terms do not cancel.

By Higham and Mary (A New Approach to Probabilistic Rounding Error Analysis, SIAM Journal on Scientific Computing 41,
2019, A2815-A2835): with unit roundoff u, a product of n terms is off by at most about sqrt(n) u times its value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}
"""Unit roundoff of IEEE 754's formats, rounding to nearest."""
MATRIX = 2
"""Rank from which a weight is one of products."""


def most_terms(shapes: Iterable[Sequence[int]]) -> int:
    """Terms of the longest inner product with weights of these shapes, units last; 1 without any."""
    return max((math.prod(shape[:-1]) for shape in shapes if len(shape) >= MATRIX), default=1)


def growth(terms: int, largest: float) -> float:
    """By how many roundoffs answers may be off: sqrt(n) times the largest.

    Answers below 1 count as 1: they come from values of about 1.
    """
    return float(terms**0.5 * max(1.0, largest))
