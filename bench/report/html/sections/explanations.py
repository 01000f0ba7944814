"""Chapter on explanations: what carries a change between two environments, and how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.records.explanations import changed, shares
from bench.records.trials import BASE, HEAD
from bench.report.html.view import ARROW, Cell, Line, Panel, Section, Table, shorten
from bench.report.pages.explanation import NOT_SEEN, sentence, undone_text
from bench.report.pages.trials import LABELS, ratio_text

if TYPE_CHECKING:
    from bench.records.trials import StoredTrial
    from bench.report.html.stored import Stored


def make_section(stored: Stored) -> Section:
    """What each swap takes back of each change."""
    return Section(
        key="explanations",
        short="Why slower?",
        title="Why is it slower?",
        text="One package or flag at a time is put into the slower environment, and judged in the same rounds.",
        panels=[_panel(stored)] if stored.explanations else [],
    )


def _panel(stored: Stored) -> Panel:
    says, lines = dict[str, str](), list[Line]()
    for trial in stored.explanations:
        pick = ARROW.join(shorten(trial.environment(role).word) for role in (BASE, HEAD))
        told = [sentence(trial, row, shares(trial, row)) for row in changed(trial)]
        says.setdefault(pick, " ".join(f"{one}." for one in told) or "No change that can be told.")
        lines += _lines(trial, pick)
    return Panel(
        key="swaps",
        title="What takes a change back",
        sentence=next(iter(says.values())),
        says=says,
        kind="table",
        table=Table(("Case", "", "Swapped in", "Ratio (simultaneous interval)", "Undone"), lines, (0, 1, 2, 3)),
        pick="From and to",
        picks=list(says),
        note=NOT_SEEN,
    )


def _lines(trial: StoredTrial, pick: str) -> list[Line]:
    return [
        Line(
            cells=[
                row.case,
                LABELS[row.finding],
                shorten(one.what),
                Cell(ratio_text(one.row), one.row.effect.value),
                Cell(undone_text(one), one.value, mark="good" if one.helps else ""),
            ],
            pick=pick,
            file=trial.run.file,
        )
        for row in changed(trial)
        for one in shares(trial, row)
    ]
