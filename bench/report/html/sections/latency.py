"""Latency distributions: the suite's ONNX Runtime calls, and all runtimes."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from bench.formats import format_bytes, format_count, format_counted, format_duration
from bench.records.schema.runtimes import RuntimeRecord, StartRecord
from bench.records.schema.suite import InferRecord
from bench.report.html.cells import latency_cells, measured, rate_cell
from bench.report.html.view import (
    Cell,
    Facets,
    Line,
    Panel,
    Section,
    Table,
    Trace,
    facets_of,
    plot_text,
    shorten,
    time_axis,
)
from models import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run
    from bench.records.schema.rows import Record
    from bench.report.html.stored import Stored

SHARES = (0.0, 0.01, *(step / 40 for step in range(1, 38)), 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
"""Of the calls: where a distribution is drawn."""
THINNED = (
    f"Each curve is drawn through {len(SHARES)} of its calls, at fixed shares from the fastest on; the slowest of a "
    "thousand is in the table only. All timings are in the run files."
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
HANDFUL = ("tf.function", "ONNX Runtime", "ONNX Runtime int8", "LiteRT", "NumPy")
"""Runtimes whose curves are drawn at first."""
MOST_CURVES = 6
"""Models whose curves are drawn at first."""
PARTS = {"import_s": "Python and imports", "load_s": "Loading the model", "first_s": "First answer"}


def make_section(stored: Stored) -> Section:
    """Distributions of the suite's calls, then of the runtimes, then cold starts."""
    panels = [_main_panel(stored.main, facets_of(stored.headline) if stored.headline else {})]
    if run := stored.runtimes:
        panels += [_runtimes_panel(run), _start_panel(run)]
    return Section(
        key="latency",
        title="Latency",
        text="Of any latency on the horizontal axis a curve tells the share of calls that were no slower. Steep is "
        "steady; a long shoulder at the top is the tail that users notice.",
        panels=panels,
    )


def _call_cells(record: Record) -> list[Cell]:
    """Cells for single calls: typical, median, 99th percentile, slowest call, images per second."""
    slowest = measured(max(record.values_s, default=None), format_duration)
    return [*latency_cells(record), slowest, rate_cell(record)]


def thin(values_s: Sequence[float]) -> list[float]:
    """The percentiles of timings at `SHARES`, in seconds, by nearest rank, so that each is a measured value."""
    ordered = sorted(values_s)
    return [ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in SHARES]


def _curve(values_s: Sequence[float], name: str, place: int) -> dict[str, Any]:
    return {
        "name": plot_text(name),
        "line": {"color": f"@{place}", "dash": DASHES[place % len(DASHES)]},
        "type": "scatter",
        "mode": "lines",
        "x": [float(f"{value_s:.4g}") for value_s in thin(values_s)],
        "y": SHARES,
        "hovertemplate": "%{y:.1%} of the calls within %{x:.3s}s",
    }


def _layout(records: Sequence[Record]) -> dict[str, Any]:
    ends = [end for record in records if record.values_s for end in (min(record.values_s), max(record.values_s))]
    return {
        "xaxis": time_axis("A call took at most", ends),
        "yaxis": {"title": {"text": "Share of the calls"}, "tickformat": ".0%"},
        "showlegend": True,
    }


def _main_panel(runs: Sequence[Run], usual: Facets) -> Panel:
    pairs = [(run, record) for run in runs for record in run.of(InferRecord) if record.values_s]
    order = list(dict.fromkeys(record.recipe for _, record in pairs))
    traces, lines = [], []
    for run, record in pairs:
        pick = f"batch {format_count(record.batch_size)}, {format_counted(record.threads, 'thread')}"
        on = f"{run.backend}, {run.device}, TensorFlow {run.packages.get('tensorflow')}"
        lines.append(
            Line(
                cells=[
                    shorten(record.recipe),
                    pick,
                    shorten(on),
                    Cell(format_count(len(record.values_s)), len(record.values_s)),
                    *_call_cells(record),
                ],
                facets=facets_of(run, record.recipe),
                file=run.file,
                pick=pick,
                mark="invalid" if record.faults else "",
            )
        )
        if record.faults:
            continue
        place = order.index(record.recipe)
        plot = _curve(record.values_s, f"{record.recipe} ({on})", place)
        choice = shorten(record.recipe)
        traces.append(Trace(plot=plot, facets=facets_of(run, record.recipe), pick=pick, choice=choice, files=run.file))
    return Panel(
        key="calls",
        title="ONNX Runtime, call by call",
        sentence=f"One curve per model; {_all_calls(pairs)} calls of all stored runs are behind these.",
        traces=traces,
        layout=_layout([record for _, record in pairs]),
        table=Table(
            ("Model", "Batch, threads", "On", "Calls", "Typical", "p50", "p99", "Slowest", "images/s"),
            lines,
            text_columns=(0, 1, 2),
        ),
        pick="Batch and threads",
        choose="Models",
        chosen=tuple(map(shorten, order[:MOST_CURVES])),
        usual=usual,
        note=THINNED,
    )


def _all_calls(pairs: Sequence[tuple[Run, InferRecord]]) -> str:
    return format_count(sum(len(record.values_s) for _, record in pairs))


def _runtimes_panel(run: Run) -> Panel:
    records = sorted(run.of(RuntimeRecord), key=lambda record: record.position)
    order = list(dict.fromkeys([*HANDFUL, *(one.runtime for one in records)]))
    order = [name for name in order if any(one.runtime == name for one in records)]
    traces, lines = [], []
    for record in records:
        name = shorten(record.runtime)
        threads = format_counted(record.threads, "thread")
        pick = f"{shorten(record.recipe)}, batch {format_count(record.batch_size)}, {threads}"
        lines.append(
            Line(
                cells=[
                    name,
                    shorten(record.recipe),
                    Cell(format_count(record.batch_size), record.batch_size),
                    Cell(str(record.threads), record.threads),
                    *_call_cells(record),
                    "; ".join(shorten(fault) for fault in record.faults) or "valid",
                ],
                facets=facets_of(run, record.recipe),
                file=run.file,
                pick=pick,
                mark="invalid" if record.faults else "",
            )
        )
        if record.faults or not record.values_s:
            continue
        place = order.index(record.runtime)
        plot = _curve(record.values_s, name, place)
        traces.append(Trace(plot=plot, facets=facets_of(run, record.recipe), pick=pick, choice=name, files=run.file))
    bad = sorted({shorten(record.runtime) for record in records if record.faults})
    return Panel(
        key="runtimes",
        title="Runtime against runtime",
        sentence=f"{format_counted(len(order), 'runtime')}, each in fresh processes of its own."
        + (f" INVALID or not to be had, and not drawn: {', '.join(bad)}." if bad else ""),
        traces=traces,
        layout=_layout(records),
        table=Table(
            ("Runtime", "Model", "Batch", "Threads", "Typical", "p50", "p99", "Slowest", "images/s", "Certificate"),
            lines,
            (0, 1, 9),
        ),
        pick="Model, batch and threads",
        first=(f"{HEADLINE}, batch 1, 1 thread",),
        choose="Runtimes",
        chosen=HANDFUL,
        note=THINNED,
    )


def _start_panel(run: Run) -> Panel:
    records = sorted(run.of(StartRecord), key=lambda one: one.position)
    traces, lines = [], []
    for record in records:
        name, pick = shorten(record.runtime), shorten(record.recipe)
        medians = _medians(record)
        lines.append(
            Line(
                cells=[
                    name,
                    pick,
                    Cell(str(record.threads), record.threads),
                    measured(statistics.median(record.values_s) if record.values_s else None, format_duration),
                    *(measured(medians[part], format_duration) for part in PARTS),
                    measured(medians["resident_bytes"], lambda size: format_bytes(round(size))),
                ],
                facets=facets_of(run, record.recipe),
                file=run.file,
                pick=pick,
                mark="invalid" if record.faults else "",
            )
        )
    for place, (part, label) in enumerate(PARTS.items()):
        for recipe in dict.fromkeys(record.recipe for record in records):
            valid = [one for one in records if one.recipe == recipe and not one.faults and one.threads == 1]
            plot = {
                "type": "bar",
                "orientation": "h",
                "name": label,
                "y": [plot_text(one.runtime) for one in valid],
                "x": [_medians(one)[part] for one in valid],
                "marker": {"color": f"@{place}", "pattern": {"shape": ("", "/", ".")[place]}},
                "hovertemplate": f"{label}: %{{x:.3s}}s",
            }
            facets = facets_of(run, recipe)
            traces.append(Trace(plot=plot, facets=facets, pick=shorten(recipe), files=run.file))
    return Panel(
        key="starts",
        title="Cold start",
        sentence="From the start of a process to its first answer, on one thread: the median of several fresh "
        "processes, by its parts. What scales to zero pays this each time.",
        traces=traces,
        layout={
            "barmode": "stack",
            "xaxis": {"title": {"text": "Seconds"}},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "showlegend": True,
            "height": 480,
        },
        table=Table(
            ("Runtime", "Model", "Threads", "Start", *PARTS.values(), "Resident memory"), lines, text_columns=(0, 1)
        ),
        pick="Model",
        first=(HEADLINE,),
    )


def _medians(record: StartRecord) -> dict[str, float | None]:
    """The medians of a start's parts in seconds, and of its memory in bytes."""
    starts = record.starts
    parts: dict[str, Sequence[float | None]] = {
        "import_s": starts.import_s,
        "load_s": starts.load_s,
        "first_s": starts.first_s,
        "resident_bytes": starts.resident_bytes,
    }
    known = {name: [value for value in values if value is not None] for name, values in parts.items()}
    return {name: statistics.median(values) if values else None for name, values in known.items()}
