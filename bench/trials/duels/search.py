"""The search for the release in which a case changed: duels go in as a function, what they tell comes out.

Every release that is tried duels with the first one, which is held to be good; a verdict that is none sets the release
aside, and the next one is tried. So the answer is a range: the change lies after the last release that was still as
good, and not after the first one that was changed; what lies between them was skipped or could not be told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.records.bisections import CHANGED, UNCHANGED, Found, Step

if TYPE_CHECKING:
    from bench.records.known_releases import Release


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
