"""The runs behind the page, and what is no result: INVALID rows, unreadable files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import format_count, format_counted
from bench.report.html.view import YOURS, Cell, Cells, Line, Panel, Section, Table, facets_of, release_of, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run
    from bench.report.html.stored import Stored

HEADERS = (
    "Run file",
    "What",
    "Machine",
    "Python",
    "TensorFlow",
    "Device",
    "Started",
    "Commit",
    "Rows",
    "INVALID",
    "Command",
)


def make_section(stored: Stored) -> Section:
    """Tables of all runs shown, and of everything that is no result."""
    runs = _shown(stored)
    return Section(
        key="sources",
        short="Sources",
        title="Where the numbers come from",
        text=f"{format_counted(stored.counted, 'run file')} stored; the page has figures of {format_count(len(runs))} "
        f"runs and {format_count(len(stored.selftest))} trials. Of runs that differ in nothing but their date, "
        "the newest whole one is shown. Links open the raw file where the page lies where it was written.",
        panels=[_runs_panel(runs), _invalid_panel(runs, stored.warnings)],
    )


def _shown(stored: Stored) -> list[tuple[str, Run]]:
    named = [
        *(("suite", run) for run in stored.main),
        *(("device", run) for run in stored.devices),
        *(("reproduction", run) for run in [stored.reproduction] if run),
        *(("runtimes", run) for run in [stored.runtimes] if run),
        *(("trainers", run) for run in [stored.trainers] if run),
        *(("releases", trial.run) for one in stored.releases for trial in one.trials),
    ]
    files = {run.file: (what, run) for what, run in reversed(named)}
    return list(reversed(files.values()))


def _runs_panel(runs: Sequence[tuple[str, Run]]) -> Panel:
    lines = []
    for what, run in runs:
        invalid = sum(bool(record.faults) for record in run.records)
        cells: Cells = [
            run.file,
            f"{what} (yours)" if run.origin == YOURS else what,
            shorten(f"{run.machine.cpu}, {run.machine.cpus} CPUs, {run.machine.system}"),
            shorten(str(run.machine.python)),
            release_of(run),
            run.device,
            run.started_at[:16],
            run.commit,
            Cell(str(len(run.records)), len(run.records)),
            Cell(str(invalid), invalid),
            run.command,
        ]
        marks = "invalid" if invalid else ""
        facets = facets_of(run)
        shown = [cell if isinstance(cell, Cell) else shorten(cell) for cell in cells]
        lines.append(Line(cells=shown, facets=facets, file=run.file, mark=marks))
    return Panel(
        key="runs",
        title="Runs",
        sentence="Each run with its machine, its versions and the command that makes it again.",
        kind="table",
        table=Table(HEADERS, lines, text_columns=(0, 1, 2, 3, 4, 5, 6, 7, 10)),
    )


def _invalid_panel(runs: Sequence[tuple[str, Run]], warnings: Sequence[str]) -> Panel:
    lines = [
        Line(
            cells=[run.file, shorten(record.case), shorten(fault)],
            facets=facets_of(run, record.recipe),
            file=run.file,
            mark="invalid",
        )
        for _, run in runs
        for record in run.records
        for fault in record.faults
    ]
    lines += [Line(cells=["–", "not read", shorten(one)], mark="invalid") for one in warnings]
    return Panel(
        key="invalid",
        title="No result",
        sentence=f"{format_counted(len(lines), 'row')} that are INVALID, were not to be had, or could not be read."
        if lines
        else "Every row of every run is valid, and every file could be read.",
        kind="table",
        table=Table(("Run file", "Row", "Why"), lines, text_columns=(0, 1, 2)),
    )
