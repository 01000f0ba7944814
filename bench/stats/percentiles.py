"""Percentiles, and the number of timings that each one requires."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.99
TOLERATED_SLOWER = 1

P99 = 0.99


def percentile(values_s: Sequence[float], fraction: float) -> float:
    """The smallest of the timings that at least `fraction` of them do not exceed (nearest rank, no interpolation).

    Args:
        values_s: timings in seconds, in any order; they are left as they are.
        fraction: 0 < fraction <= 1; 0.5 is the median of an odd number of timings.

    Raises:
        ValueError: there are no timings, or the fraction is out of range.
    """
    if not values_s or not 0 < fraction <= 1:
        raise ValueError(f"percentile {fraction} of {len(values_s)} timings")
    return sorted(values_s)[math.ceil(fraction * len(values_s)) - 1]


@cache
def required_timings(fraction: float) -> int:
    """Timings needed before the `fraction` percentile may be claimed: 662 for p99.

    The smallest n at which, were the true percentile above the one claimed, seeing at most one slower timing among n
    would have a probability of 1 % or less. This is the early-stopping rule of MLPerf Inference (binomial tail, d = 0,
    c = 0.99, one over-latency query).
    """
    n = 1
    while _tail(n, 1 - fraction) > 1 - CONFIDENCE:
        n += 1
    return n


def _tail(n: int, p_slower: float) -> float:
    return sum(math.comb(n, k) * p_slower**k * (1 - p_slower) ** (n - k) for k in range(TOLERATED_SLOWER + 1))
