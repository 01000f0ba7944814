"""Rates: exact intervals, and wider ones where several counts come from each trial."""

from __future__ import annotations

import pytest

from bench.stats.rates import Rate


def test_no_success_in_sixty_trials_leaves_a_rate_of_six_percent_possible() -> None:
    low, high = Rate(0, 60).interval()
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 60))
    assert Rate(60, 60).interval() == pytest.approx((1 - high, 1.0))


def test_several_counts_of_a_trial_are_worth_one() -> None:
    together, apart = Rate(228, 240, 60).interval(), Rate(228, 240).interval()
    assert together == pytest.approx(Rate(57, 60).interval())
    assert together[0] < apart[0] < 0.95 < apart[1] < together[1]
    assert Rate(0, 0, 60).interval() == (0.0, 1.0)
