"""Figures of calls that were visited: timed a few at a time, many times over a run, in several processes.

A core of a shared machine has fast and slow states that last for milliseconds, and two processes that run the same code
differ by about 2 % for as long as they live. So neighbouring timings say the same thing twice, and what counts is how
many processes, and how many visits, agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bench.stats.estimate import centre, student_quantile

TYPICAL, MEDIAN = 0.05, 0.5
"""Shares of the calls that are no slower than the *typical* and the median one. Between a quiet hour and one in which
cores were slow for three quarters of the time, the 5 % quantiles of eight rows differed by 2 to 5 %, the 15 % quantiles
by 4 to 8 %, and the medians by 17 to 66 %."""
ERROR = 0.05
"""Probability that an interval of this module misses the true value."""
P99 = 0.99
TAIL_ERROR = 0.01
"""Probability that a printed p99 lies below the true one."""
WIDE = 0.05
"""Half-width of an interval, as a share, above which a row is visited on, and marked where that does not help."""
SLOWED = 1.05
"""Median over typical call above which the median tells of its hour. In 20 runs of a day it was 1.03 to 1.10 in eleven,
1.37 to 1.63 in nine. Between hours of the first kind medians still differed by up to 6 %, more than their intervals,
where typical calls differed by up to 5 %."""
FEWEST_VISITS = 90
"""Visits without which there is no p99: fewer may all miss a state that a core is in for a twentieth of the time."""

Timings = Sequence[float]
"""Seconds of single calls."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A positive value with its 95 % interval; the ends are ``None`` where a single process tells nothing of it."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def half_width(self) -> float | None:
        """Half of the interval, as a share of the value."""
        return None if self.low is None or self.high is None else (self.high - self.low) / (2 * self.value)


@dataclass(frozen=True, slots=True)
class Tail:
    """A percentile of calls, estimated from above.

    Attributes:
        value_s: at most `TAIL_ERROR` of such estimates lie below the true percentile.
        low_s: at most as many lie above it.
    """

    value_s: float
    low_s: float


def quantile(values_s: Timings, share: float) -> float:
    """The quantile of timings, interpolated between neighbours as NumPy does by default."""
    ordered = sorted(values_s)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def figure(processes: Sequence[Timings], share: float) -> Figure | None:
    """A quantile of all calls with its interval, by Woodruff (Confidence Intervals for Medians, JASA 47, 1952).

    The processes differ in which share of their calls is no slower than that quantile; from this follows how well the
    share is known (Student's interval of their mean), and between the quantiles at its ends lies the true value. On
    simulated cores with two states it holds in 93 to 96 of 100 runs, where the mean of the processes' own medians does
    in 71 to 95, and the jackknife in 76 to 96.

    Args:
        processes: the timings of each process.
        share: of the calls that are no slower: `TYPICAL`, `MEDIAN`.

    Returns:
        ``None`` where there are no timings.
    """
    ordered = sorted(value_s for values_s in processes for value_s in values_s)
    if not ordered:
        return None
    value = quantile(ordered, share)
    found = centre(
        [sum(value_s <= value for value_s in values_s) / len(values_s) for values_s in processes if values_s]
    )
    if found is None:
        return Figure(value)
    half = student_quantile(ERROR, found.freedom) * found.error
    return Figure(value, quantile(ordered, max(0.0, share - half)), quantile(ordered, min(1.0, share + half)))


def ratio(one: Sequence[Timings], other: Sequence[Timings], share: float) -> Figure | None:
    """The ratio of two rows' quantiles, from pairs of the same process: what slows both alike cancels out.

    Args:
        one: the timings of each process.
        other: those of the other row, of the same processes in the same order.
        share: as for `figure`.
    """
    pairs = [(a, b) for a, b in zip(one, other, strict=False) if a and b]
    return geometric_mean([quantile(a, share) / quantile(b, share) for a, b in pairs])


def geometric_mean(values: Sequence[float]) -> Figure | None:
    """The geometric mean of positive values, with Student's interval; ``None`` without values."""
    if not values:
        return None
    found = centre([math.log(value) for value in values])
    if found is None:
        return Figure(values[0])
    low, high = found.interval(ERROR)
    return Figure(math.exp(found.value), math.exp(low), math.exp(high))


def is_wide(processes: Sequence[Timings]) -> bool:
    """Whether the interval of the typical or of the median call is wider than is asked."""
    return any(is_wide_at(processes, share) for share in (TYPICAL, MEDIAN))


def is_wide_at(processes: Sequence[Timings], share: float) -> bool:
    """Whether the interval of the quantile at a share is wider than is asked."""
    found = figure(processes, share)
    return bool(found and found.half_width is not None and found.half_width > WIDE)


def is_slowed(processes: Sequence[Timings]) -> bool:
    """Whether the cores were in their slow state for so many calls that the median tells it."""
    least, middle = figure(processes, TYPICAL), figure(processes, MEDIAN)
    return bool(least and middle and middle.value > SLOWED * least.value)


def estimate_p99(visits: Sequence[Timings]) -> Tail | None:
    """The 99th percentile of all calls by the early-stopping estimate of MLPerf Inference, made for dependent calls.

    Its rule for n independent calls: the (t + 1)-th slowest, t being the largest number for which a binomial tail
    P(X <= t; n, 1 %) is at most 1 %. Calls of one visit are not independent: n is divided by the design effect of
    cluster sampling (Kish, Survey Sampling, 1965, section 5.4), which is the variance of the visits' shares of calls
    from the plain 99 % quantile on over that of independent calls.

    Returns:
        ``None`` where the calls are too few.
    """
    ordered = sorted(value_s for values_s in visits for value_s in values_s)
    effective = math.floor(len(ordered) / design_effect(visits)) if len(visits) >= FEWEST_VISITS else 0
    fewest = _slower(effective)
    if fewest is None:
        return None
    scale = len(ordered) / effective
    kept, dropped = math.floor(fewest * scale), math.ceil(_slower_at_most(effective) * scale)
    return Tail(ordered[-1 - kept], ordered[max(0, len(ordered) - 1 - dropped)])


def design_effect(visits: Sequence[Timings]) -> float:
    """By how much the dependence within visits inflates the variance of the share of slow calls; at least 1."""
    ordered = sorted(value_s for values_s in visits for value_s in values_s)
    limit_s = ordered[max(0, math.ceil(P99 * len(ordered)) - 1)]
    slow = [sum(value_s >= limit_s for value_s in values_s) for values_s in visits]
    share = sum(slow) / len(ordered)
    independent = len(ordered) * share * (1 - share)
    if independent == 0 or len(visits) == 1:
        return 1.0
    spread = sum((count - share * len(values_s)) ** 2 for count, values_s in zip(slow, visits, strict=True))
    return max(1.0, spread * len(visits) / (len(visits) - 1) / independent)


def visits_needed(visits: Sequence[Timings]) -> int:
    """About how many visits like these `estimate_p99` takes."""
    calls = sum(map(len, visits))
    return max(FEWEST_VISITS, math.ceil(len(visits) * _fewest_calls() * design_effect(visits) / calls))


@cache
def _slower(calls: int) -> int | None:
    """The largest t with P(X <= t; calls, 1 %) <= `TAIL_ERROR`; ``None`` where even t = 0 is likelier."""
    t, below = -1, 0.0
    while (below := below + _binomial(t + 1, calls)) <= TAIL_ERROR:
        t += 1
    return t if t >= 0 else None


@cache
def _slower_at_most(calls: int) -> int:
    """The smallest t with P(X > t; calls, 1 %) <= `TAIL_ERROR`."""
    t, below = 0, _binomial(0, calls)
    while 1 - below > TAIL_ERROR:
        t += 1
        below += _binomial(t, calls)
    return t


@cache
def _fewest_calls() -> int:
    """Independent calls without which there is no p99: 459."""
    return math.ceil(math.log(TAIL_ERROR) / math.log(P99))


def _binomial(k: int, n: int) -> float:
    """Probability of k slow calls of n, where 1 % are slow."""
    if k > n:
        return 0.0
    logarithm = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(logarithm + k * math.log(1 - P99) + (n - k) * math.log(P99))
