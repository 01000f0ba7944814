"""Accuracies of two environments over seeds: which word they allow, and what so few seeds cannot exclude.

Seeds that failed count as failures, not as seeds less. No number of seeds proves that accuracy is the same: a failure
of one seed in ten stays unseen in 43 % of eight seeds. So the best word is ``no difference seen``, beside the share of
seeds that may still fail (the rule of three: Hanley and Lippman-Hand, JAMA 1983; here its exact form).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.estimate import centre
from bench.stats.simultaneous import CANNOT_TELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.estimate import Centre

LESS, MORE, NO_DIFFERENCE, IDENTICAL = "less accurate", "more accurate", "no difference seen", "identical"
MARGIN = 0.01
"""The largest difference of accuracy (0-1) that counts as none: a point."""
ERROR, ALARM_ERROR = 0.01, 0.004
"""Probabilities that an interval misses the true difference, and of a false alarm, at most. They stand beside those of
a trial's times (3.6 and 0.4 % at most in simulations, at the usual margins), so that together they keep below 5 and
1 %."""
UNSEEN_ERROR = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyFinding:
    """What the seeds tell of one model.

    Attributes:
        word: ``identical``, ``no difference seen``, ``less accurate``, ``more accurate`` or ``cannot tell``.
        base: mean accuracy (0-1) of the base over the seeds that trained in both environments; ``None`` without any.
        head: likewise of the head.
        low: lower end of the interval of the mean difference over them; ``None`` for fewer than two.
        high: upper end.
        base_failures: how many seeds failed in the base.
        head_failures: likewise in the head.
        seeds: how many there were.
    """

    word: str
    base: float | None
    head: float | None
    low: float | None
    high: float | None
    base_failures: int
    head_failures: int
    seeds: int

    @property
    def unseen(self) -> float:
        """The share of seeds that may fail or lose accuracy, and so many seeds still not show it in 5 of 100 cases."""
        return float(1 - UNSEEN_ERROR ** (1 / self.seeds)) if self.seeds else 1.0


def judge_accuracy(
    base: Sequence[float], head: Sequence[float], *, floor: float, family: int = 1, identical: bool = False
) -> AccuracyFinding:
    """Judge the accuracies that equal seeds came to.

    Args:
        base: one per seed (0-1).
        head: likewise, of the same seeds.
        floor: accuracy below which a seed has failed.
        family: how many such findings are told together; they share the error rates out.
        identical: whether weights and answers of all seeds are equal bit for bit.

    Raises:
        ValueError: there are not as many of one as of the other.
    """
    pairs = list(zip(base, head, strict=True))
    trained = [(one, other) for one, other in pairs if min(one, other) >= floor]
    failures = [sum(value < floor for value in side) for side in (base, head)]
    found = centre([other - one for one, other in trained])
    low, high = found.interval(ERROR / family) if found else (None, None)
    if identical:
        word = IDENTICAL
    elif failures[0] != failures[1]:
        chance = fisher_p(failures[0], failures[1], len(pairs))
        word = CANNOT_TELL if chance > ALARM_ERROR / family else LESS if failures[1] > failures[0] else MORE
    else:
        word = _word_of(found, family)
    return AccuracyFinding(
        word=word,
        base=_mean([one for one, _ in trained]),
        head=_mean([other for _, other in trained]),
        low=low,
        high=high,
        base_failures=failures[0],
        head_failures=failures[1],
        seeds=len(pairs),
    )


def _word_of(found: Centre | None, family: int) -> str:
    """The word for a mean difference: a difference beyond the margin that is no chance, or an interval within it."""
    if found is None:
        return CANNOT_TELL
    if found.p_value <= ALARM_ERROR / family and abs(found.value) > MARGIN:
        return MORE if found.value > 0 else LESS
    low, high = found.interval(ERROR / family)
    return NO_DIFFERENCE if low > -MARGIN and high < MARGIN else CANNOT_TELL


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def fisher_p(one: int, other: int, seeds: int) -> float:
    """The two-sided p-value of as many failures among `seeds` on either side (Fisher's exact test)."""
    total = one + other
    ways = [math.comb(seeds, count) * math.comb(seeds, total - count) for count in range(total + 1)]
    return sum(way for way in ways if way <= ways[one]) / sum(ways)
