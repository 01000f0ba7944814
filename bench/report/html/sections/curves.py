"""Chapter on learning curves, with their range over the seeds and the epoch of least validation loss."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from bench.formats import format_accuracy
from bench.records.reproductions import read_results
from bench.records.schema.suite import TrainRecord
from bench.report.html.view import (
    Cell,
    Cells,
    Facets,
    Line,
    Panel,
    Section,
    Table,
    Trace,
    facets_of,
    facets_of_recipe,
    plot_text,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.html.stored import Stored

METRICS = {"loss": "Loss", "accuracy": "Accuracy"}
PARTS = {"": ("training", 0, "circle"), "val_": ("validation", 1, "diamond")}
DASHES = {"": "solid", "val_": "dash"}

FIRST = ("t1_overfit", "t1_dropout")
"""What the reader sees first: the same network without dropout and with it."""

Histories = tuple[str, str, dict[str, str], list[dict[str, list[float]]]]
"""A choice's name, its run file, its facets, and a history per seed."""


def make_section(stored: Stored) -> Section:
    """The chapter with a panel for the loss and one for the accuracy."""
    found = histories(stored)
    return Section(
        key="curves",
        short="Curves",
        title="Learning curves",
        text="Means over the seeds; the band reaches from the least to the most of them. The upright line is the epoch "
        "of least validation loss (median over the seeds): from there on, what a model still gains is learnt by heart. "
        "Choose a second one to put it beside the first.",
        panels=[_panel(metric, title, found) for metric, title in METRICS.items()],
    )


def histories(stored: Stored) -> list[Histories]:
    """The histories of the headline run's models, then of the tutorials' recipes."""
    found: list[Histories] = []
    if run := stored.headline:
        for record in run.of(TrainRecord):
            curves = [sound(one) for one in record.histories]
            if any(curves):
                found.append(
                    (shorten(record.recipe), run.file, facets_of(run, record.recipe), [one for one in curves if one])
                )
    if run := stored.reproduction:
        for name, result in read_results(run).items():
            curves = [sound(one.history) for one in result.seed_runs]
            if any(curves):
                found.append((name, run.file, facets_of_recipe(run, name), [one for one in curves if one]))
    return found


def sound(history: Mapping[str, Sequence[float | None]]) -> dict[str, list[float]]:
    """The known metrics of a history, up to the first epoch that has none (of a training that diverged)."""
    known = {name: history.get(name, ()) for part in PARTS for name in (f"{part}loss", f"{part}accuracy")}
    found = {
        name: [value for value in values[: _first_gap(values)] if value is not None] for name, values in known.items()
    }
    return {name: values for name, values in found.items() if values}


def _first_gap(values: Sequence[float | None]) -> int:
    return values.index(None) if None in values else len(values)


def parting(curves: Sequence[Mapping[str, Sequence[float]]]) -> float | None:
    """The epoch of least validation loss, from 1, as the median over the seeds; ``None`` without validation."""
    turns = [min(range(len(loss)), key=loss.__getitem__) + 1 for one in curves if (loss := one.get("val_loss"))]
    return statistics.median(turns) if turns else None


def _panel(metric: str, title: str, found: Sequence[Histories]) -> Panel:
    traces, lines = [], []
    for name, file, facets, curves in found:
        for part, (label, colour, symbol) in PARTS.items():
            values = [one[f"{part}{metric}"] for one in curves if f"{part}{metric}" in one]
            if values:
                style = {"label": label, "colour": colour, "symbol": symbol, "dash": DASHES[part]}
                traces += _band_and_line(name, file, facets, values, style)
                lines.append(_line(name, file, facets, label, values))
        turn = parting(curves)
        longest = max((len(values) for one in curves for values in one.values()), default=0)
        if turn is not None and turn < longest:
            heights = [value for one in curves for part in PARTS for value in one.get(f"{part}{metric}", ())]
            plot = _parting_plot(name, turn, min(heights), max(heights))
            traces.append(Trace(plot=plot, facets=facets, pick=name, files=file))
    parted = [name for name, _, _, curves in found if (turn := parting(curves)) and turn < _longest(curves)]
    sentence = f"{title} by epoch, of the images trained on and of those held out."
    if parted:
        sentence += f" The two part before the last epoch in {len(parted)} of {len(found)} recipes."
    return Panel(
        key=f"curve-{metric}",
        title=title,
        sentence=sentence,
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "Epoch"}, "rangemode": "tozero", "tickformat": "d"},
            "yaxis": {"title": {"text": title}},
            "showlegend": True,
            "hovermode": "x unified",
        },
        table=Table(
            ("Recipe", "Images", "Seeds", "Epochs", "First epoch", "Last epoch (mean)"), lines, text_columns=(0, 1)
        ),
        pick="Recipe",
        pick_two=True,
        first=FIRST,
    )


def _longest(curves: Sequence[Mapping[str, Sequence[float]]]) -> int:
    return max((len(values) for one in curves for values in one.values()), default=0)


def _band_and_line(
    name: str, file: str, facets: Facets, values: Sequence[Sequence[float]], style: Mapping[str, Any]
) -> list[Trace]:
    """The traces of the range and of the mean over the seeds, at each epoch over those that reached it."""
    epochs = list(range(1, max(map(len, values)) + 1))
    known = [[one[epoch - 1] for one in values if len(one) >= epoch] for epoch in epochs]
    mean = [round(statistics.fmean(at), 5) for at in known]
    band = {
        "type": "scatter",
        "mode": "lines",
        "line": {"width": 0},
        "x": [*epochs, *reversed(epochs)],
        "y": [round(y, 5) for y in (*map(max, known), *reversed([*map(min, known)]))],
        "fill": "toself",
        "fillcolor": f"@{style['colour']}/20",
        "hoverinfo": "skip",
        "showlegend": False,
    }
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": plot_text(f"{name}, {style['label']}"),
        "x": epochs,
        "y": mean,
        "line": {"color": f"@{style['colour']}", "dash": style["dash"]},
        "marker": {"symbol": style["symbol"], "size": 6},
        "hovertemplate": "%{y:.4f}",
    }
    return [Trace(plot=one, facets=facets, pick=name, files=file) for one in (band, line)]


def _parting_plot(name: str, turn: float, low: float, high: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plot_text(f"{name}: parting at epoch {turn:g}"),
        "x": [turn, turn],
        "y": [low, high],
        "line": {"color": "@6", "dash": "dot", "width": 2},
        "hovertemplate": f"least validation loss at epoch {turn:g}<extra></extra>",
    }


def _line(name: str, file: str, facets: Facets, label: str, values: Sequence[Sequence[float]]) -> Line:
    first, last = (statistics.fmean(one[place] for one in values) for place in (0, -1))
    epochs = statistics.median(map(len, values))
    cells: Cells = [
        name,
        label,
        Cell(str(len(values)), len(values)),
        Cell(f"{epochs:g}", epochs),
        Cell(format_accuracy(first), first),
        Cell(format_accuracy(last), last),
    ]
    return Line(cells=cells, facets=facets, file=file)
