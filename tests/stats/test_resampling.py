"""Trials that are drawn anew from rounds: what their rounds have in common is called, and chance is not."""

from __future__ import annotations

import random

from bench.stats.resampling import resample
from bench.stats.simultaneous import FASTER, SLOWER

MARGINS = [0.03, 0.05]


def rounds(*shifts: float, count: int = 60) -> list[list[float]]:
    source = random.Random(1)
    return [[shift + source.gauss(0, 0.01) for shift in shifts] for _ in range(count)]


def test_what_all_rounds_show_is_called_in_most_trials() -> None:
    words = resample(rounds(0.06, 0.0), MARGINS, length=12, trials=100)
    assert sum(one[0] == SLOWER for one in words) > 90
    assert not any(one[1] in {SLOWER, FASTER} for one in words)


def test_they_are_not_centred() -> None:
    """What copies differ by stays: rounds whose mean is 1 % by chance are no alarm at a margin of 3 %, and 4 % are."""
    assert not any(SLOWER in one for one in resample(rounds(0.01, 0.02), MARGINS, length=12, trials=100))
    assert any(SLOWER in one for one in resample(rounds(0.045, 0.045), MARGINS, length=20, trials=100))


def test_the_seed_decides() -> None:
    drawn = [resample(rounds(0.03, 0.0), MARGINS, length=10, trials=30, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert len(drawn[2]) == 30
