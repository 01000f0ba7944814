from __future__ import annotations

import math
import random
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from bench.stats.alpha_spending import Look, looks, planned_blocks
from bench.stats.estimate import block_ratio, centre, faster_half
from bench.stats.variance_components import Split, select_rounds, split_noise
from bench.stats.verdicts import (
    ALARM_ERROR,
    CANNOT_TELL,
    FASTER,
    NON_INFERIOR,
    SAME,
    SLOWER,
    WORSE,
    Finding,
    Series,
    holm,
    judge,
    sequential_p,
)
from tests.noise import Noise, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

MARGIN = math.log(1.03)


def scattered(around: float, spread: float, blocks: int, seed: int = 1) -> list[float]:
    """Values whose mean is exactly `around`."""
    source = random.Random(seed)
    values = [source.gauss(0, spread) for _ in range(blocks)]
    mean = math.fsum(values) / blocks
    return [around + value - mean for value in values]


def timed(values: Sequence[float], ends: Sequence[int] = ()) -> Finding:
    return judge([Series(kind="time", values=values, margin=MARGIN, ends=ends)])[0]


def accurate(values: Sequence[float], ends: Sequence[int] = ()) -> Finding:
    return judge([Series(kind="accuracy", values=values, margin=0.01, ends=ends)])[0]


def test_a_block_is_the_median_of_all_ratios_of_its_faster_halves() -> None:
    assert block_ratio([1.0, 2.0, 4.0, 900.0, 900.0], [800.0, 8.0, 2.0, 4.0, 900.0]) == pytest.approx(math.log(2.0))
    assert block_ratio([1.0], [2.0, 4.0]) == pytest.approx(math.log(2.0))
    assert faster_half([3.0, 1.0, 2.0]) == [1.0, 2.0]


@pytest.mark.parametrize("bad", [[], [math.nan], [1.0, math.inf], [0.0], [-1.0]])
def test_a_side_without_usable_timings_has_no_ratio(bad: list[float]) -> None:
    assert block_ratio(bad, [1.0]) is None
    assert block_ratio([1.0], bad) is None


@pytest.mark.parametrize("count", [2, 5, 9])
def test_an_untrimmed_interval_is_students(count: int) -> None:
    values = scattered(0.2, 1.0, count)
    found = centre(values, trim=False)
    assert found is not None
    expected = stats.t.interval(0.9, count - 1, np.mean(values), stats.sem(values))
    assert found.interval(0.1) == pytest.approx(expected)
    assert found.p_value == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


@pytest.mark.parametrize("count", [6, 12, 17, 30])
def test_a_trimmed_interval_is_that_of_yuen(count: int) -> None:
    """SciPy has Yuen's test for two samples; against a constant that has no spread, it is the one for one sample."""
    values = scattered(0.3, 1.0, count)
    found = centre(values, trim=True)
    assert found is not None
    expected = stats.ttest_ind(values, [0.0] * 30, trim=1 / 6 + 1e-9, equal_var=False)
    assert found.value == pytest.approx(stats.trim_mean(values, 1 / 6 + 1e-9))
    assert found.p_value == pytest.approx(float(expected.pvalue))


def test_the_order_of_the_blocks_does_not_matter_and_the_list_is_left_as_it_was() -> None:
    values = scattered(0.0, 1.0, 12)
    before = list(values)
    assert centre(values, trim=True) == centre(sorted(values), trim=True)
    assert values == before


@pytest.mark.parametrize("values", [[], [0.1], [0.1, math.nan], [math.inf] * 20])
def test_too_little_or_no_numbers_have_no_centre(values: list[float]) -> None:
    assert centre(values, trim=True) is None


def test_identical_values_are_certain() -> None:
    found = centre([0.0] * 8, trim=True)
    assert found is not None
    assert (found.interval(0.01), found.p_value) == ((0.0, 0.0), 1.0)
    found = centre([0.1] * 8, trim=True)
    assert found is not None
    assert found.p_value == 0.0


def test_looks_become_rarer() -> None:
    assert list(islice(planned_blocks(), 7)) == [8, 11, 15, 20, 27, 36, 48]


@pytest.mark.parametrize("blocks", [8, 100, 10_000])
def test_all_looks_together_never_spend_more_than_the_allowed_error(blocks: int) -> None:
    ends = [12, 13, 14, blocks]
    assert math.fsum(look.share for look in looks(blocks, sorted(ends))) < 1
    assert math.fsum(look.share for look in looks(blocks)) < 0.5


def test_the_end_of_the_budget_is_a_look_of_its_own_and_a_second_end_has_less_to_spend() -> None:
    assert looks(7, [7]) == []
    assert looks(9, [9]) == [Look(8, 0.25), Look(9, 0.375)]
    assert looks(12, [9, 12])[-1] == Look(12, 0.09375)
    assert looks(8, [8]) == [Look(8, 0.625)]


@pytest.mark.parametrize(
    ("around", "spread", "verdict"),
    [
        (0.05, 0.01, SLOWER),
        (-0.05, 0.01, FASTER),
        (0.0, 0.01, SAME),
        (0.012, 0.002, SAME),
        (0.05, 0.2, CANNOT_TELL),
        (0.0, 0.2, CANNOT_TELL),
        (0.025, 0.015, CANNOT_TELL),
    ],
)
def test_the_four_verdicts(around: float, spread: float, verdict: str) -> None:
    assert timed(scattered(around, spread, 15), [15]).verdict == verdict


@pytest.mark.parametrize("values", [[], [math.nan], [0.05], [0.05] * 7, [0.05] * 20 + [math.nan]])
def test_what_cannot_be_judged_is_cannot_tell_and_never_an_error(values: list[float]) -> None:
    found = timed(values, [len(values)])
    assert found.verdict == CANNOT_TELL
    assert found.value is None or len(values) > 20
    assert accurate(values, [len(values)]).verdict == CANNOT_TELL or len(values) > 20


def test_before_the_first_look_the_blocks_up_to_it_are_what_is_missing() -> None:
    assert timed([0.0] * 3).more_blocks == 5


def test_a_forecast_of_more_blocks_comes_true_when_values_go_on_as_they_are() -> None:
    values = scattered(0.04, 0.05, 15)
    found = timed(values, [15])
    assert found.verdict == CANNOT_TELL
    assert found.more_blocks is not None
    more = 15 + round(found.more_blocks * 1.5)
    assert timed(scattered(0.04, 0.05, more), [15, more]).verdict == SLOWER
    fewer = 15 + found.more_blocks // 3
    assert timed(scattered(0.04, 0.05, fewer), [15, fewer]).verdict == CANNOT_TELL


def test_a_difference_right_at_the_margin_has_no_forecast_that_says_the_same() -> None:
    assert timed(scattered(MARGIN - 1e-9, 0.2, 15), [15]).more_blocks is None


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.0] * 8, NON_INFERIOR),
        (scattered(0.05, 0.01, 15), NON_INFERIOR),
        (scattered(-0.004, 0.005, 15), NON_INFERIOR),
        (scattered(-0.05, 0.01, 15), WORSE),
        (scattered(-0.05, 0.2, 15), CANNOT_TELL),
        ([-0.05] * 8, WORSE),
        ([0.0] * 11 + [-0.6], CANNOT_TELL),
    ],
)
def test_accuracy_is_judged_by_the_mean_of_its_paired_differences(values: list[float], verdict: str) -> None:
    assert accurate(values, [len(values)]).verdict == verdict


def test_holm_rejects_step_by_step_from_the_smallest() -> None:
    assert holm([0.011, 0.04, 0.012, 0.9], 0.05) == [True, False, True, False]
    assert holm([0.02, 0.02], 0.03) == [False, False]
    assert holm([math.nan, 0.001], 0.05) == [False, True]
    assert holm([], 0.05) == []


def test_the_more_cases_the_more_it_takes_for_an_alarm() -> None:
    suspect = Series(kind="time", values=scattered(0.05, 0.045, 15), margin=MARGIN, ends=[15])
    p_value = sequential_p(suspect)
    assert p_value is not None
    assert ALARM_ERROR / 20 < p_value < ALARM_ERROR
    others = [Series(kind="time", values=scattered(0.0, 0.03, 15, seed), margin=MARGIN) for seed in range(2, 21)]
    assert judge([suspect])[0].verdict == SLOWER
    assert judge([suspect, *others])[0].verdict == CANNOT_TELL


def test_the_noise_is_split_into_its_levels() -> None:
    noise = Noise(jitter=0.01, offset=0.02, walk=0.0)
    base, head = simulate(noise, duels=1, blocks=2000, rounds=5, seed=3)
    drawn = np.random.default_rng(4).normal(0, 0.03, (2000, 1))
    shared = np.exp(drawn)
    split = split_noise((base[0] * shared).tolist(), (head[0] * shared).tolist())
    assert split is not None
    assert split.rounds == pytest.approx(0.01, rel=0.05)
    assert split.processes == pytest.approx(0.02, rel=0.05)
    assert split.blocks == pytest.approx(0.03, rel=0.05)


def test_a_burst_in_a_few_rounds_is_not_the_noise_of_rounds() -> None:
    base, head = simulate(Noise(jitter=0.01), duels=1, blocks=200, seed=3)
    base[0, ::10, 0] *= 3
    split = split_noise(base[0].tolist(), head[0].tolist())
    assert split is not None
    assert split.rounds == pytest.approx(0.01, rel=0.25)


def test_the_noise_of_too_few_blocks_is_unknown() -> None:
    assert split_noise([[1.0]] * 2, [[1.0]] * 2) is None
    assert split_noise([[1.0]] * 3, [[1.0]] * 3) == Split(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("rounds", "processes", "expected"),
    [(0.01, 0.0, 20), (0.0, 0.0, 2), (0.01, 0.03, 2), (0.03, 0.01, 12), (0.5, 0.01, 20)],
)
def test_rounds_per_process_follow_costs_and_noise(rounds: float, processes: float, expected: int) -> None:
    split = Split(rounds, processes, 0.0)
    assert select_rounds(split, round_s=0.5, process_s=5.0, fewest=2, most=20) == expected
