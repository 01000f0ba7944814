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
)
from bench.records import latency
from bench.records.cases import BATCH_SIZES
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.report.latency_text import (
    EXPLANATION,
    SHORT_EXPLANATION,
    cold_text,
    invalid_or_missing,
    median_text,
    p99_range_text,
    p99_text,
    rate_text,
    spread_text,
    typical_text,
)
from bench.report.markdown import escape, markdown_table, provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.records.record import Run
    from bench.records.schema.rows import Record


HEADLINE_BATCH = 1
THROUGHPUT_BATCH = 1000
SPREAD_SEEDS = 2
SAME_GRAPH = ("operators", "parameters", "precision", "batch_size", "threads")
"""What two rows have in common that call the same graph with other weights."""

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
        "One image, typical",
        "p50",
        "p99",
        "images/s, batch 1000",
        "ONNX parity",
    ]
    return markdown_table(headers, _headline_rows(run), text_columns=(0, 10))


def readme_table(run: Run) -> str:
    """The README's narrow results table: a row per model with its size, accuracy, training speed and latency."""
    seeds = max((len(record.test_accuracies) for record in run.of(TrainRecord)), default=0)
    headers = [
        "Model",
        "Parameters",
        f"Test accuracy ({format_counted(seeds, 'seed')})",
        "Train images/s",
        "One image, typical",
        "p50",
        "p99",
        "images/s by 1000",
    ]
    rows = [
        [name, parameters, accuracy, training, typical, median, tail, bulk]
        for name, parameters, accuracy, _, training, _, typical, median, tail, bulk, _ in _headline_rows(run)
    ]
    return markdown_table(headers, rows, text_columns=(0,))


def latency_table(run: Run) -> str:
    """All latency rows: model, batch size, threads, typical call, p50, p99, cold caches and throughput."""
    headers = [
        "Model",
        "Precision",
        "Batch",
        "Threads",
        "Typical",
        "p50",
        "p99",
        "p99 (98 %)",
        "p50, cold caches",
        "images/s",
        "Timings (in visits × processes)",
    ]
    records = run.of(InferRecord)
    same = {record.case: record for size in BATCH_SIZES for record in _same(records, size)}
    rows = [
        [
            record.recipe,
            record.precision or NOT_MEASURED,
            format_count(record.batch_size),
            str(record.threads),
            typical_text(record, same.values()),
            median_text(record),
            p99_text(record),
            p99_range_text(record),
            cold_text(record),
            rate_text(record),
            spread_text(record),
        ]
        for record in records
    ]
    return markdown_table(headers, rows, text_columns=(0, 1))


def _same(records: Sequence[InferRecord], batch_size: int) -> list[Record]:
    """The rows of a batch size that cannot be told from the fastest of them."""
    return latency.same_as_best([record for record in records if record.batch_size == batch_size])


def same_graph(run: Run, batch_sizes: Sequence[int] = BATCH_SIZES) -> str:
    """A line on models that export the same graph: the ratios of their calls, which should hold 1; or nothing."""
    records = [one for one in run.of(InferRecord) if not one.faults and one.batch_size in batch_sizes]
    told: dict[tuple[str, str], list[str]] = {}
    for place, one in enumerate(records):
        for other in records[place + 1 :]:
            alike = all(getattr(one, name) == getattr(other, name) for name in SAME_GRAPH)
            if alike and one.operators and (found := latency.ratio(other, one)) and found.low and found.high:
                where = f"batch {one.batch_size} on {format_counted(one.threads, 'thread')}"
                text = f"{where} {found.value:.3f} ({found.low:.3f}–{found.high:.3f})"
                told.setdefault((one.recipe, other.recipe), []).append(text)
    return " ".join(
        f"{first} and {second} export the same graph; the ratios of their typical calls, with 95 % intervals: "
        f"{', '.join(texts)}."
        for (first, second), texts in told.items()
    )


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
    references = {
        one.recipe: one.parity.reference for one in run.of(InferRecord) if one.parity and one.parity.reference
    }
    lines += [f"{name} has no exact answers to be compared with: {reason}." for name, reason in references.items()]
    return [escape(line) for line in lines]


def _recipes(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(record.recipe for record in records))


def _headline_rows(run: Run) -> list[list[str]]:
    singles = _singles(run)
    same = latency.same_as_best(singles)
    by_recipe = {record.recipe: record for record in singles}
    return [_headline_row(run, recipe, by_recipe.get(recipe), same) for recipe in _recipes(run.records)]


def _headline_row(run: Run, recipe: str, one_thread: InferRecord | None, same: Sequence[InferRecord]) -> list[str]:
    train = _first(record for record in run.of(TrainRecord) if record.recipe == recipe)
    calls = [record for record in run.of(InferRecord) if record.recipe == recipe]
    bulk = [record for record in calls if record.batch_size == THROUGHPUT_BATCH]
    all_threads = max(bulk, key=lambda record: record.threads, default=None)
    return [
        _model_name(run, recipe),
        _maybe(_first(record.parameters for record in [train, *calls] if record), format_count),
        _accuracy(train),
        _train_time(train),
        rate_text(train),
        _maybe(_first(record.onnx_bytes for record in calls), format_bytes),
        typical_text(one_thread, same),
        median_text(one_thread),
        p99_text(one_thread),
        rate_text(all_threads),
        _parity(calls),
    ]


def _singles(run: Run) -> list[InferRecord]:
    """The calls of one image by each model, on as few threads as were measured."""
    calls = [record for record in run.of(InferRecord) if record.batch_size == HEADLINE_BATCH]
    fewest = min((record.threads for record in calls), default=1)
    return [record for record in calls if record.threads == fewest]


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


def _parity(records: Sequence[InferRecord]) -> str:
    if any(record.faults for record in records):
        return "INVALID"
    known = [record.parity for record in records if record.parity]
    if any(parity.reference for parity in known):
        return "no reference"
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


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _maybe(value: _T | None, text: Callable[[_T], str]) -> str:
    return NOT_MEASURED if value is None else text(value)


def readme_section(run: Run) -> str:
    """The README's section on the models: size, accuracy and speed; the data set's page has the rest."""
    return "\n\n".join([*notices(run), readme_table(run), SHORT_EXPLANATION, caption(run)])


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
                EXPLANATION,
                *filter(None, [same_graph(run)]),
            ]
        )
        + "\n"
    )
