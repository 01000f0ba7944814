"""Whether a series grows: its slope, from means of blocks, which hardly depend on each other as neighbours do.

Batch means (Law, Simulation Modeling and Analysis, section 9.5), and through them the line of least squares with
Student's interval.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.stats.estimate import Centre

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = 5
WARM_UP = 0.2
"""The share of the values, from the start, that is left out."""
FEWEST = 2
"""Values of a block, at least."""


def slope(values: Sequence[float]) -> Centre | None:
    """The growth from one value to the next.

    Args:
        values: in order.

    Returns:
        ``None`` where there are fewer values than the blocks take.
    """
    kept = values[round(WARM_UP * len(values)) :]
    length = len(kept) // BLOCKS
    if length < FEWEST:
        return None
    kept = kept[len(kept) - length * BLOCKS :]
    means = [math.fsum(kept[place : place + length]) / length for place in range(0, len(kept), length)]
    places = [number - (BLOCKS - 1) / 2 for number in range(BLOCKS)]
    squares = math.fsum(place**2 for place in places)
    middle = math.fsum(means) / BLOCKS
    rise = math.fsum(place * mean for place, mean in zip(places, means, strict=True)) / squares
    rest = math.fsum((mean - middle - rise * place) ** 2 for place, mean in zip(places, means, strict=True))
    freedom = BLOCKS - 2
    return Centre(rise / length, math.sqrt(rest / freedom / squares) / length, freedom, BLOCKS)
