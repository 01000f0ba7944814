"""The slope of a series, and its interval."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats.trend import slope


def test_a_line_has_its_slope() -> None:
    found = slope([3.0 * number + 7 for number in range(50)])
    assert found is not None
    assert found.value == pytest.approx(3)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_the_first_values_are_left_out() -> None:
    found = slope([1e9, *range(10), *[100.0] * 40])
    assert found is not None
    assert found.value == pytest.approx(0)


def test_too_few_values_have_none() -> None:
    assert slope([]) is None
    assert slope([1.0] * 11) is None


def test_the_interval_holds_the_slope_as_often_as_it_says() -> None:
    source, held = np.random.default_rng(5), 0
    for _ in range(2000):
        found = slope(list(2.0 * np.arange(50) + source.normal(0, 20, 50)))
        assert found is not None
        low, high = found.interval(0.05)
        held += low <= 2.0 <= high
    assert 0.93 < held / 2000 < 0.97
