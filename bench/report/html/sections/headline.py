"""Headline chapter: all models of all runs, with accuracy against latency and against training time."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from bench.formats import (
    NOT_MEASURED,
    format_accuracy,
    format_bytes,
    format_count,
    format_difference,
    format_duration,
)
from bench.records import latency
from bench.report.html.cells import accuracy_cell, latency_cells, measured, rate_cell, time_cell
from bench.report.html.summaries import ModelSummary, model_summaries
from bench.report.html.view import (
    YOURS,
    Cell,
    Cells,
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run
    from bench.report.html.stored import Stored

HEADERS = (
    "Model",
    "Test accuracy",
    "Train time",
    "Train images/s",
    "One image, typical",
    "p50",
    "p99",
    "images/s, batch 1000",
    "Parameters",
    "ONNX size",
    "Largest difference of ONNX",
    "Trainer",
    "Backend, device",
    "TensorFlow",
    "Data set",
    "Machine",
)
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "hexagon", "pentagon")


def make_section(stored: Stored) -> Section:
    """The chapter with the headline table and the two plots of accuracy against time."""
    found = model_summaries(sorted(stored.main, key=lambda run: run is not stored.headline))
    usual = facets_of(stored.headline) if stored.headline else {}
    return Section(
        key="models",
        title="Models",
        text="Every model of every stored run: trained, exported to ONNX, checked against the trained model, timed. "
        "Speed is worth nothing without its accuracy beside it.",
        panels=[_table_panel(found, usual, beside(stored)), *_trade_panels(found, usual)],
    )


def beside(stored: Stored) -> str:
    """How the reader's own newest run compares with the published one; empty where there are not both."""
    public = next((run for run in stored.main if run.origin != YOURS and _is_like(run, stored.headline)), None)
    own = next((run for run in stored.main if run.origin == YOURS and public and _is_like(run, public)), None)
    if own is None or public is None:
        return ""
    sides = [{one.model: one for one in model_summaries([run]) if not one.faults} for run in (own, public)]
    shared = [name for name in sides[0] if name in sides[1]]
    pairs = [[side[name] for side in sides] for name in shared]
    parts = [
        f"{told} {_times(statistics.geometric_mean(ratios))}"
        for told, figure in (("one image takes", _latency_s), ("a training", _training_s))
        if (
            ratios := [
                figure(one) / figure(other) for one, other in pairs if math.isfinite(figure(one) + figure(other))
            ]
        )
    ]
    orders = [sorted(shared, key=lambda name: _latency_s(side[name])) for side in sides]
    same = "the same order of models" if orders[0] == orders[1] else "another order of models"
    return f"Your machine against the published one: {', '.join(parts)}; {same}." if parts else ""


def _is_like(run: Run, other: Run | None) -> bool:
    """Whether two runs are of the same data, device, backend and trainer."""
    key = ("dataset", "device", "backend", "trainer")
    return other is not None and all(getattr(run, name) == getattr(other, name) for name in key)


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times as long"


def _training_s(one: ModelSummary) -> float:
    return statistics.median(one.train.values_s) if one.train and one.train.values_s else math.inf


def _table_panel(found: Sequence[ModelSummary], usual: Facets, compared: str) -> Panel:
    best = max((one for one in found if one.train and not one.faults), key=_accuracy, default=None)
    fastest = min((one for one in found if one.single and not one.faults), key=_latency_s, default=None)
    parts = [
        f"Most accurate: {best.model} ({format_accuracy(_accuracy(best))})." if best else "",
        f"Quickest answer to one image: {fastest.model} ({format_duration(_latency_s(fastest))})." if fastest else "",
    ]
    table = Table(HEADERS, [_line(one) for one in found], text_columns=(0, 11, 12, 13, 14, 15))
    return Panel(
        key="headline",
        title="All models",
        sentence=" ".join(part for part in [*parts, compared] if part) or "No run is stored.",
        kind="table",
        table=table,
        usual=usual,
    )


def _accuracy(one: ModelSummary) -> float:
    return statistics.fmean(one.train.test_accuracies) if one.train and one.train.test_accuracies else 0.0


def _latency_s(one: ModelSummary) -> float:
    found = latency.typical(one.single) if one.single else None
    return found.value if found else math.inf


def _line(one: ModelSummary) -> Line:
    run, train = one.run, one.train
    known = next((record for record in (one.single, one.bulk, train) if record), None)
    cells: Cells = [
        one.label,
        accuracy_cell(train),
        time_cell(train),
        rate_cell(train),
        *latency_cells(one.single),
        rate_cell(one.bulk),
        measured(known.parameters if known else None, format_count),
        measured(one.single.onnx_bytes if one.single else None, format_bytes),
        measured(one.single.parity.max_abs_diff if one.single and one.single.parity else None, format_difference),
        (train.trainer if train else None) or NOT_MEASURED,
        f"{run.backend}, {run.device}",
        str(run.packages.get("tensorflow")),
        run.dataset,
        str(run.machine.cpu),
    ]
    return Line(
        cells=[cell if isinstance(cell, Cell) else shorten(cell) for cell in cells],
        facets=one.facets,
        file=run.file,
        mark="invalid" if one.faults else "",
    )


def _trade_panels(found: Sequence[ModelSummary], usual: Facets) -> list[Panel]:
    """The panels of accuracy against latency and against training time, with the Pareto front."""
    valid = [one for one in found if not one.faults and one.train and one.train.test_accuracies]
    by_latency = [(one, _latency_s(one)) for one in valid if one.single and one.single.values_s]
    by_training = [(one, statistics.median(one.train.values_s)) for one in valid if one.train and one.train.values_s]
    left_out = len(found) - len(valid)
    note = f"{left_out} INVALID or incomplete rows are in the table only." if left_out else ""
    return [
        _trade_panel(
            "latency", "Accuracy against latency", "One image, one thread: typical", by_latency, usual=usual, note=note
        ),
        _trade_panel(
            "training", "Accuracy against training time", "One whole training", by_training, usual=usual, note=note
        ),
    ]


def _trade_panel(  # noqa: PLR0913  what is drawn, and what is said of it
    key: str, title: str, axis: str, points: Sequence[tuple[ModelSummary, float]], *, usual: Facets, note: str
) -> Panel:
    order = list(dict.fromkeys(one.model for one, _ in points))
    shapes = {name: SYMBOLS[place % len(SYMBOLS)] for place, name in enumerate(order)}
    traces = [_point(one, seconds, order.index(one.model), shapes[one.model]) for one, seconds in points]
    front = [one.model for one, _ in pareto([(one, seconds, _accuracy(one)) for one, seconds in points])]
    lines = [
        Line(
            cells=[
                shorten(one.model),
                accuracy_cell(one.train),
                Cell(format_duration(seconds), seconds),
                shorten(f"{one.run.backend}, {one.run.device}, TensorFlow {one.run.packages.get('tensorflow')}"),
            ],
            facets=one.facets,
            file=one.run.file,
        )
        for one, seconds in points
    ]
    names = ", ".join(dict.fromkeys(front))
    return Panel(
        key=key,
        title=title,
        sentence=f"Further left is faster, further up more accurate; bars are one standard deviation over the seeds. "
        f"The dotted line joins those that nothing shown beats on both: {names}."
        if names
        else "Nothing to show.",
        traces=traces,
        layout={
            "xaxis": time_axis(axis, [seconds for _, seconds in points]),
            "yaxis": {"title": {"text": "Test accuracy"}, "tickformat": ".3f"},
            "showlegend": True,
        },
        table=Table(("Model", "Test accuracy", axis, "On"), lines, text_columns=(0, 3)),
        pareto={"x": "min", "y": "max"},
        usual=usual,
        note=note,
    )


def pareto(points: Sequence[tuple[ModelSummary, float, float]]) -> list[tuple[ModelSummary, float]]:
    """The Pareto front of points (model, seconds, accuracy) as pairs of model and seconds, fastest first."""
    front: list[tuple[ModelSummary, float]] = []
    best = -1.0
    for one, seconds, accuracy in sorted(points, key=lambda point: (point[1], -point[2])):
        if accuracy > best:
            front.append((one, seconds))
            best = accuracy
    return front


def _point(one: ModelSummary, seconds: float, colour: int, shape: str) -> Trace:
    run, accuracies = one.run, one.train.test_accuracies if one.train else ()
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    on = plot_text(f"{run.backend}, {run.device}, TensorFlow {run.packages.get('tensorflow')}, {run.machine.cpu}")
    text = f"<b>{plot_text(one.label)}</b><br>{format_duration(seconds)}, {format_accuracy(_accuracy(one))}<br>{on}"
    return Trace(
        plot={
            "type": "scatter",
            "mode": "markers",
            "name": plot_text(one.label),
            "legendgroup": plot_text(one.label),
            "x": [seconds],
            "y": [_accuracy(one)],
            "error_y": {"array": [spread], "visible": spread > 0, "thickness": 1, "width": 3},
            "marker": {"color": f"@{colour}", "symbol": shape, "size": 11},
            "hovertemplate": f"{text}<extra></extra>",
        },
        facets=one.facets,
        files=run.file,
    )
