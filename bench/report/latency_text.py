"""Cells of latency rows as text: the typical and the median call with their intervals, p99, images per second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_count, format_duration, format_figure, format_rate, percent
from bench.records import latency
from bench.stats.visits import SLOWED, WIDE

if TYPE_CHECKING:
    from collections.abc import Collection

    from bench.records.schema.rows import Record

SAME, DISTURBED = "≈", "~"
EXPLANATION = (
    "*Typical*: 5 % of the calls are no slower; *p50*: half of them; ±: 95 % interval, over the processes that "
    "took turns. *p99*: the early-stopping estimate of MLPerf, which lies below the true one in at most 1 of 100 runs. "
    f"{SAME}: cannot be told from the fastest of its kind; {DISTURBED}: disturbed, with an "
    f"interval wider than ± {percent(WIDE)}, or, of a p50, more than {percent(SLOWED - 1)} above typical: it tells of "
    "its hour."
)

SHORT_EXPLANATION = (
    "One image: in ONNX Runtime, on one thread; typical: an undisturbed call (5 % are no slower). ±: 95 % interval "
    f"over processes. {SAME}: cannot be told from the fastest; {DISTURBED}: differs from hour to hour."
)


def typical_text(record: Record | None, same: Collection[Record] = ()) -> str:
    """The typical call: ``≈ 9.88 µs ± 2 %``, marked where it is one of those that are `same` as the fastest."""
    if record is None or record.faults or not record.values_s:
        return invalid_or_missing(record)
    marks = [SAME] * any(one is record for one in same) + [DISTURBED] * latency.is_typical_disturbed(record)
    return " ".join([*marks, format_figure(latency.typical(record))])


def median_text(record: Record | None) -> str:
    """The median call: ``10.1 µs ± 3 %``, marked where it tells of its hour more than of the model."""
    if record is None or record.faults or not record.values_s:
        return invalid_or_missing(record)
    return " ".join([*[DISTURBED] * latency.is_median_disturbed(record), format_figure(latency.median(record))])


def p99_text(record: Record | None) -> str:
    """The 99th percentile, or what it takes to tell it."""
    if record is None or record.faults or not record.values_s:
        return invalid_or_missing(record)
    found = latency.tail(record)
    return format_duration(found.value_s) if found else f"n/a (needs {latency.tail_needs(record)})"


def p99_range_text(record: Record) -> str:
    """The 98 % interval of the 99th percentile, of which `p99_text` shows the upper end."""
    found = None if record.faults or not record.values_s else latency.tail(record)
    return f"{format_duration(found.low_s)} – {format_duration(found.value_s)}" if found else NOT_MEASURED


def cold_text(record: Record) -> str:
    """The median call with cold caches."""
    cold_s = None if record.faults else latency.cold_cache_s(record)
    return NOT_MEASURED if cold_s is None else format_duration(cold_s)


def spread_text(record: Record) -> str:
    """How many timings there are, and of how many visits and processes."""
    timings = format_count(len(record.values_s))
    return f"{timings} in {len(record.visits)} × {len(record.by_process)}" if record.visits else timings


def rate_text(record: Record | None) -> str:
    """Images per second of a training or of calls."""
    reached = None if record is None or record.faults else latency.images_per_s(record)
    return invalid_or_missing(record) if reached is None else format_rate(reached)


def invalid_or_missing(record: Record | None) -> str:
    """The cell without a number: ``INVALID``, or a dash where nothing was measured."""
    return "INVALID" if record is not None and record.faults else NOT_MEASURED
