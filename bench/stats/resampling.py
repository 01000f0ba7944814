"""Trials that might have been: the rounds of stored trials drawn anew, and judged as real trials are.

A stored trial is one observation of how often its rule is wrong. Its rounds are exchangeable as far as their serial
correlation is 0, and so are those of several trials of the same environments: drawn with replacement (Efron, Annals of
Statistics 1979), they make as many further trials as are wanted. They are not centred: what two copies of an
environment differ by stays in them. What a day does to all of its trials alike is in none of them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bench.stats.simultaneous import judge

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIALS = 400


def resample(
    rounds: Sequence[Sequence[float]], margins: Sequence[float], *, length: int, trials: int = TRIALS, seed: int = 0
) -> list[list[str]]:
    """Draw and judge trials.

    Args:
        rounds: per round one value (the logarithm of a ratio) of each series of the family.
        margins: of each series, as `judge` takes them.
        length: rounds of a drawn trial.
        trials: how many are drawn.
        seed: of the draws.

    Returns:
        Per trial the word of each series.
    """
    source, found = random.Random(seed), []
    for _ in range(trials):
        drawn = source.choices(rounds, k=length)
        found.append([effect.word for effect in judge([list(series) for series in zip(*drawn, strict=True)], margins)])
    return found
