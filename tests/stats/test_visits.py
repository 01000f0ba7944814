"""Figures of visited calls, on made-up timings and on simulated cores with two states."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from bench.stats import visits as module
from bench.stats.visits import (
    MEDIAN,
    TYPICAL,
    design_effect,
    estimate_p99,
    figure,
    geometric_mean,
    quantile,
    ratio,
    visits_needed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROCESSES, VISITS, CALLS, CALL_S = 10, 10, 50, 1e-5
SLOW = 1.8
"""A core's slow state, as measured (`facts` of two shared cores): 1.73 to 1.8 times as slow as its fast one."""
SLOW_S, FAST_S = 2e-3, 11e-3
"""How long the states last on the average: 1 to 5 ms, and 5 to 18 ms."""
RUNS = 1_000


def test_a_quantile_is_numpys() -> None:
    values = [3.0, 1.0, 2.0, 10.0, 7.0]
    for share in (0.0, TYPICAL, MEDIAN, 0.9, 1.0):
        assert quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_a_figure_lies_between_the_quantiles_that_woodruffs_interval_of_its_share_allows() -> None:
    processes = [[10.0, 20.0, 30.0, 40.0], [10.5, 20.5, 30.5, 40.5], [11.0, 12.0, 13.0, 42.0]]
    found = figure(processes, MEDIAN)
    assert found is not None
    pooled = np.concatenate(processes)
    shares = [np.mean(np.array(one) <= np.median(pooled)) for one in processes]
    half = stats.t.ppf(0.975, 2) * np.std(shares, ddof=1) / math.sqrt(3)
    assert found.value == np.median(pooled)
    assert found.low == pytest.approx(np.quantile(pooled, max(0, 0.5 - half)))
    assert found.high == pytest.approx(np.quantile(pooled, min(1, 0.5 + half)))


def test_a_mean_of_processes_has_students_interval() -> None:
    found = geometric_mean([1.0, 1.1, 1.2])
    assert found is not None
    logs = np.log([1.0, 1.1, 1.2])
    half = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert found.value == pytest.approx(math.exp(logs.mean()))
    assert found.low == pytest.approx(math.exp(logs.mean() - half))
    assert found.high == pytest.approx(math.exp(logs.mean() + half))


def test_one_process_has_a_value_and_no_interval() -> None:
    found = figure([[1.0, 2.0, 3.0]], MEDIAN)
    assert found is not None
    assert (found.value, found.low, found.high, found.half_width) == (2.0, None, None, None)
    assert figure([], MEDIAN) is None


def test_what_slows_both_sides_of_a_process_alike_cancels_out_of_their_ratio() -> None:
    slow = [1.0, 1.3, 0.9, 1.1]
    found = ratio([[2.0 * factor] for factor in slow], [[1.0 * factor] for factor in slow], TYPICAL)
    assert found is not None
    assert found.value == pytest.approx(2.0)
    assert found.half_width == pytest.approx(0.0, abs=1e-9)


def test_p99_of_independent_calls_is_mlperfs() -> None:
    """2,000 calls in a random order: MLPerf leaves out 9 of them, nearest rank 20."""
    values = list(np.random.default_rng(1).permutation(np.arange(1, 2001)).astype(float))
    visits = [values[start : start + 20] for start in range(0, 2000, 20)]
    found = estimate_p99(visits)
    assert found is not None
    assert design_effect(visits) < 1.3
    assert 1991 <= found.value_s <= 1994
    assert found.low_s < 1980


@pytest.mark.parametrize(("calls", "left_out"), [(458, None), (459, 0), (661, 0), (662, 1), (2000, 9)])
def test_how_many_of_independent_calls_may_be_left_out_is_mlperfs(calls: int, left_out: int | None) -> None:
    assert module._slower(calls) == left_out


def test_p99_takes_more_visits_where_slow_calls_come_together() -> None:
    visits = [[1.0] * 100] * 95 + [[5.0] * 100] * 5
    assert design_effect(visits) > 50
    assert estimate_p99(visits) is None
    assert visits_needed(visits) > 400


def simulate(random: np.random.Generator, slow_s: float, fast_s: float, visits: int) -> list[NDArray[np.float64]]:
    """Visits of a core with two states whose ends come at random, each visit long after the one before."""
    share = slow_s / (slow_s + fast_s)
    made = []
    for _ in range(visits):
        slow, left_s, values = random.random() < share, 0.0, np.empty(CALLS)
        for place in range(CALLS):
            call_s = CALL_S * (SLOW if slow else 1.0) * random.lognormal(0.0, 0.06)
            values[place] = call_s
            left_s -= call_s
            if left_s <= 0:
                slow = not slow if place else slow
                left_s = random.exponential(slow_s if slow else fast_s)
        made.append(values)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("slow_s", "fast_s"), [(SLOW_S, FAST_S), (4e-3, 6e-3), (1e-3, 18e-3)])
def test_the_p99_that_is_printed_is_below_the_true_one_in_at_most_1_of_100_runs(slow_s: float, fast_s: float) -> None:
    random = np.random.default_rng(7)
    pool = simulate(random, slow_s, fast_s, 20_000)
    true_s = float(np.quantile(np.concatenate(pool), 0.99))
    below = told = 0
    for _ in range(RUNS):
        chosen = random.integers(0, len(pool), PROCESSES * VISITS)
        found = estimate_p99([pool[place].tolist() for place in chosen])
        told += found is not None
        below += found is not None and found.value_s < true_s
    assert told > RUNS / 2
    assert stats.binomtest(below, told).proportion_ci(0.98).low <= 0.01


@pytest.mark.slow
def test_intervals_hold_the_true_value_in_95_of_100_runs() -> None:
    """Processes that differ by 2 % among themselves, on a core with two states."""
    random = np.random.default_rng(5)
    pool: Any = simulate(random, SLOW_S, FAST_S, 4_000)
    for share in (TYPICAL, MEDIAN):
        others = [pool[place] * random.lognormal(0.0, 0.02) for place in random.integers(0, len(pool), 40_000)]
        true_s = float(np.quantile(np.concatenate(others), share))
        held = 0
        for _ in range(400):
            processes = [
                np.concatenate([pool[place] for place in random.integers(0, len(pool), VISITS)])
                * random.lognormal(0.0, 0.02)
                for _ in range(PROCESSES)
            ]
            found = figure([one.tolist() for one in processes], share)
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            held += found.low <= true_s <= found.high
        assert stats.binomtest(held, 400).proportion_ci(0.98).high >= 0.95, share
