"""Chapter on what survives an upgrade: which file loads where, and what an environment costs."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_bytes, format_difference, format_duration
from bench.records.outcomes import FAILS, IDENTICAL, OTHERWISE, ROUNDED
from bench.report.html.cells import measured
from bench.report.html.view import Cell, Line, Panel, Section, Table, shorten
from bench.report.pages.compatibility import LEGEND, MARKS
from bench.report.pages.compatibility_sentences import files_sentence, numbers_sentence, ranges, trainings_sentence

if TYPE_CHECKING:
    from bench.records.compatibility import StoredCompatibility
    from bench.records.schema.compatibility import Environment, FixedAnswers
    from bench.report.html.stored import Stored

COLOURS = {IDENTICAL: "good", ROUNDED: "fair", OTHERWISE: "odd", FAILS: "bad"}
WORDS = {IDENTICAL: "bit for bit", ROUNDED: "up to rounding", OTHERWISE: "answers otherwise", FAILS: "does not load"}


def make_section(stored: Stored) -> Section:
    """The grid of files by format, the numbers, and the costs, of the newest survey."""
    newest = max(stored.compatibility, key=lambda one: one.run.started_at, default=None)
    return Section(
        key="compatibility",
        short="Files",
        title="What survives an upgrade",
        text="Each release saves models in every format that it has; each other one loads them and answers. "
        "No clock is in this.",
        panels=[_files(newest), _numbers(newest), _costs(newest)] if newest else [],
    )


def _files(stored: StoredCompatibility) -> Panel:
    lines = []
    for form in stored.formats:
        for saver in stored.roles:
            cells: list[Cell | str] = [saver]
            for loader in stored.roles:
                one = stored.worst.get((saver, loader, form))
                if one is None:
                    cells.append(NOT_MEASURED)
                    continue
                title = f"{form} of {saver} in {loader}: {WORDS[one.outcome]}"
                title += f": {one.reason}" if one.reason else ""
                cells.append(Cell(MARKS[one.outcome], mark=COLOURS[one.outcome], title=shorten(title)))
            lines.append(Line(cells=cells, pick=form, file=stored.run.file))
    return Panel(
        key="files",
        title="Which file loads where",
        sentence=files_sentence(stored),
        kind="table",
        table=Table(("Saved by", *stored.roles), lines),
        pick="Format",
        tabs=True,
        note=f"A row per release that saved, a column per release that loads. {LEGEND}",
    )


def _numbers(stored: StoredCompatibility) -> Panel:
    alike: dict[tuple[str, str], list[tuple[str, FixedAnswers]]] = {}
    for each in stored.found.environments:
        for one in each.answers:
            alike.setdefault((one.model, one.digest), []).append((each.role, one))
    lines = []
    for (model, digest), same in alike.items():
        first = same[0][1]
        other, off = first.changed_predictions, first.max_abs_diff
        cells: list[Cell | str] = [
            model,
            ranges([role for role, _ in same], stored.roles),
            shorten(digest[:8]),
            Cell("0", 0.0) if off == 0 else measured(off, format_difference),
            Cell(NOT_MEASURED if other is None else f"{other} of {first.inputs}", other),
        ]
        lines.append(Line(cells=cells, file=stored.run.file))
    return Panel(
        key="numbers",
        title="The same weights in each release",
        sentence=" ".join(filter(None, (numbers_sentence(stored), trainings_sentence(stored)))),
        kind="table",
        table=Table(("Model", "Releases", "Digest of the answers", "Off by", "Other predictions"), lines, (0, 1, 2)),
        note=f"Releases in one row answer alike, bit for bit; the rest is against {stored.roles[0]}.",
    )


def _costs(stored: StoredCompatibility) -> Panel:
    lines = [Line(cells=_cost_cells(each), file=stored.run.file) for each in stored.found.environments]
    return Panel(
        key="costs",
        title="What a release costs",
        sentence="TensorFlow with all that it requires, on the disk; its import, and the memory after it.",
        kind="table",
        table=Table(("Release", "Installed", "Packages", "Import (median)", "Memory after it (median)"), lines),
    )


def _cost_cells(each: Environment) -> list[Cell | str]:
    costs = each.costs
    return [
        each.role,
        measured(sum(costs.sizes.values()) or None, format_bytes),
        measured(len(costs.sizes) or None, str),
        measured(statistics.median(costs.imports_s) if costs.imports_s else None, format_duration),
        measured(
            statistics.median(costs.resident_bytes) if costs.resident_bytes else None,
            lambda one: format_bytes(round(one)),
        ),
    ]
