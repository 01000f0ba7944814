"""The page as plain data: sections of panels, each with its plot, its table and a sentence.

Everything here ends up as JSON in the page, where the script draws it. Text is data: the script puts it in as text, and
what Plotly gets has been through `plot_text`, since Plotly reads some of its texts as HTML.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

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


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the page. What has its default is left out of the JSON, and the script puts it in again."""


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cell of a table.

    Attributes:
        text: the text shown.
        sort: the number that it is sorted by; ``None`` sorts by the text.
        mark: ``good``, ``fair``, ``odd`` or ``bad``: how it is coloured.
        title: what a pointer that rests on it is told.
    """

    text: str
    sort: float | None = None
    mark: str = ""
    title: str = ""


Cells = list[Cell | str]


class Line(Part, frozen=True):
    """A row of a table.

    Attributes:
        file: the run file of its numbers.
        pick: the choice of its panel for which it is shown; ``None`` for all.
        mark: ``invalid`` for an invalid result, ``unsure`` for one without a verdict, else empty.
        fold: the label under which it is folded away with others; empty for what is shown.
    """

    cells: Sequence[Cell | str]
    facets: Facets = {}
    file: str | None = None
    pick: str | None = None
    mark: str = ""
    fold: str = ""


class Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """A table: headers, lines with as many cells, and the indices of text columns, which are aligned to the left."""

    headers: Sequence[str]
    lines: Sequence[Line]
    text_columns: Sequence[int] = (0,)


class Trace(Part, frozen=True):
    """A trace of a plot, in Plotly's format; a colour ``@3`` is the theme's fourth, ``@3/20`` nearly transparent.

    Attributes:
        plot: the trace as a JSON object of Plotly.
        pick: the choice of its panel for which it is drawn; ``None`` for all.
        choice: its name among those that the reader switches on and off; ``None`` where it is always drawn.
        cell: the title of the small plot that it is drawn in, where a panel has several.
        files: the run files of the points, or one for all of them; a click opens it.
    """

    plot: Mapping[str, Any]
    facets: Facets = {}
    pick: str | None = None
    choice: str | None = None
    cell: str | None = None
    files: Sequence[str] | str | None = None


class Panel(Part, frozen=True):
    """A panel of the page, such as a plot or a table.

    Attributes:
        key: its name in permalinks.
        sentence: description of its content, also for screen readers.
        says: the sentence for each pick, instead.
        kind: ``plot``, ``table``, ``answers``, ``samples`` or ``layers``: the function of the script that draws it.
        pick: the label of its selection box, if it shows one item at a time.
        picks: the items in their order, where they are not those of the traces and lines in theirs.
        tabs: true if the items are few, and shown side by side instead of in a box.
        pick_two: true if a second item can be selected for comparison.
        pair: the labels of two boxes, whose values name a pick together: ``2.15 → 2.21``.
        first: items selected at the start, as far as they exist.
        choose: what the traces that are switched on and off are called, where there are any.
        chosen: those that are on at the start.
        usual: facet to the value that is shown unless the reader chooses another one or all.
        pareto: the better direction of each axis if the Pareto front is marked: ``{"x": "min", "y": "max"}``.
        open: true if the table stands below the plot at once.
        onward: a chapter or panel that tells more, and what the link to it says.
        data: further data for the drawing function.
    """

    key: str
    title: str
    sentence: str
    says: Mapping[str, str] = {}
    kind: str = "plot"
    traces: Sequence[Trace] = ()
    layout: Mapping[str, Any] = {}
    table: Table | None = None
    pick: str | None = None
    picks: Sequence[str] = ()
    tabs: bool = False
    pick_two: bool = False
    pair: Sequence[str] = ()
    first: Sequence[str] = ()
    choose: str = ""
    chosen: Sequence[str] = ()
    usual: Facets = {}
    pareto: Mapping[str, str] | None = None
    open: bool = False
    onward: Sequence[str] = ()
    data: Any = None
    note: str = ""


class Section(Part, frozen=True):
    """A chapter of the page; `short` is what the list of chapters calls it."""

    key: str
    title: str
    text: str
    panels: Sequence[Panel]
    short: str = ""


ARROW = " → "
"""Between the two names of a pair."""


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


def time_axis(title: str, seconds: Sequence[float], *, digits: Sequence[int] = (1, 2, 5)) -> dict[str, Any]:
    """A logarithmic axis for values in seconds, with ticks at these digits of each decade in readable units."""
    low, high = min(seconds, default=1.0), max(seconds, default=1.0)
    ticks = [digit * 10.0**power for power in range(-8, 5) for digit in digits]
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
