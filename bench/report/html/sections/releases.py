"""Chapter on TensorFlow's releases: each against the one before it, with simultaneous intervals and verdicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.formats import NOT_MEASURED
from bench.records.releases import release_name
from bench.report.html.view import Cell, Line, Panel, Section, Table, Trace, facets_of, plot_text, shorten
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
        return Section(key="releases", title="TensorFlow's releases", text=text, panels=[])
    return Section(
        key="releases",
        title="TensorFlow's releases",
        text=f"Each release against the one before it, in turns within rounds of fresh processes. {text}",
        panels=[_panel(one) for one in stored.releases],
    )


def _panel(found: ReleaseTrials) -> Panel:
    steps = list(_steps(found))
    picks = list(dict.fromkeys(_pick(row) for _, row, _ in steps))
    changed = [row for _, row, _ in steps if row.word in WORSE | BETTER]
    own = found.main.options.models
    return Panel(
        key="own-releases-steps" if own else "releases-steps",
        title=": ".join(["Each release against the one before it", *([shorten(", ".join(own))] if own else [])]),
        sentence=f"Something changed in {_names(steps, changed=True) or 'no release'}; no change was seen in "
        f"{_names(steps, changed=False) or 'none'}. Pick a row to see its steps.",
        traces=[_trace([one for one in steps if _pick(one[1]) == pick], pick) for pick in picks],
        layout={
            "xaxis": {
                "title": {"text": "TensorFlow"},
                "type": "category",
                "tickangle": 0,
                "categoryorder": "array",
                "categoryarray": [plot_text(name) for name in dict.fromkeys(name for name, *_ in steps)],
            },
            "yaxis": {"title": {"text": "Ratio to the release before"}},
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": 1,
                    "y1": 1,
                    "line": {"dash": "dot", "width": 1, "color": "@6"},
                }
            ],
        },
        table=Table(
            ("Row", "Release", "Ratio (simultaneous interval)", "Verdict"),
            [_line(*one, place) for place, one in enumerate(steps)],
            (0, 2, 3),
        ),
        pick="Row",
        first=[_pick(row) for row in changed[:1]],
    )


def _steps(found: ReleaseTrials) -> Iterator[tuple[str, Row, StoredTrial]]:
    """Each finding with the release that it is on and its trial."""
    for trial, pair in found.steps:
        for row in trial.rows_of(pair):
            yield release_name(trial.environment(pair[1])), row, trial


def _names(steps: Sequence[tuple[str, Row, StoredTrial]], *, changed: bool) -> str:
    """The releases in which a row changed, or in which none did."""
    found = {name for name, row, _ in steps if row.word in WORSE | BETTER}
    return ", ".join(name for name in dict.fromkeys(name for name, *_ in steps) if (name in found) == changed)


def _pick(row: Row) -> str:
    return f"{row.case}: {LABELS[row.finding]}"


def _trace(steps: Sequence[tuple[str, Row, StoredTrial]], pick: str) -> Trace:
    known = [
        (name, row, math.exp(row.effect.value), math.exp(row.effect.low), math.exp(row.effect.high))
        for name, row, _ in steps
        if row.effect.value is not None and row.effect.low is not None and row.effect.high is not None
    ]
    marks = [MARKS[row.effect.word if row.word not in MARKS else row.word] for _, row, *_ in known]
    plot: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": plot_text(pick),
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
            "size": 12,
        },
        "text": [plot_text(row.word) for _, row, *_ in known],
        "hovertemplate": "%{x}: %{y:.3f}, %{text}<extra></extra>",
    }
    trial = steps[0][2]
    facets = facets_of(trial.run, _model(steps[0][1], trial))
    del facets["version"]  # it is the axis
    return Trace(plot=plot, facets=facets, pick=pick, files=trial.run.file)


def _line(name: str, row: Row, trial: StoredTrial, place: int) -> Line:
    mark = "unsure" if row.word == CANNOT_TELL else "invalid" if row.word in WORSE else ""
    facets = facets_of(trial.run, _model(row, trial))
    del facets["version"]
    ratio = ratio_text(row)
    value = Cell(ratio, row.effect.value) if ratio != NOT_MEASURED else Cell(ratio)
    return Line(
        cells=[_pick(row), Cell(name, place), value, row.word],
        facets=facets,
        file=trial.run.file,
        pick=_pick(row),
        mark=mark,
    )


def _model(row: Row, trial: StoredTrial) -> str | None:
    """The model of a finding; ``None`` where it is of none."""
    names = {record.case: record.recipe for record in trial.run.records}
    return names.get(row.case) or None
