"""Whether machines differ in what they say of the same two environments, by more than their own rounds explain."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ERROR = 0.01
"""Probability that machines which do not differ are said to."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How machines differ.

    Attributes:
        deviation: estimated standard deviation between machines, of the logarithm, without that of their rounds.
        p_value: of the test that they do not differ.
        matters: whether they do, and some two of them by more than the margin.
    """

    deviation: float
    p_value: float
    matters: bool


def spread(series: Sequence[Sequence[float]], margin: float) -> Spread:
    """How machines differ in one finding: Fisher's analysis of variance, machines against the rounds within each.

    Args:
        series: per machine the logarithm of the ratio in each of its rounds; machines with fewer than two are left out.
        margin: the largest difference that counts as the same, as a logarithm.
    """
    known = [values for values in series if len(values) > 1]
    if len(known) < 2:  # noqa: PLR2004  a difference
        return Spread(0.0, 1.0, matters=False)
    count, machines = sum(map(len, known)), len(known)
    means = [statistics.fmean(values) for values in known]
    whole = math.fsum(map(math.fsum, known)) / count
    between = math.fsum(len(values) * (mean - whole) ** 2 for values, mean in zip(known, means, strict=True))
    within = math.fsum(statistics.variance(values) * (len(values) - 1) for values in known)
    freedom, rest = machines - 1, count - machines
    noise = within / rest
    if noise == 0:
        return Spread(statistics.stdev(means), 1.0 if between == 0 else 0.0, matters=max(means) - min(means) > margin)
    p_value = _f_above(between / freedom / noise, freedom, rest)
    size = (count - sum(len(values) ** 2 for values in known) / count) / freedom
    deviation = math.sqrt(max(0.0, between / freedom - noise) / size)
    return Spread(deviation, p_value, matters=p_value < ERROR and max(means) - min(means) > margin)


def _f_above(value: float, freedom: int, rest: int) -> float:
    """The probability that a variable of Snedecor's F distribution is larger."""
    from scipy import special

    return float(special.fdtrc(freedom, rest, value))
