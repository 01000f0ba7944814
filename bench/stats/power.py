"""Rates of duels with exact intervals, and the smallest slowdown that a duel detects within a budget. Pure functions.

The interval is that of Clopper and Pearson (Biometrika, 1934): it covers the true rate with at least 95 % probability
whatever that rate is, also where the count is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.alpha_spending import FIRST_BLOCKS, looks
from bench.stats.estimate import TRIM, student_quantile
from bench.stats.variance_components import Split, median_variance
from bench.stats.verdicts import ALARM_ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR = 0.05
"""Probability with which an interval misses the truth."""
POWER_ERROR = 0.05
"""What is detectable is caught in all but this share of duels: 19 of 20."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A count of successes among trials."""

    count: int
    of: int

    def interval(self) -> tuple[float, float]:
        """The ends of the exact 95 % interval of the true rate (0-1)."""
        from scipy import special

        rest = self.of - self.count
        low = float(special.betaincinv(self.count, rest + 1, ERROR / 2)) if self.count else 0.0
        high = float(special.betaincinv(self.count + 1, rest, 1 - ERROR / 2)) if rest else 1.0
        return low, high


def mean_split(splits: Sequence[Split]) -> Split | None:
    """The pooled noise of several duels: the root of the mean variance at each level; ``None`` without any."""
    if not splits:
        return None
    rounds, processes, blocks = (
        math.sqrt(math.fsum(value**2 for value in values) / len(values))
        for values in zip(*((split.rounds, split.processes, split.blocks) for split in splits), strict=True)
    )
    return Split(rounds, processes, blocks)


def detectable_slowdown(split: Split, *, rounds: int, blocks: int, margin: float, family: int) -> float | None:
    """The smallest slowdown (0.05 is 5 %) that 19 of 20 duels call `slower` at the end of their budget.

    By the duel's own rule: the alarm's share of the error at that analysis, divided by Bonferroni among several series,
    and a best estimate beyond the margin. Assumes normal noise at each level; ``None`` for fewer than `FIRST_BLOCKS`.

    Args:
        split: standard deviations by level.
        rounds: turns per process.
        blocks: number of blocks within the budget.
        margin: largest logarithm of the ratio that counts as the same.
        family: number of series that are judged together.
    """
    if blocks < FIRST_BLOCKS:
        return None
    freedom = blocks - 2 * (blocks // TRIM) - 1
    error = math.sqrt(2 * (split.processes**2 + median_variance(split.rounds**2, rounds)) / blocks)
    share = looks(blocks, ends=(blocks,))[-1].share
    alarm = student_quantile(ALARM_ERROR * share / family, freedom) * error
    return math.expm1(max(alarm, margin) + student_quantile(2 * POWER_ERROR, freedom) * error)
