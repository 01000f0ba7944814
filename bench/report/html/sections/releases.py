"""Chapter on TensorFlow's releases: each against the one before it, with simultaneous intervals and verdicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.formats import NOT_MEASURED
from bench.records.releases import release_name
from bench.report.html.view import Cell, Line, Panel, Section, Table, Trace, facets_of, plot_text, shorten
from bench.report.markdown import plain
from bench.report.pages.releases import changed_rows, control_sentence, ends_sentence, named, settled_sentence
from bench.report.pages.trials import BETTER, LABELS, WORSE, ratio_text
from bench.stats.simultaneous import CANNOT_TELL, SAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.records.releases import ReleaseTrials
    from bench.records.trials import Row, StoredTrial
    from bench.report.html.stored import Stored

MARKS = {
    **dict.fromkeys(WORSE, ("triangle-up", 1)),
    **dict.fromkeys(BETTER, ("triangle-down", 2)),
    SAME: ("circle", 0),
    CANNOT_TELL: ("circle-open", 6),
}
"""Verdict to the symbol and the colour of its mark."""


def make_section(stored: Stored) -> Section:
    """The chapter with each release's ratio to the one before it, selectable by case and finding."""
    text = "▲ slower or larger, ▼ faster or smaller, ● the same, ○ cannot tell. All intervals hold at once, at 95 %."
    if not stored.releases:
        text = f"Withdrawn: {stored.withdrawn['releases']}" if "releases" in stored.withdrawn else text
        return Section(key="releases", short="Releases", title="TensorFlow's releases", text=text, panels=[])
    return Section(
        key="releases",
        short="Releases",
        title="TensorFlow's releases",
        text=f"Each release against the one before it, in turns within rounds of fresh processes. {text}",
        panels=[panel for one in stored.releases for panel in (_changes(one), _panel(one))],
    )


def _panel(found: ReleaseTrials) -> Panel:
    """Small pictures, one per case, of each release's ratio to the one before it."""
    steps = list(_steps(found))
    own = found.main.options.models
    names = list(dict.fromkeys(name for name, *_ in steps))
    by_plot: dict[tuple[str, str], list[tuple[str, Row, StoredTrial]]] = {}
    for one in steps:
        by_plot.setdefault((LABELS[one[1].finding], one[1].case), []).append(one)
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
    return Panel(
        key="own-releases-steps" if own else "releases-steps",
        title=": ".join(["Each release against the one before it", *([shorten(", ".join(own))] if own else [])]),
        sentence=plain(ends_sentence(found)),
        traces=[_trace(some, *key) for key, some in by_plot.items()],
        layout={
            "xaxis": {
                "type": "category",
                "tickangle": -45,
                "categoryorder": "array",
                "categoryarray": [plot_text(name) for name in names],
                "range": [-0.5, len(names) - 0.5],
            },
            "yaxis": {"tickformat": ".2f", "nticks": 5},
            "shapes": [{**line, "line": {"dash": "dot", "width": 1, "color": "@6"}}],
            "height": 210,
        },
        table=Table(
            ("Finding", "Case", "Release", "Ratio (simultaneous interval)", "Verdict"),
            [_line(*one, place) for place, one in enumerate(steps)],
            (0, 1, 3, 4),
        ),
        pick="Finding",
        picks=list(dict.fromkeys(finding for finding, _ in by_plot)),
        tabs=True,
        note=" ".join(plain(told) for told in (control_sentence(found), settled_sentence(found)) if told),
    )


def _changes(found: ReleaseTrials) -> Panel:
    """What changed in each release, in a row."""
    lines = []
    for trial, pair in found.steps:
        facets = facets_of(trial.run)
        del facets["version"]
        cells: list[Cell | str] = [release_name(trial.environment(pair[1]))]
        for some, mark in zip(changed_rows(trial, pair), ("bad", "good"), strict=True):
            cells.append(Cell(named(some), mark=mark) if some else NOT_MEASURED)
        lines.append(Line(cells=cells, facets=facets, file=trial.run.file))
    return Panel(
        key="own-releases-changes" if found.main.options.models else "releases-changes",
        title="What changed, release by release",
        sentence="The largest changes of each release against the one before it.",
        kind="table",
        table=Table(("Release", "Slower or larger", "Faster or smaller"), lines, (0, 1, 2)),
    )


def _steps(found: ReleaseTrials) -> Iterator[tuple[str, Row, StoredTrial]]:
    """Each finding with the release that it is on and its trial."""
    for trial, pair in found.steps:
        for row in trial.rows_of(pair):
            yield release_name(trial.environment(pair[1])), row, trial


def _trace(steps: Sequence[tuple[str, Row, StoredTrial]], finding: str, case: str) -> Trace:
    """One finding on one case, step by step."""
    known = [
        (name, row, math.exp(row.effect.value), math.exp(row.effect.low), math.exp(row.effect.high))
        for name, row, _ in steps
        if row.effect.value is not None and row.effect.low is not None and row.effect.high is not None
    ]
    marks = [MARKS[row.effect.word if row.word not in MARKS else row.word] for _, row, *_ in known]
    plot: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": plot_text(case),
        "x": [plot_text(name) for name, *_ in known],
        "y": [round(value, 5) for _, _, value, _, _ in known],
        "error_y": {
            "symmetric": False,
            "array": [round(high - value, 5) for _, _, value, _, high in known],
            "arrayminus": [round(value - low, 5) for _, _, value, low, _ in known],
            "thickness": 1.5,
            "color": "@6",
        },
        "marker": {
            "symbol": [symbol for symbol, _ in marks],
            "color": [f"@{colour}" for _, colour in marks],
            "size": 9,
        },
        "customdata": [plot_text(f"{row.word}: {ratio_text(row)} times the release before") for _, row, *_ in known],
        "hovertemplate": "%{x}<br>%{customdata}<extra></extra>",
    }
    trial = steps[0][2]
    facets = facets_of(trial.run, _model(steps[0][1], trial))
    del facets["version"]  # it is the axis
    return Trace(plot=plot, facets=facets, pick=finding, cell=shorten(case), files=trial.run.file)


def _line(name: str, row: Row, trial: StoredTrial, place: int) -> Line:
    facets = facets_of(trial.run, _model(row, trial))
    del facets["version"]
    ratio = ratio_text(row)
    value = Cell(ratio, row.effect.value) if ratio != NOT_MEASURED else Cell(ratio)
    return Line(
        cells=[LABELS[row.finding], row.case, Cell(name, place), value, Cell(row.word, mark=_mark(row))],
        facets=facets,
        file=trial.run.file,
        pick=LABELS[row.finding],
        mark="unsure" if row.word == CANNOT_TELL else "",
    )


def _mark(row: Row) -> str:
    return "bad" if row.word in WORSE else "good" if row.word in BETTER else ""


def _model(row: Row, trial: StoredTrial) -> str | None:
    """The model of a finding; ``None`` where it is of none."""
    names = {record.case: record.recipe for record in trial.run.records}
    return names.get(row.case) or None
