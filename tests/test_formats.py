from __future__ import annotations

import pytest

from bench import formats


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (9.4e-8, "94.0 ns"),
        (7.2456e-6, "7.25 µs"),
        (99.96e-6, "100 µs"),
        (999.4e-6, "999 µs"),
        (0.9996e-3, "1.00 ms"),
        (0.0125, "12.5 ms"),
        (1.0, "1.00 s"),
        (59.9, "59.9 s"),
        (59.99, "1 min 0 s"),
        (125.2, "2 min 5 s"),
    ],
)
def test_durations_keep_three_digits_and_change_unit_where_they_round(seconds: float, text: str) -> None:
    assert formats.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(24_312.4, "24,300"), (1_573_000.0, "1,570,000"), (7.0, "7"), (0.0, "0"), (999.6, "1,000")]
)
def test_rates_keep_three_digits(rate: float, text: str) -> None:
    assert formats.format_rate(rate) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(999, "999 B"), (319_400, "319 kB"), (32_450, "32.5 kB"), (1_250_000, "1.25 MB"), (2 * 10**9, "2.00 GB")],
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    assert formats.format_bytes(size) == text


def test_counts_accuracies_and_differences() -> None:
    assert formats.format_count(79_510) == "79,510"
    assert [formats.format_counted(count, "seed") for count in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]
    assert formats.format_accuracy(0.86605) == "0.8660"
    assert formats.format_difference(4.8e-6) == "4.8e-06"
    assert [formats.format_percent(share) for share in (0.61204, 1.0, 0.0004)] == ["61.2 %", "100.0 %", "0.0 %"]
