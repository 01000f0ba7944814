"""Markdown page that compares TensorFlow releases, from stored runs. Pure functions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.formats import (
    NOT_MEASURED,
    format_accuracy,
    format_bytes,
    format_counted,
    format_difference,
    format_duration,
)
from bench.records.comparison import (
    Comparison,
    Spread,
    compare_runs,
    logs_apart,
    nothing_told,
    pooled_spread,
    pooled_spreads,
)
from bench.records.duels import Margins
from bench.records.schema import EpochRecord, InferRecord, TrainRecord
from bench.report.markdown import escape, markdown_table, ratio_text
from bench.stats.verdicts import ALARM_ERROR, FASTER, INTERVAL_ERROR, SLOWER, Finding, select_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.known_releases import Release
    from bench.records.record import Run
    from bench.records.releases import Attempt
    from bench.records.schema import Record
    from bench.stats.estimate import Centre

ByRelease = Mapping["Release", "Sequence[Run]"]
MARGINS = Margins(0.03, 0.01)
EXPLANATION = (
    "Each cell is the ratio to the base release with its 95 % interval and its verdict; above 1 is slower, or larger. "
    "In the base's own column are its medians (of an epoch, of the first step with its tracing and compilation, of a "
    "call), its mean accuracy, and its largest difference between the exported and the trained model's probabilities; "
    "accuracies are differences, paired by seed. `infer` rows are ONNX Runtime's, on what each release exported; "
    "`call` rows are direct calls of the Keras model, `predict` rows Keras's own `predict`. `process` rows are of a "
    "fresh process: an epoch of `fit` with all that its first step traces, and its peak resident memory by then. How "
    "far runs of one release lie apart (`--rounds`, `--probes`) is pooled over all releases, as in an analysis of "
    "variance; where each release has a single run of a row, its noise is not known, and nothing is told. Runs are "
    "not interleaved as a duel's are, so a `cannot tell` or a surprise here is a question for `python -m bench duel`. "
    "In at most 1 of 100 columns of a release in which nothing changed does any time or accuracy raise an alarm, and "
    "likewise any first step or memory."
)
README_ROWS = (
    "train[deep_mlp,trainer=fit]: epoch",
    "train[deep_mlp,trainer=compiled]: epoch",
    "train[deep_mlp,trainer=fit]: accuracy",
    "infer[deep_mlp,batch=1,threads=1]: call",
    "call[deep_mlp,batch=1]: time",
    "import[tensorflow]: time",
)
"""The rows that the README shows."""
FIGURES = {"train": "epoch", "infer": "call", "import": "time", "process": "first epoch", "tensorflow": "time"}
"""What a row's timings are of, by stage."""


def versions_page(attempts: Sequence[Attempt]) -> str:
    """The page of all releases."""
    parts = ["# TensorFlow's releases", *versions_notices(attempts), versions_table(attempts), EXPLANATION]
    return "\n\n".join([*parts, versions_caption(attempts)]) + "\n"


def versions_notices(attempts: Sequence[Attempt]) -> list[str]:
    """Warnings above the table: releases that failed, and quick runs."""
    lines = [f"**{one.release.name} FAILED: {one.trouble}**" for one in attempts if one.trouble]
    if any(one.run.quick for one in attempts):
        lines.append("**Quick runs: training protocols are cut down; the figures say nothing about the models.**")
    faults = {
        f"INVALID on {one.release.name}: {fault}": None
        for one in attempts
        for record in one.run.records
        for fault in record.faults
    }
    return [escape(line) for line in dict.fromkeys([*lines, *faults])]


def versions_table(attempts: Sequence[Attempt], only: Sequence[str] | None = None) -> str:
    """A table with a row per case and figure (or those named) and a column per release, earliest (base) first."""
    by_release = runs_by_release(attempts)
    measured = [release for release, runs in by_release.items() if runs]
    if not measured:
        return "No release ran."
    base = measured[0]
    comparison = ReleaseComparison(by_release)
    columns = [_column(comparison, base, release) for release in by_release]
    labels = dict.fromkeys(label for column in columns for label in column)
    rows = [
        [label, *(column.get(label, _absent(column)) for column in columns)]
        for label in labels
        if only is None or label in only
    ]
    heads = [f"{release.name} (base)" if release == base else release.name for release in by_release]
    return markdown_table(["Case", *heads], rows, text_columns=(0,))


def versions_caption(attempts: Sequence[Attempt]) -> str:
    """Caption: data, machine, dates, commits, commands."""
    run = next((one.run for one in attempts if one.run.records), attempts[0].run)
    days = sorted({one.run.started_at[:10] for one in attempts})
    commands = dict.fromkeys(one.run.command for one in attempts)
    parts = [
        f"{run.dataset}, {run.device} ({format_counted(run.threads, 'thread')})",
        f"{run.machine.cpu}, {run.machine.cpus} CPUs",
        " to ".join(dict.fromkeys([days[0], days[-1]])),
        f"commit {', '.join(dict.fromkeys(one.run.commit for one in attempts))}",
        f"`python -m bench versions` ({', '.join(f'`{command}`' for command in commands)})",
        format_counted(len(attempts), "run file"),
    ]
    return escape("; ".join(parts))


def runs_by_release(attempts: Sequence[Attempt]) -> dict[Release, list[Run]]:
    """The runs of each release, earliest release first."""
    found: dict[Release, list[Run]] = {one.release: [] for one in sorted(attempts, key=lambda one: one.release)}
    for one in attempts:
        if one.run.records:
            found[one.release].append(one.run)
    return found


@dataclass(frozen=True, slots=True)
class Extra:
    """A figure that is stored beside a row's timings and compared like them.

    Attributes:
        label: its name in the table.
        value: returns the figure of one run's record; ``None`` where there is none.
        shown: formats the figure as text.
        words: verdicts that have another name for this figure.
    """

    label: str
    value: Callable[[Record], float | None]
    shown: Callable[[float], str]
    words: Mapping[str, str]


def _first_step_s(record: Record) -> float | None:
    """The first step that compiled: the slowest, since later seeds of a run find the program ready."""
    known = [value_s for value_s in record.first_step_s if value_s] if isinstance(record, TrainRecord) else []
    return max(known, default=None)


def _peak_bytes(record: Record) -> float | None:
    """The peak memory of a probe in bytes; ``None`` if it is not stored."""
    return float(record.peak_bytes) if isinstance(record, EpochRecord) and record.peak_bytes else None


EXTRAS = (
    Extra("first step", _first_step_s, format_duration, {}),
    Extra("peak memory", _peak_bytes, lambda size: format_bytes(round(size)), {SLOWER: "larger", FASTER: "smaller"}),
)


@dataclass(frozen=True, slots=True)
class Column:
    """A release compared with the base: comparisons by case, and findings on extra figures by case and label."""

    compared: Sequence[Comparison]
    extras: Mapping[tuple[str, str], Finding]


class ReleaseComparison:
    """Releases compared with a base; noise is pooled over the runs of all of them."""

    def __init__(self, by_release: ByRelease) -> None:
        self.by_release = by_release
        self._spreads = pooled_spreads(list(by_release.values()))
        self._extra_spreads = {extra.label: self._pool(extra) for extra in EXTRAS}

    def column(self, base: Release, head: Release) -> Column:
        """Compare a release's runs with the base's."""
        sides = self.by_release[base], self.by_release[head]
        compared = compare_runs(*sides, MARGINS, self._spreads) if sides[1] else []
        pairs = {
            (one.case, extra.label): (_values(extra, one.base), _values(extra, one.head), extra)
            for one in compared
            for extra in EXTRAS
            if not one.word
        }
        known = {key: pair for key, pair in pairs.items() if pair[0] and pair[1]}
        findings = {}
        for (case, label), (base_values, head_values, extra) in known.items():
            spread = self._extra_spreads[label].get(case)
            findings[case, label] = _extra_finding(
                extra, logs_apart(_logs(base_values), _logs(head_values), spread), len(known)
            )
        return Column(compared, findings)

    def _pool(self, extra: Extra) -> dict[str, Spread | None]:
        """The pooled variance of an extra figure, by case."""
        groups: dict[str, list[list[float]]] = {}
        for runs in self.by_release.values():
            logs: dict[str, list[float]] = {}
            for record in (record for run in runs for record in run.records):
                if (value := extra.value(record)) is not None:
                    logs.setdefault(record.case, []).append(math.log(value))
            for case, values in logs.items():
                groups.setdefault(case, []).append(values)
        return {case: pooled_spread(values) for case, values in groups.items()}


def _extra_finding(extra: Extra, found: Centre, family: int) -> Finding:
    """The verdict on an extra figure, with Bonferroni's correction over the `family` of all figures in its column."""
    if math.isinf(found.error):
        return nothing_told(found)
    low, high = found.interval(INTERVAL_ERROR)
    certain = found.p_value <= ALARM_ERROR / family
    word = select_word("time", math.log1p(MARGINS.time), found.value, (low, high), certain=certain)
    word = extra.words.get(word, word)
    return Finding(verdict=word, value=found.value, low=low, high=high, p_value=found.p_value, blocks=0)


def _column(comparison: ReleaseComparison, base: Release, head: Release) -> dict[str, str]:
    """A release's cells by row label."""
    column, is_base = comparison.column(base, head), base == head
    cells: dict[str, str] = {}
    for one in column.compared:
        stage = (*one.base, *one.head)[0].stage
        cells[f"{one.case}: {FIGURES.get(stage, 'time')}"] = _time(one, is_base=is_base)
        if stage == "train":
            cells[f"{one.case}: accuracy"] = _accuracy(one, is_base=is_base)
        if stage == "infer":
            cells[f"{one.case}: parity"] = _parity(one.head)
        for extra in EXTRAS:
            values = _values(extra, one.base)
            if values and is_base:
                cells[f"{one.case}: {extra.label}"] = extra.shown(statistics.median(values))
            elif values or _values(extra, one.head):
                found = column.extras.get((one.case, extra.label))
                text = f"{ratio_text(found)} {found.verdict}" if found else one.word or NOT_MEASURED
                cells[f"{one.case}: {extra.label}"] = text
    return cells


def _absent(column: dict[str, str]) -> str:
    return NOT_MEASURED if column else "failed"


def _time(one: Comparison, *, is_base: bool) -> str:
    if one.word or one.time is None:
        return one.word
    if is_base:
        return format_duration(statistics.median(record.median_s for record in one.base))
    return f"{ratio_text(one.time)} {one.time.verdict}"


def _accuracy(one: Comparison, *, is_base: bool) -> str:
    if one.word or one.accuracy is None:
        return one.word
    if is_base:
        trained = [record for record in one.base if isinstance(record, TrainRecord)]
        return format_accuracy(statistics.fmean(value for record in trained for value in record.test_accuracies))
    found = one.accuracy
    if found.value is None or found.low is None or found.high is None:
        return found.verdict
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f}) {found.verdict}"


def _logs(values: Sequence[float]) -> list[float]:
    return [math.log(value) for value in values]


def _values(extra: Extra, records: Sequence[Record]) -> list[float]:
    return [value for value in map(extra.value, records) if value is not None]


def _parity(records: Sequence[Record]) -> str:
    known = [record.parity for record in records if isinstance(record, InferRecord) and record.parity]
    differences = [parity.max_abs_diff for parity in known if parity.max_abs_diff is not None]
    if any(record.faults for record in records):
        return "INVALID"
    changed = max((parity.changed_predictions or 0 for parity in known), default=0)
    return f"{format_difference(max(differences))}, {changed} changed" if differences else NOT_MEASURED
