"""Markdown page of the reproduction of the tutorials, from a stored run. Imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_count, format_counted
from bench.records.published_figures import NOTHING_PUBLISHED, judge, sample
from bench.records.record import Run, RunFileError
from bench.records.reproductions import read_results
from bench.records.seed_runs import below_floor
from bench.report.markdown import escape, markdown_table, provenance
from bench.report.pages.reproduction_cells import closeness, figure_name, interval, spread
from bench.report.pages.reproduction_details import details_page
from models.published import PUBLISHED, Figure, Part, Published

if TYPE_CHECKING:
    from bench.records.seed_runs import Result

DETAILS = "reproduction_details"
EXPLANATION = (
    "Each training starts from a seed of its own: initial weights, the order of the images and what dropout drops. "
    "*Reproduced* says that the published figure, with the width of its rounding, lies where a single new run is "
    "expected with 95 % confidence (normal values; mean ± t·sd·√(1 + 1/n)); *better* and *worse* say on which side of "
    "that interval our runs are. *Our mean is within* says how close the mean over all seeds lies to the published "
    "figure, with 95 % confidence. Of twenty figures that agree, one is expected to fall outside by chance. Figures of "
    "each single epoch, curves, confusion matrices and all that the tutorials show beyond a number are in "
    f"[{DETAILS}.md]({DETAILS}.md)."
)


def reproduction_page(run: Run) -> str:
    """The page with the published figures, ours, and the deviations from the tutorials."""
    results = read_results(run)
    parts = [
        "# The tutorials' figures, reproduced",
        *reproduction_notices(run, results),
        reproduction_table(results),
        *([] if run.quick else low_seeds(results)),
        EXPLANATION,
        "## What is done otherwise, and what to know",
        deviations(results),
        reproduction_caption(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def reproduction_table(results: dict[str, Result]) -> str:
    """A table with a row per published figure, and one for each recipe without published figures."""
    headers = [
        "Recipe",
        "Parameters",
        "Figure",
        "Published",
        "Ours (mean ± sd)",
        "Seeds",
        "Our mean is within",
        "A single new run",
        "Answer",
    ]
    rows = [row for name, result in results.items() for row in _rows(PUBLISHED[name], result)]
    return markdown_table(headers, rows, text_columns=(0, 2, 8))


def reproduction_notices(run: Run, results: dict[str, Result]) -> list[str]:
    """Warnings above the table."""
    lines = []
    if run.quick:
        lines.append("**Quick run: training protocols are cut down; these figures say nothing about the models.**")
    if not run.complete:
        lines.append("**Stopped early: some trainings are missing.**")
    faults: dict[str, list[str]] = {}
    for name, result in results.items():
        for fault in result.faults:
            faults.setdefault(fault, []).append(name)
    lines += [f"{', '.join(names)}: {fault}." for fault, names in faults.items()]
    return [escape(line) for line in lines]


def low_seeds(results: dict[str, Result]) -> list[str]:
    """A line on the single seeds below their recipe's floor, which is what makes training runs INVALID; or nothing."""
    told = []
    for name, result in results.items():
        floor = PUBLISHED[name].recipe.accuracy_floors.get(PUBLISHED[name].dataset, 0.0)
        if low := below_floor(result, floor):
            accuracies = ", ".join(f"{accuracy:.4f}" for accuracy in low.values())
            told.append(f"{name}: {len(low)} of {len(result.seed_runs)} below {floor} ({accuracies})")
    return [escape(f"Single seeds with a test accuracy below their recipe's floor: {'; '.join(told)}.")] if told else []


def deviations(results: dict[str, Result]) -> str:
    """A list of the deviations from the tutorials, each with its recipes."""
    found: dict[str, list[str]] = {}
    for name in results:
        for text in PUBLISHED[name].deviations:
            found.setdefault(text, []).append(name)
    everywhere = "All recipes: the compiled trainer, where it can, draws the order of the images and what dropout "
    everywhere += "drops from streams of its own; nothing else differs from Keras's `fit`, which `--trainer fit` uses."
    return "\n".join([f"- {everywhere}", *(f"- {', '.join(names)}: {escape(text)}" for text, names in found.items())])


def reproduction_caption(run: Run) -> str:
    """Caption: data, trainer, machine, versions, date, command."""
    device = f"{run.device} ({format_counted(run.threads, 'thread')})"
    packages = ("tensorflow", "keras", "scikit-learn")
    return escape("; ".join([run.dataset, f"{run.trainer} trainer", device, *provenance(run, packages)]))


def check_reproduction(run: Run) -> Run:
    """Check that all rows of a run can be read, and return the run.

    Raises:
        RunFileError: a row cannot be read.
    """
    try:
        read_results(run)
    except RunFileError as error:
        raise RunFileError(f"{run.file}: {error}") from error
    return run


def reproduction_pages(run: Run) -> dict[str, str]:
    """The pages `reproduction` and `reproduction_details`, by name."""
    return {"reproduction": reproduction_page(run), DETAILS: details_page(run)}


def _rows(published: Published, result: Result) -> list[list[str]]:
    first = result.seed_runs[0] if result.seed_runs else None
    start = [published.recipe.name, format_count(first.parameters) if first else NOT_MEASURED]
    if result.faults or not result.seed_runs:
        answer = "INVALID" if result.available and result.faults else "not measured"
        return [[*start, NOT_MEASURED, NOT_MEASURED, NOT_MEASURED, "0", NOT_MEASURED, NOT_MEASURED, answer]]
    shown = [(figure, figure.text) for figure in _headline_figures(published)]
    shown = shown or [(_own_figure(result), NOT_MEASURED)]
    return [[*start, figure_name(figure), text, *_our_cells(figure, text, result)] for figure, text in shown]


def _our_cells(figure: Figure, text: str, result: Result) -> list[str]:
    ours = sample(figure, result.seed_runs)
    answer = NOTHING_PUBLISHED if text == NOT_MEASURED else judge(figure, ours)
    near = NOT_MEASURED if text == NOT_MEASURED else closeness(figure, ours)
    return [spread(figure, ours), str(len(result.seed_runs)), near, interval(figure, ours), answer]


def _headline_figures(published: Published) -> list[Figure]:
    """The figures of whole trainings and of the last epoch that has any."""
    last = max((figure.epoch for figure in published.figures if figure.epoch), default=None)
    return [figure for figure in published.figures if figure.epoch in (None, last)]


def _own_figure(result: Result) -> Figure:
    """The figure shown for a recipe without a published one: its accuracy on the images that its tutorial uses."""
    part: Part = "validation" if "validation accuracy" in result.seed_runs[0].scores else "test"
    return Figure("accuracy", part, NOT_MEASURED)
