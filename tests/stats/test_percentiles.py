from __future__ import annotations

import pytest

from bench.stats.percentiles import percentile, required_timings


@pytest.mark.parametrize(("fraction", "needed"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.999, 6636)])
def test_required_timings_are_those_of_mlperf(fraction: float, needed: int) -> None:
    assert required_timings(fraction) == needed


def test_percentile_is_a_timing_that_was_taken() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 1.0) == 100.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0


def test_percentile_leaves_the_callers_list_in_order() -> None:
    values = [3.0, 1.0, 2.0]
    percentile(values, 0.5)
    assert values == [3.0, 1.0, 2.0]


@pytest.mark.parametrize(("values", "fraction"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_percentile_of_nothing_is_an_error(values: list[float], fraction: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, fraction)
