"""Result of a bisection: the duels that were run, and the releases between which a case changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.verdicts import ALARM_ERROR, FASTER, INTERVAL_ERROR, NON_INFERIOR, SAME, SLOWER, WORSE

if TYPE_CHECKING:
    from bench.records.known_releases import Release


CHANGED = (SLOWER, FASTER, WORSE)
UNCHANGED = (SAME, NON_INFERIOR)


@dataclass(frozen=True, slots=True)
class Step:
    """One duel of a bisection.

    Attributes:
        word: the verdict on the metric that is bisected; ``failed`` or ``missing`` where there is none.
        shown: the ratio or the difference with its interval, as text.
        reason: why there is no verdict.
        blocks: number of finished blocks.
    """

    base: Release
    head: Release
    word: str
    shown: str
    reason: str = ""
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of a search.

    Attributes:
        steps: every duel, in the order of measurement.
        before: the last release that was as the first one; ``None`` where the ends do not differ for certain.
        after: the earliest release that was found changed.
        between: releases between those two that tell nothing.
        last: the duel of `before` with `after`, which says whether the change is there in one piece.
        used: the steps that the answer rests on.
    """

    steps: tuple[Step, ...]
    before: Release | None = None
    after: Release | None = None
    between: tuple[Release, ...] = ()
    last: Step | None = None
    used: tuple[Step, ...] = ()

    @property
    def error(self) -> float:
        """Upper bound of the probability (0-1) that any step in `used` is wrong: the sum of their rates (union bound).

        A false change has the error rate of alarms, a false ``same`` or ``non-inferior`` that of intervals.
        """
        errors = [ALARM_ERROR if step.word in CHANGED else INTERVAL_ERROR for step in self.used]
        return min(1.0, sum(errors))
