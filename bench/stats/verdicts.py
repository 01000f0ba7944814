"""Verdicts on series of block values, with sequential control of the error rates. Pure functions.

Two error rates are held, whenever the duel stops (see `bench.stats.alpha_spending`):

- an interval misses the true value at most 5 times in 100; ``same`` and ``non-inferior`` rest on it;
- an alarm (``slower``, ``faster``, ``worse``) is raised in at most 1 of 100 duels in which nothing has changed, over
  all rows and both time and accuracy together. Holm's procedure (Scandinavian Journal of Statistics, 1979) holds that
  for any dependence between rows, which share a machine, a library and often a process, and it never finds less than
  Bonferroni's. Procedures that bound the share of false alarms instead (Benjamini and Hochberg 1995) do not answer
  "may I upgrade": there, one false alarm is enough.

A significant difference whose interval lies wholly inside the margin is ``same``. A significant one whose best estimate
lies beyond the margin is ``slower`` or ``faster``. Were the whole interval required to be beyond the margin, a true
5 % at a margin of 3 % would stay undecided until the interval is 2 % to either side; were significance alone enough,
1 % could raise an alarm whenever the noise is just too large for ``same``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.alpha_spending import ENDS_SHARE, FIRST_BLOCKS, FIRST_END, Look, looks
from bench.stats.estimate import Centre, centre, student_p, student_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERVAL_ERROR = 0.05
ALARM_ERROR = 0.01
FAR = 2_000
"""Blocks beyond which no forecast is worth its paper."""

SLOWER, FASTER, SAME, CANNOT_TELL = "slower", "faster", "same", "cannot tell"
WORSE, NON_INFERIOR = "worse", "non-inferior"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series of values to be judged, one per block; 0 means that the sides are equal.

    Attributes:
        kind: ``time`` (logarithms of ratios, more is slower) or ``accuracy`` (HEAD's minus BASE's, less is worse).
        values: one per block, oldest first.
        margin: largest distance from 0 that counts as the same, in the values' own unit.
        ends: number of blocks at each time that a time budget ran out.
    """

    kind: str
    values: Sequence[float]
    margin: float
    ends: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict on a series, with its estimate and interval.

    Attributes:
        verdict: one of the words above.
        value: the best estimate, in the values' unit; ``None`` before there is one.
        low: lower end of the 95 % interval.
        high: upper end.
        p_value: against no change, valid whenever the duel stops; ``None`` before the first look.
        blocks: how many blocks there are.
        more_blocks: how many more would probably settle it; ``None`` where it is settled or nobody can say.
    """

    verdict: str
    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    blocks: int
    more_blocks: int | None = None

    @property
    def settled(self) -> bool:
        """True unless the verdict is ``cannot tell``."""
        return self.verdict != CANNOT_TELL


def judge(family: Sequence[Series]) -> list[Finding]:
    """A finding for each series; the rate of false alarms holds for all of them together."""
    p_values = [sequential_p(series) for series in family]
    rejected = holm([1.0 if p is None else p for p in p_values], ALARM_ERROR)
    found = zip(family, p_values, rejected, strict=True)
    return [_finding(series, p, certain=certain, family=len(family)) for series, p, certain in found]


def sequential_p(series: Series) -> float | None:
    """Sequential p-value, valid whenever the duel stops: the least over interim analyses of p over the share of error.

    ``None`` before the first look, and where a value is no number.
    """
    seen = [(look, _centre(series, look.blocks)) for look in looks(len(series.values), series.ends)]
    ps = [found.p_value / look.share for look, found in seen if found is not None]
    return min([1.0, *ps]) if ps else None


def holm(p_values: Sequence[float], error_rate: float) -> list[bool]:
    """Tell for each hypothesis if Holm's procedure (1979) rejects it at this family-wise error rate (0-1)."""
    rejected = [False] * len(p_values)
    known = [1.0 if math.isnan(p) else p for p in p_values]
    for rank, index in enumerate(sorted(range(len(p_values)), key=known.__getitem__)):
        if not p_values[index] <= error_rate / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected


def _finding(series: Series, p_value: float | None, *, certain: bool, family: int) -> Finding:
    due = looks(len(series.values), series.ends)
    found = _centre(series, due[-1].blocks) if due else None
    if found is None:
        more = FIRST_BLOCKS - len(series.values)
        return Finding(
            verdict=CANNOT_TELL,
            value=None,
            low=None,
            high=None,
            p_value=None,
            blocks=len(series.values),
            more_blocks=more if more > 0 else None,
        )
    low, high = found.interval(INTERVAL_ERROR * due[-1].share)
    word = select_word(series.kind, series.margin, found.value, (low, high), certain=certain)
    return Finding(
        verdict=word,
        value=found.value,
        low=low,
        high=high,
        p_value=p_value,
        blocks=len(series.values),
        more_blocks=forecast(series, found, family) if word == CANNOT_TELL else None,
    )


def select_word(kind: str, margin: float, value: float, interval: tuple[float, float], *, certain: bool) -> str:
    """The verdict on an estimate and its interval.

    Args:
        kind: ``time`` or ``accuracy``, as in `Series`.
        margin: largest distance from 0 that counts as the same.
        value: the best estimate.
        interval: the ends of its 95 % interval.
        certain: true if the difference is significant at the alarm's error rate.
    """
    low, high = interval
    if kind == "accuracy":
        if low > -margin:
            return NON_INFERIOR
        return WORSE if certain and value < -margin else CANNOT_TELL
    if -margin < low and high < margin:
        return SAME
    if certain and abs(value) > margin:
        return SLOWER if value > 0 else FASTER
    return CANNOT_TELL


def forecast(series: Series, found: Centre, family: int) -> int | None:
    """Blocks that would settle a series whose values went on as they are; ``None`` for more than 2,000.

    Args:
        series: what could not be told.
        found: what is known of it.
        family: how many series there are; the alarm is forecast as if Holm gave this one no help.
    """
    spread = found.error * math.sqrt(found.count)
    end = Look(0, ENDS_SHARE * FIRST_END * (1 - FIRST_END) ** len(series.ends))
    blocks = found.count
    while (blocks := blocks + max(1, blocks // 20)) <= found.count + FAR:
        error, freedom = spread / math.sqrt(blocks), max(1, blocks * found.freedom // found.count)
        half = student_quantile(INTERVAL_ERROR * end.share, freedom) * error
        p_value = student_p(found.value / error, freedom) / end.share if error else 0.0
        certain = p_value <= ALARM_ERROR / family
        interval = found.value - half, found.value + half
        if select_word(series.kind, series.margin, found.value, interval, certain=certain) != CANNOT_TELL:
            return max(blocks - len(series.values), 1)
    return None


def _centre(series: Series, blocks: int) -> Centre | None:
    return centre(series.values[:blocks], trim=series.kind == "time")
