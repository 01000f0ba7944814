"""The page as plain data: sections of panels, each with its plot, its table and a sentence.

Everything here ends up as JSON in the page, where `report.js` draws it. Text is data: `report.js` puts it in as text,
and what Plotly gets has been through `plot_text`, since Plotly reads some of its texts as HTML.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.published import PUBLISHED

if TYPE_CHECKING:
    from bench.records.record import Run

LONGEST_TEXT = 400
"""Characters of a text from a run file that are shown."""

YOURS = "yours"
"""The origin of a run that is the reader's own."""

Facets = Mapping[str, str]
"""What the reader can filter by: facet to value. What lacks a facet is shown whatever is chosen for it."""

FACETS = {
    "machine": "Machine",
    "dataset": "Data set",
    "device": "Device",
    "backend": "Backend",
    "version": "TensorFlow",
    "model": "Model",
    "origin": "Whose",
}
"""The facets and their labels, in display order."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: the text shown.
        sort: the number that it is sorted by; ``None`` sorts by the text.
    """

    text: str
    sort: float | None = None


Cells = list[Cell | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a table.

    Attributes:
        file: the run file of its numbers.
        pick: the choice of its panel for which it is shown; ``None`` for all.
        mark: ``invalid`` for an invalid result, ``unsure`` for one without a verdict, else empty.
    """

    cells: Sequence[Cell | str]
    facets: Facets = field(default_factory=dict)
    file: str | None = None
    pick: str | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: headers, lines with as many cells, and the indices of text columns, which are aligned to the left."""

    headers: Sequence[str]
    lines: Sequence[Line]
    text_columns: Sequence[int] = (0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A trace of a plot, in Plotly's format; a colour ``@3`` is the theme's fourth, ``@3/20`` nearly transparent.

    Attributes:
        plot: the trace as a JSON object of Plotly.
        pick: the choice of its panel for which it is drawn; ``None`` for all.
        files: the run files of the points, or one for all of them; a click opens it.
    """

    plot: Mapping[str, Any]
    facets: Facets = field(default_factory=dict)
    pick: str | None = None
    files: Sequence[str] | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel of the page, such as a plot or a table.

    Attributes:
        key: its name in permalinks.
        sentence: description of its content, also for screen readers.
        kind: ``plot``, ``table``, ``answers``, ``samples`` or ``layers``: the function of `report.js` that draws it.
        pick: the label of its selection box, if it shows one item at a time.
        pick_two: true if a second item can be selected for comparison.
        first: items selected at the start, as far as they exist.
        pareto: the better direction of each axis if the Pareto front is marked: ``{"x": "min", "y": "max"}``.
        data: further data for the drawing function.
    """

    key: str
    title: str
    sentence: str
    kind: str = "plot"
    traces: Sequence[Trace] = ()
    layout: Mapping[str, Any] = field(default_factory=dict)
    table: Table | None = None
    pick: str | None = None
    pick_two: bool = False
    first: Sequence[str] = ()
    pareto: Mapping[str, str] | None = None
    data: Any = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A chapter of the page."""

    key: str
    title: str
    text: str
    panels: Sequence[Panel]


def facets_of(run: Run, model: str | None = None) -> dict[str, str]:
    """Facets of a run's figures, or of one of its models, to filter by."""
    facets = {
        "machine": shorten(str(run.machine.name)),
        "dataset": shorten(run.dataset),
        "device": shorten(run.device),
        "backend": shorten(run.backend),
        "version": release_of(run),
        "origin": run.origin,
    }
    return facets | {"model": shorten(model)} if model else facets


def facets_of_recipe(run: Run, name: str) -> dict[str, str]:
    """The facets of a published recipe, which has a data set of its own."""
    return {**facets_of(run, name), "dataset": PUBLISHED[name].dataset}


def release_of(run: Run) -> str:
    """The run's TensorFlow release: ``2.21`` for version 2.21.0."""
    version = shorten(str(run.packages.get("tensorflow") or "none"))
    return ".".join(version.split(".")[:2])


def shorten(text: str) -> str:
    """The text, cut to `LONGEST_TEXT` characters."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def plot_text(text: str) -> str:
    """The text, shortened and with HTML escaped, for use in Plotly."""
    return html.escape(shorten(text), quote=False)


def time_axis(title: str, seconds: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis for values in seconds, with ticks at 1, 2 and 5 of each decade in readable units."""
    low, high = min(seconds, default=1.0), max(seconds, default=1.0)
    ticks = [digit * 10.0**power for power in range(-8, 5) for digit in (1, 2, 5)]
    near = [tick for tick in ticks if low / 3 <= tick <= high * 3]
    return {"title": {"text": title}, "type": "log", "tickvals": near, "ticktext": [_tick(tick) for tick in near]}


def rate_axis(title: str) -> dict[str, Any]:
    """A logarithmic axis for rates per second, with ticks at 1, 2 and 5 of each decade."""
    ticks = [digit * 10**power for power in range(2, 8) for digit in (1, 2, 5)]
    return {"title": {"text": title}, "type": "log", "tickvals": ticks, "ticktext": [f"{tick:,}" for tick in ticks]}


def _tick(seconds: float) -> str:
    for limit, scale, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit * 0.999:
            return f"{seconds * scale:.0f} {unit}"
    return f"{seconds:,.0f} s"
