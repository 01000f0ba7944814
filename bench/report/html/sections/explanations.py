"""Chapter on explanations: what carries a change between two environments, and how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import format_duration
from bench.records.explanations import changed, parts, shares
from bench.records.trials import BASE, HEAD, TYPICAL
from bench.report.html.view import ARROW, Cell, Line, Panel, Section, Table, shorten
from bench.report.pages.explanation import NOT_SEEN, counts_line, part_words, percents, sentence, undone_text
from bench.report.pages.trials import LABELS, ratio_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.trials import StoredTrial
    from bench.report.html.stored import Stored


def make_section(stored: Stored) -> Section:
    """What each swap takes back of each change."""
    return Section(
        key="explanations",
        short="Why slower?",
        title="Why is it slower?",
        text="One package or flag at a time is put into the later environment, and judged in the same rounds. Then "
        "what changed is profiled in both, in rounds of their own, in which nothing is judged.",
        panels=[_swaps(stored.explanations), *_parts(stored.explanations)] if stored.explanations else [],
    )


def _pick(trial: StoredTrial) -> str:
    return ARROW.join(shorten(trial.environment(role).word) for role in (BASE, HEAD))


def _swaps(trials: Sequence[StoredTrial]) -> Panel:
    says, lines = dict[str, str](), list[Line]()
    for trial in trials:
        pick = _pick(trial)
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


def _parts(trials: Sequence[StoredTrial]) -> list[Panel]:
    """Where the time of a step or call goes; nothing where nothing was profiled."""
    says, lines = dict[str, str](), list[Line]()
    for trial in trials:
        for row in changed(trial):
            if row.finding != TYPICAL or not (told := part_words(trial, row)):
                continue
            pick = f"{_pick(trial)}: {row.case}"
            says[pick] = " ".join(one for one in (told, counts_line(trial, row.case)) if one)
            lines += [
                Line(
                    cells=[
                        one.name,
                        Cell(format_duration(one.base_s), one.base_s),
                        Cell(format_duration(one.head_s), one.head_s),
                        Cell(percents(one), one.share, mark="bad" if one.sure and one.share > 0 else ""),
                    ],
                    pick=pick,
                    file=trial.run.file,
                )
                for one in parts(trial, row.case)
            ]
    if not lines:
        return []
    panel = Panel(
        key="parts",
        title="Where the change lies",
        sentence=next(iter(says.values())),
        says=says,
        kind="table",
        table=Table(("Part", "Before", "After", "Of the change"), lines, (0,)),
        pick="Change",
        picks=list(says),
    )
    return [panel]
