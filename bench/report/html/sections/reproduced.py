"""Chapter on reproduction: the tutorials' figures against the prediction interval of one new run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.formats import NOT_MEASURED, format_accuracy, format_counted
from bench.records.published_figures import BETTER, CANNOT_TELL, REPRODUCED, WORSE, judge, sample
from bench.records.reproductions import read_results
from bench.report.html.view import (
    Cell,
    Cells,
    Line,
    Panel,
    Section,
    Table,
    Trace,
    facets_of,
    facets_of_recipe,
    plot_text,
)
from bench.report.pages.reproduction_cells import figure_name, interval
from models.published import PUBLISHED

if TYPE_CHECKING:
    from bench.records.published_figures import Sample
    from bench.records.record import Run
    from bench.records.seed_runs import Result
    from bench.report.html.stored import Stored
    from models.published import Figure

COLOURS = {REPRODUCED: 0, BETTER: 2, WORSE: 1, CANNOT_TELL: 6}
SYMBOLS = {REPRODUCED: "circle", BETTER: "triangle-up", WORSE: "triangle-down", CANNOT_TELL: "circle-open"}
ROW_PX = 26


def make_section(stored: Stored) -> Section:
    """The chapter with a panel of accuracies and one of losses: published figures and our intervals."""
    run = stored.reproduction
    results = read_results(run) if run else {}
    rows = [(name, figure, result) for name, result in results.items() for figure in _figures(name, result)]
    panels = []
    if run:
        scores = [row for row in rows if row[1].metric not in {"loss", "probability"}]
        losses = [row for row in rows if row[1].metric == "loss"]
        panels = [_panel(run, "scores", "Accuracies", scores), _panel(run, "losses", "Losses", losses)]
    return Section(
        key="reproduced",
        short="Tutorials",
        title="The tutorials' figures",
        text="The bar is where a single new run is expected with 95 % confidence, from our seeds; the mark on it their "
        "mean. The cross is what the tutorial printed. A cross on its bar is reproduced.",
        panels=panels,
    )


def _figures(name: str, result: Result) -> list[Figure]:
    return [] if result.faults or not result.seed_runs else list(PUBLISHED[name].figures)


def _panel(run: Run, key: str, title: str, rows: list[tuple[str, Figure, Result]]) -> Panel:
    answers: Counter[str] = Counter()
    ours: dict[str, list[Any]] = {part: [] for part in ("x", "y", "array", "minus", "symbol", "color")}
    published: dict[str, list[Any]] = {"x": [], "y": []}
    lines = []
    for name, figure, result in rows:
        found = sample(figure, result.seed_runs)
        answer = judge(figure, found)
        answers[answer] += 1
        label = plot_text(f"{name}: {figure_name(figure)}")
        published["x"].append(figure.value)
        published["y"].append(label)
        if found:
            low, high = found.interval or (found.mean, found.mean)
            ours["x"].append(round(found.mean, 5))
            ours["y"].append(label)
            ours["array"].append(round(high - found.mean, 5))
            ours["minus"].append(round(found.mean - low, 5))
            ours["symbol"].append(SYMBOLS[answer])
            ours["color"].append(f"@{COLOURS[answer]}")
        lines.append(_line(run, name, figure, found, answer))
    told = ", ".join(f"{answer} {count}" for answer, count in answers.most_common())
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "ours",
            "x": ours["x"],
            "y": ours["y"],
            "error_x": {"symmetric": False, "array": ours["array"], "arrayminus": ours["minus"], "color": "@6"},
            "marker": {"symbol": ours["symbol"], "color": ours["color"], "size": 9},
            "hovertemplate": "ours: %{x:.4f}",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "published",
            "x": published["x"],
            "y": published["y"],
            "marker": {"symbol": "x-thin", "size": 10, "line": {"width": 2.5, "color": "@3"}},
            "hovertemplate": "published: %{x:.4f}",
        },
    ]
    facets = facets_of(run)
    del facets["dataset"]
    return Panel(
        key=f"reproduced-{key}",
        title=title,
        sentence=f"{format_counted(len(rows), 'published figure')}: {told or 'none'}.",
        traces=[Trace(plot=plot, facets=facets, files=run.file) for plot in traces],
        layout={
            "xaxis": {"title": {"text": title}},
            "yaxis": {"autorange": "reversed", "type": "category", "dtick": 1},
            "hovermode": "y unified",
            "showlegend": True,
            "height": 140 + ROW_PX * len(rows),
        },
        table=Table(("Recipe", "Figure", "Published", "Ours (mean)", "A single new run", "Answer"), lines, (0, 1, 5)),
    )


def _line(run: Run, name: str, figure: Figure, found: Sample | None, answer: str) -> Line:
    facets = facets_of_recipe(run, name)
    cells: Cells = [
        name,
        figure_name(figure),
        Cell(figure.text, figure.value),
        Cell(format_accuracy(found.mean), found.mean) if found else NOT_MEASURED,
        interval(figure, found),
        answer,
    ]
    mark = "unsure" if answer == CANNOT_TELL else "invalid" if answer == WORSE else ""
    return Line(cells=cells, facets=facets, file=run.file, mark=mark)
