"""Cells of the page's tables that several chapters have: accuracies, times, latencies, rates."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, TypeVar

from bench.formats import NOT_MEASURED, format_accuracy, format_duration
from bench.records import latency
from bench.report.html.view import Cell
from bench.report.latency_text import invalid_or_missing, median_text, p99_text, rate_text, typical_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.records.schema.rows import Record
    from bench.records.schema.suite import TrainRecord

_T = TypeVar("_T", int, float)


def measured(value: _T | None, text: Callable[[_T], str]) -> Cell:
    """A cell with a number formatted by `text`; a dash for ``None``."""
    return Cell(NOT_MEASURED) if value is None else Cell(text(value), value)


def accuracy_cell(train: TrainRecord | None) -> Cell:
    """A cell with the mean accuracy and its standard deviation over the seeds."""
    if train is None or not train.test_accuracies:
        return Cell(invalid_or_missing(train))
    mean = statistics.fmean(train.test_accuracies)
    spread = f" ± {format_accuracy(statistics.stdev(train.test_accuracies))}" if len(train.test_accuracies) > 1 else ""
    return Cell(f"{format_accuracy(mean)}{spread}{' INVALID' if train.faults else ''}", mean)


def time_cell(train: Record | None) -> Cell:
    """A cell with the median time of a training."""
    if train is None or train.faults or not train.values_s:
        return Cell(invalid_or_missing(train))
    return measured(statistics.median(train.values_s), format_duration)


def latency_cells(record: Record | None) -> list[Cell]:
    """Cells with the typical call, the median one, and the 99th percentile."""
    if record is None or record.faults or not record.values_s:
        return [Cell(invalid_or_missing(record))] * 3
    typical, median, tail = latency.typical(record), latency.median(record), latency.tail(record)
    return [
        Cell(typical_text(record), typical.value if typical else None),
        Cell(median_text(record), median.value if median else None),
        Cell(p99_text(record), tail.value_s if tail else None),
    ]


def rate_cell(record: Record | None) -> Cell:
    """A cell with the images per second of a training or of calls."""
    reached = latency.images_per_s(record) if record and not record.faults else None
    return Cell(rate_text(record), reached)
