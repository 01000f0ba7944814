"""Chapter on classes: confusion matrices and per-class scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import format_accuracy, format_count
from bench.records.reproductions import read_results
from bench.records.seed_runs import class_scores
from bench.report.html.view import Cell, Cells, Line, Panel, Section, Table, Trace, facets_of_recipe, plot_text, shorten

if TYPE_CHECKING:
    from bench.records.record import Run
    from bench.records.seed_runs import Result
    from bench.report.html.stored import Stored

MEASURES = ("precision", "recall", "f1")
LABELS = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def make_section(stored: Stored) -> Section:
    """Confusion matrices and per-class scores, of each recipe's first seed."""
    run = stored.reproduction
    results = {name: one for name, one in read_results(run).items() if one.seed_runs} if run else {}
    return Section(
        key="classes",
        title="Classes",
        text="All test images by what they are and what they were taken for, of the model of each recipe's first seed.",
        panels=[_confusion(run, results), _scores(run, results)] if run and results else [],
    )


def _names(result: Result) -> list[str]:
    names = [shorten(name) for name in result.first_model.class_names]
    return names + [str(answer) for answer in range(len(names), len(result.seed_runs[0].confusion[0]))]


def _confusion(run: Run, results: dict[str, Result]) -> Panel:
    traces, lines = [], []
    for name, result in results.items():
        counts, names = result.seed_runs[0].confusion, _names(result)
        labels = names[: len(counts)]
        shares = [[count / max(1, sum(row)) for count in row] for row in counts]
        facets = facets_of_recipe(run, name)
        plot = {
            "type": "heatmap",
            "x": [plot_text(one) for one in names],
            "y": [plot_text(one) for one in labels],
            "z": shares,
            "zmin": 0,
            "zmax": 1,
            "text": [[str(count) for count in row] for row in counts],
            "texttemplate": "%{text}",
            "colorscale": "@scale",
            "showscale": False,
            "xgap": 1,
            "ygap": 1,
            "hovertemplate": "%{text} images of %{y} were taken for %{x}<extra></extra>",
        }
        traces.append(Trace(plot=plot, facets=facets, pick=name, files=run.file))
        for label, row in zip(labels, counts, strict=True):
            wrong = {names[answer]: count for answer, count in enumerate(row) if names[answer] != label}
            most = max(wrong, key=wrong.__getitem__)
            right = row[labels.index(label)]
            cells: Cells = [
                name,
                label,
                Cell(format_count(right), right),
                most,
                Cell(format_count(wrong[most]), wrong[most]),
            ]
            lines.append(Line(cells=cells, facets=facets, file=run.file, pick=name))
    return Panel(
        key="confusion",
        title="Confusion matrix",
        sentence="Labels by row, answers by column; the darker, the larger the share of the row's images. Every count "
        "off the diagonal is an error.",
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "Answer"}, "side": "bottom", "tickangle": -45},
            "yaxis": {"title": {"text": "Label"}, "autorange": "reversed"},
            "height": 560,
        },
        table=Table(("Recipe", "Label", "Right", "Most often taken for", "times"), lines, text_columns=(0, 1, 3)),
        pick="Recipe",
    )


def _scores(run: Run, results: dict[str, Result]) -> Panel:
    traces, lines = [], []
    for name, result in results.items():
        scores = class_scores(result.seed_runs[0].confusion)
        labels = _names(result)[: len(scores)]
        facets = facets_of_recipe(run, name)
        for place, measure in enumerate(MEASURES):
            plot = {
                "type": "scatter",
                "mode": "markers",
                "name": LABELS[measure],
                "x": [round(getattr(one, measure), 4) for one in scores],
                "y": [plot_text(label) for label in labels],
                "marker": {"color": f"@{place}", "symbol": ("circle", "diamond", "square")[place], "size": 10},
                "hovertemplate": "%{y}: %{x:.4f}",
            }
            traces.append(Trace(plot=plot, facets=facets, pick=name, files=run.file))
        for label, one in zip(labels, scores, strict=True):
            values = [Cell(format_accuracy(getattr(one, measure)), getattr(one, measure)) for measure in MEASURES]
            cells: Cells = [name, label, *values, Cell(format_count(one.images), one.images)]
            lines.append(Line(cells=cells, facets=facets, file=run.file, pick=name))
    return Panel(
        key="scores",
        title="Scores by class",
        sentence="Precision: how many of those taken for a class are of it. Recall: how many of a class were taken for "
        "it. F1 is their harmonic mean.",
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "Score"}, "tickformat": ".2f"},
            "yaxis": {"autorange": "reversed"},
            "showlegend": True,
            "height": 420,
        },
        table=Table(("Recipe", "Class", *LABELS.values(), "Images"), lines, text_columns=(0, 1)),
        pick="Recipe",
    )
