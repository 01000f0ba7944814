"""Interim analyses of a duel and their alpha spending: when it is judged, and how much error each time may spend.

Blocks are added until an interval is narrow enough. Whoever looks after every block at a 95 % interval is wrong far
more often than 5 times in 100, so the error is spent in shares (alpha spending; Lan and DeMets, Biometrika 1983) that
add up to 1 at most, however long the duel lasts: the union bound, with no assumption about how looks depend on each
other. One half goes to looks at planned numbers of blocks, each a third larger than the one before, and one half to
the look at the end of the time budget, which no result has a say in. A duel that is resumed after such an end has a
quarter of what then remains for its next end, and so on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FIRST_BLOCKS = 8
"""Before as many blocks, nothing is said: a few processes that are alike by chance look like certainty."""
GROWTH = 4 / 3
PLANNED_SHARE = 0.5
ENDS_SHARE = 0.5
FIRST_END = 0.75
"""Of what the ends may spend, the first one takes so much, the next as much of the rest, and so on."""


@dataclass(frozen=True, slots=True)
class Look:
    """An interim analysis after `blocks` blocks that may spend this share of the allowed error."""

    blocks: int
    share: float


def planned_blocks() -> Iterator[int]:
    """Yield the planned numbers of blocks of the interim analyses: 8, 11, 15, 20, 27, 36, 48 and on without end."""
    blocks = FIRST_BLOCKS
    while True:
        yield blocks
        blocks = math.ceil(blocks * GROWTH)


def looks(blocks: int, ends: Sequence[int] = ()) -> list[Look]:
    """The interim analyses that are due by now, earliest first.

    Args:
        blocks: how many blocks there are.
        ends: at how many blocks a time budget ran out, each time that one did.
    """
    shares: dict[int, float] = {}
    for number, due in enumerate(takewhile(lambda due: due <= blocks, planned_blocks())):
        shares[due] = PLANNED_SHARE / ((number + 1) * (number + 2))
    for number, end in enumerate(_from_first(ends, blocks)):
        shares[end] = shares.get(end, 0.0) + ENDS_SHARE * FIRST_END * (1 - FIRST_END) ** number
    return [Look(due, shares[due]) for due in sorted(shares)]


def _from_first(ends: Iterable[int], blocks: int) -> list[int]:
    return [end for end in ends if FIRST_BLOCKS <= end <= blocks]
