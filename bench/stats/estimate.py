"""Estimate of the effect of HEAD against BASE from one value per block, with its interval. Pure functions.

A block is one sample, whatever the number of rounds in it: rounds of one process share its memory layout and its place
in the machine's day (Kalibera and Jones, ISMM 2013; Georges et al., OOPSLA 2007). A block's value is the logarithm of
a ratio, so that slower and faster are symmetric, and so that between equal sides it is as likely to be +x as -x: both
sides ran interleaved, in random order.

The centre is the trimmed mean, without the smallest and the largest sixth of the blocks; its standard error comes from
the winsorised values, its interval from Student's distribution (Tukey and McLaughlin 1963; Yuen, Biometrika 1974).
`tests/stats/test_error_rates.py` records the alternatives that were tried.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIM = 6
"""One block in so many is left out at either end; of fewer blocks than that, none."""
FEWEST = 2
"""Values without which there is no spread, hence no interval."""


@dataclass(frozen=True, slots=True)
class Centre:
    """A mean with its standard error and degrees of freedom.

    Attributes:
        value: their mean or trimmed mean.
        error: its standard error, in the same unit.
        freedom: degrees of freedom of Student's distribution.
        count: how many values there were, the trimmed ones included.
    """

    value: float
    error: float
    freedom: int
    count: int

    def interval(self, error_rate: float) -> tuple[float, float]:
        """The ends of the confidence interval that misses the true value with at most this probability (0-1)."""
        half = student_quantile(error_rate, self.freedom) * self.error
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """The two-sided p-value against a true value of 0."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return student_p(self.value / self.error, self.freedom)


def block_ratio(base_s: Sequence[float], head_s: Sequence[float]) -> float | None:
    """The logarithm of HEAD's time over BASE's in one block; ``None`` if a side has no timings or one is not above 0.

    The median of the logarithms of all ratios of a turn of HEAD to a turn of BASE (shift estimator of Hodges and
    Lehmann, Annals of Mathematical Statistics, 1963), over the faster half of each side only: other load on the
    machine can only make a turn longer.
    """
    if not base_s or not head_s or not all(math.isfinite(value_s) and value_s > 0 for value_s in (*base_s, *head_s)):
        return None
    base, head = ([math.log(value_s) for value_s in faster_half(side)] for side in (base_s, head_s))
    return statistics.median(other - one for one in base for other in head)


def faster_half(values_s: Sequence[float]) -> list[float]:
    """The shorter half of the values, the middle one included, shortest first."""
    return sorted(values_s)[: math.ceil(len(values_s) / 2)]


def centre(values: Sequence[float], *, trim: bool) -> Centre | None:
    """Estimate the mean of values; ``None`` for fewer than two, or where one is no number.

    Args:
        values: one per block, in any order; they are left as they are.
        trim: leave the outer sixths out. Not for accuracies: the seed that fails is what one looks for.
    """
    count = len(values)
    if count < FEWEST or not all(map(math.isfinite, values)):
        return None
    cut = count // TRIM if trim else 0
    ordered = sorted(values)
    kept = ordered[cut : count - cut]
    mean = math.fsum(kept) / len(kept)
    winsorised = [kept[0]] * cut + kept + [kept[-1]] * cut
    middle = math.fsum(winsorised) / count
    squares = math.fsum((value - middle) ** 2 for value in winsorised)
    return Centre(mean, math.sqrt(squares / (len(kept) * (len(kept) - 1))), len(kept) - 1, count)


@cache
def student_quantile(error_rate: float, freedom: int) -> float:
    """Student's t quantile: standard errors to either side that leave this probability outside."""
    from scipy import special

    return -float(special.stdtrit(freedom, error_rate / 2))


def student_p(errors: float, freedom: int) -> float:
    """The two-sided p-value of an estimate that lies this many standard errors from 0."""
    from scipy import special

    return 2 * float(special.stdtr(freedom, -abs(errors)))
