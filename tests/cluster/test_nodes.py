"""Verdicts over several machines: one value per machine keeps the error rates, rounds put together would not."""

from __future__ import annotations

import random
import statistics

import pytest

from bench.stats.nodes import spread
from bench.stats.simultaneous import CANNOT_TELL, SAME, judge

NODES, ROUNDS, NOISE = 12, 10, 0.02
TRIALS, FAMILY = 400, 10
MARGIN = 0.03


def simulate(deviation: float, seed: int) -> list[list[list[float]]]:
    """Per series and machine the rounds: machines differ by this standard deviation, and none on the whole."""
    source = random.Random(seed)
    effects = [[source.gauss(0, deviation) for _ in range(NODES)] for _ in range(FAMILY)]
    return [[[source.gauss(effect, NOISE) for _ in range(ROUNDS)] for effect in nodes] for nodes in effects]


@pytest.mark.slow
@pytest.mark.parametrize("deviation", [0.0, 0.005, 0.01, 0.02])
def test_one_value_per_machine_keeps_the_error_rates(deviation: float) -> None:
    alarms = misses = 0
    for seed in range(TRIALS):
        means = [[statistics.fmean(rounds) for rounds in nodes] for nodes in simulate(deviation, seed)]
        found = judge(means, [MARGIN] * FAMILY)
        alarms += any(one.word not in {SAME, CANNOT_TELL} for one in found)
        misses += any(one.low is not None and one.high is not None and not one.low <= 0 <= one.high for one in found)
    assert alarms / TRIALS <= 0.01 + 0.01  # of 400 trials, at the most
    assert misses / TRIALS <= 0.05 + 0.022


@pytest.mark.slow
def test_rounds_of_machines_put_together_would_miss_far_more_often() -> None:
    misses = 0
    for seed in range(100):
        pooled = [[value for rounds in nodes for value in rounds][:64] for nodes in simulate(0.02, seed)]
        found = judge(pooled, [MARGIN] * FAMILY)
        misses += any(one.low is not None and one.high is not None and not one.low <= 0 <= one.high for one in found)
    assert misses > 20


def test_machines_that_differ_are_told_from_rounds_that_do() -> None:
    alike = [[spread(nodes, MARGIN) for nodes in simulate(0.0, seed)] for seed in range(40)]
    assert sum(one.p_value < 0.01 for found in alike for one in found) <= 12, "1 % of 400"
    apart = [one for seed in range(10) for one in (spread(nodes, MARGIN) for nodes in simulate(0.02, seed))]
    assert statistics.fmean(one.deviation for one in apart) == pytest.approx(0.02, rel=0.1)
    assert sum(one.matters for one in apart) > 95
    assert not spread([[0.1, 0.1]], MARGIN).matters
    assert spread([[0.1, 0.1], [0.2, 0.2]], MARGIN).matters
