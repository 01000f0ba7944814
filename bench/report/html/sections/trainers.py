"""Trainers side by side, and the four models on other devices and backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_accuracy, format_counted, format_rate
from bench.records.schema.trainers import TrainerRecord
from bench.records.trainers import BASELINE, best_rate, is_limit, mean_rate, ratio_to
from bench.report.html.cells import accuracy_cell, latency_cells, rate_cell
from bench.report.html.summaries import model_summaries
from bench.report.html.view import (
    Cell,
    Cells,
    Line,
    Panel,
    Section,
    Table,
    Trace,
    facets_of,
    plot_text,
    rate_axis,
    shorten,
)
from bench.report.pages.trainers import trainer_title
from bench.stats.visits import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run
    from bench.report.html.stored import Stored
    from bench.report.html.summaries import ModelSummary

PATTERNS = ("", "/", ".", "x", "-", "|")


def make_section(stored: Stored) -> Section:
    """Training speeds by trainer, device and backend."""
    panels = [_trainers(stored.trainers)] if stored.trainers else []
    if len(stored.devices) > 1:
        panels.append(_devices(model_summaries(stored.devices)))
    return Section(
        key="hardware",
        short="Trainers",
        title="Trainers, devices, backends",
        text="Every way to train that is installed, interleaved in one run; and the suite once per device and "
        "backend. A row that ran elsewhere than it claims is INVALID and has no bar.",
        panels=panels,
    )


def _trainers(run: Run) -> Panel:
    records = sorted(run.of(TrainerRecord), key=lambda record: record.position)
    traces, lines = [], []
    for record in records:
        pick = f"{shorten(record.recipe)}, batch {record.batch_size}"
        facets = facets_of(run, record.recipe)
        del facets["backend"]
        if record.faults or not record.values_s:
            status = "; ".join(map(shorten, record.faults)) or NOT_MEASURED
            nothing: Cells = [pick, trainer_title(record), *[NOT_MEASURED] * 3, status]
            lines.append(Line(cells=nothing, facets=facets, file=run.file, pick=pick, mark="invalid"))
            continue
        rate = _shown_rate(record)
        found = None if is_limit(record) else ratio_to(run, record, BASELINE)
        ratio = Cell(f"{found.value:.2f}", found.value) if found else NOT_MEASURED
        ends = (rate.low or rate.value, rate.high or rate.value)
        spread = f"{format_rate(ends[0])} to {format_rate(ends[1])}"
        accuracy = format_accuracy(record.test_accuracies[0]) if record.test_accuracies else NOT_MEASURED
        cells: Cells = [pick, trainer_title(record), Cell(format_rate(rate.value), rate.value), spread, ratio, accuracy]
        lines.append(Line(cells=cells, facets=facets, file=run.file, pick=pick))
        traces.append(
            Trace(
                plot={
                    "type": "bar",
                    "orientation": "h",
                    "name": plot_text(trainer_title(record)),
                    "x": [round(rate.value)],
                    "y": [plot_text(trainer_title(record))],
                    "error_x": {
                        "color": "@6",
                        "symmetric": False,
                        "array": [round(ends[1] - rate.value)],
                        "arrayminus": [round(rate.value - ends[0])],
                    },
                    "marker": {"color": "@2" if is_limit(record) else "@0"},
                    "hovertemplate": "%{x:,} images/s<extra></extra>",
                },
                facets=facets,
                pick=pick,
                files=run.file,
            )
        )
    missing = len({trainer_title(record) for record in records if record.faults})
    return Panel(
        key="trainers",
        title="Trainers",
        sentence="Images per second of training, with 95 % intervals over fresh processes; the limits are the best "
        "that the step's matrix products alone would allow."
        + (f" {format_counted(missing, 'way')} to train could not be measured." if missing else ""),
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "Images per second"}},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "showlegend": False,
            "height": 420,
        },
        table=Table(
            ("Model, batch", "Trainer", "images/s", "95 % interval", "Ratio to fit", "Test accuracy"),
            lines,
            text_columns=(0, 1),
        ),
        pick="Model and batch",
    )


def _shown_rate(record: TrainerRecord) -> Figure:
    """Images per second of a training with its interval, or the best that a limit reached."""
    found = None if is_limit(record) else mean_rate(record)
    return found or Figure(best_rate(record))


def _devices(found: Sequence[ModelSummary]) -> Panel:
    places = list(dict.fromkeys(_place(one) for one in found))
    models = list(dict.fromkeys(one.model for one in found))
    traces = []
    for number, place in enumerate(places):
        here = {one.model: one for one in found if _place(one) == place}
        traces += [
            Trace(
                plot={
                    "type": "bar",
                    "name": plot_text(place),
                    "legendgroup": plot_text(place),
                    "offsetgroup": str(number),
                    "showlegend": model == models[0],
                    "x": [plot_text(model)],
                    "y": [rate and round(rate)],
                    "marker": {"color": f"@{number}", "pattern": {"shape": PATTERNS[number % len(PATTERNS)]}},
                    "hovertemplate": f"{plot_text(place)}: %{{y:,}} images/s<extra></extra>",
                },
                facets=here[model].facets,
                files=here[model].run.file,
            )
            for model in models
            if model in here
            for rate in [rate_cell(here[model].train).sort]
        ]
    lines = []
    for one in found:
        cells: Cells = [
            shorten(one.model),
            _place(one),
            accuracy_cell(one.train),
            rate_cell(one.train),
            latency_cells(one.single)[0],
            rate_cell(one.bulk),
            "; ".join(map(shorten, one.faults)) or "valid",
        ]
        lines.append(Line(cells=cells, facets=one.facets, file=one.run.file, mark="invalid" if one.faults else ""))
    return Panel(
        key="devices",
        title="Backends and devices",
        sentence=f"Images per second of training: {', '.join(places)}.",
        traces=traces,
        layout={
            "yaxis": rate_axis("Images per second of training"),
            "xaxis": {"type": "category", "tickangle": -20},
            "barmode": "group",
            "showlegend": True,
        },
        table=Table(
            (
                "Model",
                "Backend and device",
                "Test accuracy",
                "Train images/s",
                "One image, typical",
                "images/s, batch 1000",
                "Proof",
            ),
            lines,
            text_columns=(0, 1, 6),
        ),
    )


def _place(one: ModelSummary) -> str:
    return shorten(f"{one.run.backend} on {one.run.device}")
