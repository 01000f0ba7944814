"""The search for the release in which a case changed: duels go in as a function, what they tell comes out.

Every release that is tried duels with the first one, which is held to be good; a verdict that is none sets the release
aside, and the next one is tried. So the answer is a range: the change lies after the last release that was still as
good, and not after the first one that was changed; what lies between them was skipped or could not be told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.verdicts import ALARM_ERROR, FASTER, INTERVAL_ERROR, NON_INFERIOR, SAME, SLOWER, WORSE

if TYPE_CHECKING:
    from bench.releases.known import Release

CHANGED = (SLOWER, FASTER, WORSE)
UNCHANGED = (SAME, NON_INFERIOR)


@dataclass(frozen=True, slots=True)
class Step:
    """One duel of the search.

    Attributes:
        word: its verdict on what is looked for; ``failed`` or ``missing`` where there is none.
        shown: the ratio or the difference with its interval, for people.
        reason: why there is no verdict.
        blocks: how many there were.
    """

    base: Release
    head: Release
    word: str
    shown: str
    reason: str = ""
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        steps: every duel, in the order in which they were fought.
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
        """The probability, at most, that any step that the answer rests on is wrong: the sum over these (union bound).

        A change that is none is found with the alarms' rate, an unchanged release that did change with the intervals'.
        """
        errors = [ALARM_ERROR if step.word in CHANGED else INTERVAL_ERROR for step in self.used]
        return min(1.0, sum(errors))


def search(releases: Sequence[Release], fight: Callable[[Release, Release], Step]) -> Found:
    """Where the change between the first and the last release lies.

    Args:
        releases: at least two, in the order in which they are searched.
        fight: one duel.
    """
    first = fight(releases[0], releases[-1])
    if first.word not in CHANGED:
        return Found((first,), used=(first,) if first.word in UNCHANGED else ())
    steps, low, high = [first], 0, len(releases) - 1
    aside: set[int] = set()
    while inner := [index for index in range(low + 1, high) if index not in aside]:
        middle = inner[len(inner) // 2]
        step = fight(releases[0], releases[middle])
        steps.append(step)
        if step.word == first.word:
            high = middle
        elif step.word in (*UNCHANGED, *CHANGED):  # a change to the other side comes before the one that is sought
            low = middle
        else:
            aside.add(middle)
    used = tuple(step for step in steps if step.word in (*UNCHANGED, *CHANGED))
    if low:
        steps.append(fight(releases[low], releases[high]))
    last = steps[-1] if low else next(step for step in steps if step.head == releases[high])
    return Found(
        steps=tuple(steps),
        before=releases[low],
        after=releases[high],
        between=tuple(releases[low + 1 : high]),
        last=last,
        used=used,
    )
