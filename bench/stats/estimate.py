"""The mean of independent values, with its standard error and Student's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST = 2
"""Values without which there is no spread, hence no interval."""


@dataclass(frozen=True, slots=True)
class Centre:
    """A mean with its standard error and degrees of freedom.

    Attributes:
        value: the mean.
        error: its standard error, in the same unit.
        freedom: degrees of freedom of Student's distribution.
        count: how many values there were.
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


def centre(values: Sequence[float]) -> Centre | None:
    """The mean of values, in any order; ``None`` for fewer than two, or where one is no number."""
    count = len(values)
    if count < FEWEST or not all(map(math.isfinite, values)):
        return None
    mean = math.fsum(values) / count
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Centre(mean, math.sqrt(squares / (count * (count - 1))), count - 1, count)


@cache
def student_quantile(error_rate: float, freedom: int) -> float:
    """Student's t quantile: standard errors to either side that leave this probability outside."""
    from scipy import special

    return -float(special.stdtrit(freedom, error_rate / 2))


def student_p(errors: float, freedom: int) -> float:
    """The two-sided p-value of an estimate that lies this many standard errors from 0."""
    from scipy import special

    return 2 * float(special.stdtr(freedom, -abs(errors)))
