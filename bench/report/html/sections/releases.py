"""Chapter on TensorFlow releases: trends of speed and accuracy, with intervals and verdicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.formats import NOT_MEASURED
from bench.report.html.view import Cell, Line, Panel, Section, Table, Trace, facets_of, plot_text, shorten
from bench.report.pages.releases import FIGURES, README_ROWS, ReleaseComparison, runs_by_release
from bench.stats.verdicts import CANNOT_TELL, FASTER, NON_INFERIOR, SAME, SLOWER, WORSE, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.records.comparison import Comparison
    from bench.records.known_releases import Release
    from bench.records.record import Run
    from bench.report.html.stored import Stored
    from bench.report.pages.releases import ByRelease

MARKS = {
    SLOWER: ("triangle-up", 1),
    "larger": ("triangle-up", 1),
    WORSE: ("triangle-down", 1),
    FASTER: ("triangle-down", 2),
    "smaller": ("triangle-down", 2),
    SAME: ("circle", 0),
    NON_INFERIOR: ("circle", 0),
    CANNOT_TELL: ("circle-open", 6),
}
"""Verdict to the symbol and the colour of its mark."""
OTHER_MARK = ("x", 1)


@dataclass(frozen=True, slots=True)
class Point:
    """The finding on one release for one row of the table."""

    release: Release
    row: str
    model: str
    kind: str
    found: Finding | None
    word: str
    run: Run

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """The value, and the low and high ends of its interval: a ratio, or a difference of accuracies (0-1)."""
        found = self.found
        if found is None or found.value is None or found.low is None or found.high is None:
            return None
        ends = (found.value, found.low, found.high)
        value, low, high = ends if self.kind == "accuracy" else map(math.exp, ends)
        return value, low, high


def make_section(stored: Stored) -> Section:
    """The chapter with ratios to the base release and differences of accuracy, selectable by row of the table."""
    by_release = runs_by_release(stored.attempts)
    measured = [release for release, runs in by_release.items() if runs]
    found = list(points(by_release, measured[0])) if measured else []
    failed = {one.release.name: one.trouble for one in stored.attempts if one.trouble}
    text = "Each release ran the suite in an environment of its own, in which TensorFlow alone differs. "
    if measured:
        text += f"All is relative to {measured[0].name}; below 1 is faster, or smaller. "
    text += "▲ slower, ▼ faster, ● the same, ○ cannot tell. Bars are 95 % intervals."
    if reason := (not measured and stored.withdrawn.get("releases")):
        text = f"Withdrawn: {reason}"
    panels = []
    if found:
        panels = [_panel(found, measured, "ratio"), _panel(found, measured, "accuracy")]
    if failed:
        panels.append(_failures(failed))
    return Section(key="releases", title="TensorFlow's releases", text=text, panels=panels)


def points(by_release: ByRelease, base: Release) -> Iterator[Point]:
    """Yield each release's finding on each row, against the base release."""
    comparison = ReleaseComparison(by_release)
    for release, runs in by_release.items():
        column = comparison.column(base, release)
        for one in column.compared:
            yield from _points_of(release, one, column.extras, runs[-1])


def _points_of(
    release: Release, one: Comparison, extras: Mapping[tuple[str, str], Finding], run: Run
) -> Iterator[Point]:
    record = (*one.base, *one.head)[0]
    row = f"{one.case}: {FIGURES.get(record.stage, 'time')}"
    yield Point(release, row, record.recipe, "ratio", one.time, one.word, run)
    for (case, label), found in extras.items():
        if case == one.case:
            yield Point(release, f"{case}: {label}", record.recipe, "ratio", found, one.word, run)
    if record.stage == "train":
        yield Point(release, f"{one.case}: accuracy", record.recipe, "accuracy", one.accuracy, one.word, run)


def _panel(found: Sequence[Point], releases: Sequence[Release], kind: str) -> Panel:
    chosen = [point for point in found if point.kind == kind]
    rows = list(dict.fromkeys(point.row for point in chosen))
    alarms = sorted({f"{point.row} on {point.release.name}" for point in chosen if _alarm(point)})
    traces = [_trace([point for point in chosen if point.row == row], kind) for row in rows]
    sentence = f"{len(alarms)} of {len(chosen)} figures are an alarm."
    if alarms:
        sentence += f" {'; '.join(alarms[:3])}{'; and more in the table' if len(alarms) > 3 else ''}."  # noqa: PLR2004  as many
    untold = sum(_word(point) == CANNOT_TELL for point in chosen)
    sentence += f" Of {untold} nobody can tell from these runs."
    titles = {"ratio": "Time and memory, relative to the base", "accuracy": "Accuracy, minus the base's"}
    level = 1 if kind == "ratio" else 0
    return Panel(
        key=f"releases-{kind}",
        title=titles[kind],
        sentence=sentence,
        traces=[trace for trace in traces if trace],
        layout={
            "xaxis": {
                "title": {"text": "TensorFlow"},
                "type": "category",
                "tickangle": 0,
                "categoryorder": "array",
                "categoryarray": [release.name for release in releases],
            },
            "yaxis": {"title": {"text": titles[kind]}},
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": level,
                    "y1": level,
                    "line": {"dash": "dot", "width": 1, "color": "@6"},
                }
            ],
        },
        table=Table(("Row", "Release", "Value", "95 % interval", "Verdict"), list(map(_line, chosen)), (0, 4)),
        pick="Row",
        first=README_ROWS,
    )


def _alarm(point: Point) -> bool:
    return _word(point) in {SLOWER, WORSE, "larger", "failed", "missing"}


def _word(point: Point) -> str:
    return point.word or (point.found.verdict if point.found else CANNOT_TELL)


def _trace(row: Sequence[Point], kind: str) -> Trace | None:
    known = [(point, ratio) for point in row if (ratio := point.ratio)]
    if not known:
        return None
    marks = [MARKS.get(_word(point), OTHER_MARK) for point, _ in known]
    plot: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": plot_text(row[0].row),
        "x": [point.release.name for point, _ in known],
        "y": [round(value, 5) for _, (value, _, _) in known],
        "error_y": {
            "symmetric": False,
            "array": [round(high - value, 5) for _, (value, _, high) in known],
            "arrayminus": [round(value - low, 5) for _, (value, low, _) in known],
            "thickness": 1.5,
        },
        "line": {"color": "@6", "width": 1},
        "marker": {
            "symbol": [symbol for symbol, _ in marks],
            "color": [f"@{colour}" for _, colour in marks],
            "size": 12,
        },
        "text": [plot_text(_word(point)) for point, _ in known],
        "hovertemplate": "%{x}: %{y:.3f}, %{text}<extra></extra>" if kind == "ratio" else "%{x}: %{y:+.4f}, %{text}",
    }
    first = row[0]
    facets = facets_of(first.run, first.model)
    del facets["version"]  # it is the axis
    return Trace(plot=plot, facets=facets, pick=first.row, files=[point.run.file for point, _ in known])


def _line(point: Point) -> Line:
    ratio, word = point.ratio, _word(point)
    pattern = "{:.3f}" if point.kind == "ratio" else "{:+.4f}"
    value = Cell(pattern.format(ratio[0]), ratio[0]) if ratio else Cell(NOT_MEASURED)
    ends = " to ".join(pattern.format(end) for end in ratio[1:]) if ratio else NOT_MEASURED
    release = Cell(point.release.name, float(point.release.name.split(".")[-1]))
    facets = {**facets_of(point.run, point.model), "version": point.release.name}
    mark = "unsure" if word == CANNOT_TELL else "invalid" if _alarm(point) else ""
    return Line(
        cells=[point.row, release, value, ends, word], facets=facets, file=point.run.file, pick=point.row, mark=mark
    )


def _failures(failed: dict[str, str]) -> Panel:
    lines = [Line(cells=[name, shorten(trouble)], mark="invalid") for name, trouble in failed.items()]
    return Panel(
        key="releases-failed",
        title="Releases that failed",
        sentence="These did not run to their end, and why.",
        kind="table",
        table=Table(("Release", "Trouble"), lines, (0, 1)),
    )
