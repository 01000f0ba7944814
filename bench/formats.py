"""Numbers as text: durations, counts, rates, sizes, shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.stats.visits import Figure

NOT_MEASURED = "–"
MINUTE_S = 60.0


def format_duration(seconds: float) -> str:
    """Seconds with a unit, to three significant digits: ``7.25 µs``, ``12.5 s``, ``2 min 5 s``."""
    for limit, scale, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (MINUTE_S, 1.0, "s")):
        if seconds < limit * (1 - 5e-4):
            return f"{_three_digits(seconds * scale)} {unit}"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def format_figure(figure: Figure | None) -> str:
    """Seconds with their interval: ``9.88 µs ± 2 %``; without it where it is not known."""
    if figure is None:
        return NOT_MEASURED
    if (half := figure.half_width) is None:
        return format_duration(figure.value)
    return f"{format_duration(figure.value)} ± {percent(half) if half < 1 else '100 % or more'}"


def format_count(count: float) -> str:
    """A whole number with thousands separated: ``79,510``."""
    return f"{round(count):,}"


def format_counted(count: int, noun: str) -> str:
    """A number of things: ``1 thread``, ``3 seeds``."""
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"


def format_rate(per_second: float) -> str:
    """A rate to three significant digits: ``24,300`` for 24,312.4 per second."""
    if per_second <= 0:
        return "0"
    digits = len(str(int(per_second)))
    return format_count(round(per_second, 3 - digits))


def format_bytes(size: int) -> str:
    """A file size in decimal units: ``319 kB``."""
    for limit, scale, unit in ((1_000, 1, "B"), (1_000_000, 1_000, "kB"), (1_000_000_000, 1_000_000, "MB")):
        if size < limit:
            return f"{size} {unit}" if scale == 1 else f"{_three_digits(size / scale)} {unit}"
    return f"{_three_digits(size / 1_000_000_000)} GB"


def format_accuracy(fraction: float) -> str:
    """An accuracy between 0 and 1 with four decimals, the resolution of 10,000 test images."""
    return f"{fraction:.4f}"


def format_percent(fraction: float) -> str:
    """A probability between 0 and 1: ``61.2 %``."""
    return f"{fraction * 100:.1f} %"


def percent(share: float) -> str:
    """A share (0-1) in percent, to two significant digits: ``4.3 %``."""
    return f"{share * 100:.2g} %"


def format_difference(value: float) -> str:
    """A numerical difference in powers of ten: ``4.8e-06``."""
    return f"{value:.1e}"


def _three_digits(value: float) -> str:
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0  # noqa: PLR2004  where rounding adds a digit
    return f"{value:.{decimals}f}"
