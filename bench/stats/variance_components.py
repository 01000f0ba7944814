"""Variance components of rounds, processes and blocks, and the best number of rounds per process. Pure functions.

The variance components of Kalibera and Jones, "Rigorous benchmarking in reasonable time" (ISMM 2013), sections 6 and 7,
on logarithms of seconds, for blocks that hold one process of each side.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MEDIAN_COST = math.pi / 2
"""The variance of a median of many normal values over that of their mean."""
NORMAL_QUARTILES = 1.349
"""The distance of a normal distribution's quartiles in standard deviations."""
ENOUGH_BLOCKS = 3


@dataclass(frozen=True, slots=True)
class Split:
    """Standard deviations of the time by level, relative: 0.01 is 1 %.

    Attributes:
        rounds: between rounds within a process.
        processes: between processes of one side within a block, beyond what their rounds explain.
        blocks: between blocks, of what both sides have in common; it cancels in their ratio.
    """

    rounds: float
    processes: float
    blocks: float


def split_noise(base_s: Sequence[Sequence[float]], head_s: Sequence[Sequence[float]]) -> Split | None:
    """The noise by level; ``None`` for fewer than three blocks.

    Rounds by their quartiles and the other levels by variances of process medians: the difference of the two sides
    holds twice what processes add, their covariance what blocks add. Estimates below 0 count as 0.

    Args:
        base_s: for each block the seconds of BASE's rounds, at least one.
        head_s: likewise HEAD's.
    """
    if len(base_s) < ENOUGH_BLOCKS:
        return None
    logs = [[[math.log(value_s) for value_s in rounds] for rounds in side] for side in (base_s, head_s)]
    in_rounds = _round_variance([one for side in logs for one in side])
    base, head = ([statistics.median(one) for one in side] for side in logs)
    of_medians = statistics.fmean(median_variance(in_rounds, len(one)) for side in logs for one in side)
    differences = [one - other for one, other in zip(base, head, strict=True)]
    in_processes = statistics.variance(differences) / 2 - of_medians
    in_blocks = (statistics.variance(base) + statistics.variance(head) - statistics.variance(differences)) / 2
    return Split(math.sqrt(in_rounds), math.sqrt(max(0.0, in_processes)), math.sqrt(max(0.0, in_blocks)))


def select_rounds(split: Split, *, round_s: float, process_s: float, fewest: int, most: int) -> int:
    """The number of rounds per process that tells most per second of measuring.

    The square root of (cost of a process over cost of a round) x (variance of rounds over variance of processes), the
    optimum of Kalibera and Jones (section 7), for medians.

    Args:
        split: the noise so far.
        round_s: seconds that one more round costs.
        process_s: seconds that one more process costs before its first round.
        fewest: the smallest answer.
        most: the largest one.
    """
    if split.processes == 0 or round_s <= 0:
        return most if split.rounds else fewest
    best = math.sqrt(process_s / round_s * MEDIAN_COST) * split.rounds / split.processes
    return min(max(math.ceil(best), fewest), most)


def _round_variance(processes: Sequence[Sequence[float]]) -> float:
    """The variance of rounds around their processes' means, from quartiles, which a few slow rounds do not change."""
    left = []
    for values in processes:
        if len(values) > 1:
            mean, unbiased = statistics.fmean(values), math.sqrt(len(values) / (len(values) - 1))
            left += [(value - mean) * unbiased for value in values]
    if not left:
        return 0.0
    low, _, high = statistics.quantiles(left, n=4, method="inclusive")
    return ((high - low) / NORMAL_QUARTILES) ** 2


def median_variance(variance: float, count: int) -> float:
    """The variance of the median of `count` values; of one or two values it is the mean."""
    return variance / count * (MEDIAN_COST if count > 2 else 1.0)  # noqa: PLR2004  as above
