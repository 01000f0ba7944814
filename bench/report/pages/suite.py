"""Markdown page of the suite on one data set, from a stored run."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, TypeVar

from bench.formats import (
    NOT_MEASURED,
    format_accuracy,
    format_bytes,
    format_count,
    format_counted,
    format_difference,
    format_duration,
    format_rate,
)
from bench.records.schema import InferRecord, TrainRecord
from bench.report.markdown import escape, markdown_table, provenance
from bench.stats.percentiles import P99, percentile, required_timings
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.records.record import Run
    from bench.records.schema import Record


HEADLINE_BATCH = 1
THROUGHPUT_BATCH = 1000
SPREAD_SEEDS = 2

_T = TypeVar("_T")


def headline_table(run: Run) -> str:
    """The results table with a row per model, in the order in which the models were measured."""
    seeds = max((len(record.test_accuracies) for record in run.of(TrainRecord)), default=0)
    headers = [
        "Model",
        "Parameters",
        f"Test accuracy (mean ± sd, {format_counted(seeds, 'seed')})",
        "Train time",
        "Train images/s",
        "ONNX size",
        "ONNX Runtime p50 / p99, batch 1",
        "images/s, batch 1000",
        "ONNX parity",
    ]
    rows = [_headline_row(run, recipe) for recipe in _recipes(run.records)]
    return markdown_table(headers, rows, text_columns=(0, 8))


def readme_table(run: Run) -> str:
    """The README's narrow results table: a row per model with its layers, accuracy, training speed and latency."""
    seeds = max((len(record.test_accuracies) for record in run.of(TrainRecord)), default=0)
    headers = [
        "Model",
        "Layers",
        "Parameters",
        f"Test accuracy ({format_counted(seeds, 'seed')})",
        "Training, images/s",
        "One image, p50 / p99",
        "images/s by 1000",
    ]
    rows = []
    for recipe in _recipes(run.records):
        name, parameters, accuracy, _, training, _, single, bulk, _ = _headline_row(run, recipe)
        layers = RECIPES[recipe].layers if recipe in RECIPES else NOT_MEASURED
        rows.append([name, layers, parameters, accuracy, training, single, bulk])
    return markdown_table(headers, rows, text_columns=(0, 1))


def latency_table(run: Run) -> str:
    """All latency rows: model, batch size, threads, p50, p99 and throughput."""
    headers = ["Model", "Precision", "Batch", "Threads", "Timings", "p50", "p99", "images/s"]
    records = run.of(InferRecord)
    rows = [
        [
            record.recipe,
            record.precision or NOT_MEASURED,
            format_count(record.batch_size),
            str(record.threads),
            format_count(len(record.values_s)),
            _p50(record),
            _p99(record),
            rate(record),
        ]
        for record in records
    ]
    return markdown_table(headers, rows, text_columns=(0, 1))


def training_table(run: Run) -> str:
    """All trainings: model, seed, epochs, first step, time of the whole fit and accuracy."""
    headers = ["Model", "Trainer", "Seed", "Epochs", "First step (tracing, compiling)", "Train time", "Test accuracy"]
    rows = [row for record in run.of(TrainRecord) for row in _seed_rows(record)]
    return markdown_table(headers, rows, text_columns=(0, 1))


def caption(run: Run) -> str:
    """Caption: data, trainer, device, machine, versions, date, command."""
    parts = [
        run.dataset,
        f"{run.trainer} trainer",
        f"{run.device} ({format_counted(run.threads, 'thread')})",
        *provenance(run, ("tensorflow", "onnxruntime")),
    ]
    return escape("; ".join(parts))


def notices(run: Run) -> list[str]:
    """Warnings above the tables: stand-in data, cut-down protocols, missing rows, faults."""
    lines = []
    if run.fallback_reason:
        lines.append(f"**Stand-in data: {run.dataset} in place of the data set that could not be had.**")
    if run.quick:
        lines.append("**Quick run: training protocols are cut down; these figures say nothing about the models.**")
    if not run.complete:
        lines.append(f"**Ended early: {len(run.missing)} planned rows are missing.**")
    faults = {fault: None for record in run.records for fault in record.faults}
    lines += [f"INVALID: {fault}" for fault in faults]
    return [escape(line) for line in lines]


def _recipes(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(record.recipe for record in records))


def _headline_row(run: Run, recipe: str) -> list[str]:
    train = _first(record for record in run.of(TrainRecord) if record.recipe == recipe)
    calls = [record for record in run.of(InferRecord) if record.recipe == recipe]
    single = [record for record in calls if record.batch_size == HEADLINE_BATCH]
    bulk = [record for record in calls if record.batch_size == THROUGHPUT_BATCH]
    one_thread = min(single, key=lambda record: record.threads, default=None)
    all_threads = max(bulk, key=lambda record: record.threads, default=None)
    return [
        _model_name(run, recipe),
        _maybe(_first(record.parameters for record in [train, *calls] if record), format_count),
        _accuracy(train),
        _train_time(train),
        rate(train),
        _maybe(_first(record.onnx_bytes for record in calls), format_bytes),
        latency(one_thread),
        rate(all_threads),
        _parity(calls),
    ]


def _model_name(run: Run, recipe: str) -> str:
    marks = [mark for mark, shown in (("quick", run.quick), (run.dataset, run.fallback_reason is not None)) if shown]
    return f"{recipe} ({', '.join(marks)})" if marks else recipe


def _accuracy(train: TrainRecord | None) -> str:
    if train is None or not train.test_accuracies:
        return invalid_or_missing(train)
    mean = format_accuracy(statistics.fmean(train.test_accuracies))
    spread = (
        f" ± {format_accuracy(statistics.stdev(train.test_accuracies))}"
        if len(train.test_accuracies) >= SPREAD_SEEDS
        else ""
    )
    return f"{mean}{spread}{' INVALID' if train.faults else ''}"


def _train_time(train: Record | None) -> str:
    if train is None or train.faults or not train.values_s:
        return invalid_or_missing(train)
    return format_duration(statistics.median(train.values_s))


def latency(record: Record | None) -> str:
    """The median and the 99th percentile of a record's calls, as text."""
    if record is None or record.faults or not record.values_s:
        return invalid_or_missing(record)
    return f"{_p50(record)} / {_p99(record)}"


def _p50(record: Record) -> str:
    if record.faults or not record.values_s:
        return invalid_or_missing(record)
    return format_duration(statistics.median(record.values_s))


def _p99(record: Record) -> str:
    if record.faults or not record.values_s:
        return invalid_or_missing(record)
    needed = required_timings(P99)
    if len(record.values_s) < needed:
        return f"n/a (needs {needed})"
    return format_duration(percentile(record.values_s, P99))


def rate(record: Record | None) -> str:
    """The images per second of a training or of calls, as text."""
    if record is None or record.faults or record.images_per_s is None:
        return invalid_or_missing(record)
    return format_rate(record.images_per_s)


def _parity(records: Sequence[InferRecord]) -> str:
    if any(record.faults for record in records):
        return "INVALID"
    known = [record.parity for record in records if record.parity]
    differences = [parity.max_abs_diff for parity in known if parity.max_abs_diff is not None]
    if not differences:
        return NOT_MEASURED
    changed = max(parity.changed_predictions or 0 for parity in known)
    return f"{format_difference(max(differences))}, {changed} changed"


def _seed_rows(record: TrainRecord) -> list[list[str]]:
    per_seed = zip(
        record.seeds, record.epochs_run, record.first_step_s, record.values_s, record.test_accuracies, strict=False
    )
    return [
        [
            record.recipe,
            record.trainer or NOT_MEASURED,
            str(seed),
            str(epochs),
            _maybe(first_step_s, format_duration),
            format_duration(value_s),
            format_accuracy(accuracy) + (" INVALID" if record.faults else ""),
        ]
        for seed, epochs, first_step_s, value_s, accuracy in per_seed
    ]


def invalid_or_missing(record: Record | None) -> str:
    """The cell without a number: ``INVALID``, or a dash where nothing was measured."""
    return "INVALID" if record is not None and record.faults else NOT_MEASURED


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _maybe(value: _T | None, text: Callable[[_T], str]) -> str:
    return NOT_MEASURED if value is None else text(value)


def readme_section(run: Run) -> str:
    """The README's section on the models: layers, accuracy and speed; the data set's page has the rest."""
    return "\n\n".join([*notices(run), readme_table(run), caption(run)])


def headline_section(run: Run) -> str:
    """The results table with its notices and caption."""
    return "\n\n".join([*notices(run), headline_table(run), caption(run)])


def tables_page(run: Run) -> str:
    """The page with all tables of one run."""
    return (
        "\n\n".join(
            [
                f"# {run.dataset}",
                headline_section(run),
                "## Training, seed by seed",
                training_table(run),
                "## ONNX Runtime latency",
                latency_table(run),
            ]
        )
        + "\n"
    )
