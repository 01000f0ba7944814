"""Chapter on explanations and bisections: what carries a change between two environments, and where it came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.records.explanations import changed, parts, shares
from bench.records.trials import BASE, HEAD, TYPICAL
from bench.report.html.view import ARROW, Cell, Line, Panel, Section, Table, shorten
from bench.report.markdown import plain
from bench.report.pages.bisection import STEP_HEADERS, answer, step_cells
from bench.report.pages.explanation import (
    NOT_SEEN,
    counts_line,
    part_duration,
    part_words,
    percents,
    sentence,
    undone_text,
)
from bench.report.pages.trials import LABELS, ratio_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.records.bisections import Bisection
    from bench.records.trials import Row, StoredTrial
    from bench.report.html.stored import Stored
    from bench.stats.parts import PartDifference


def make_section(stored: Stored) -> Section:
    """What each swap takes back of each change, where its time lies, and between which neighbours it came in."""
    panels = [_swaps(stored.explanations), *_parts(stored.explanations)] if stored.explanations else []
    panels += [_searches(stored.bisections)] if stored.bisections else []
    return Section(
        key="explanations",
        short="Why slower?",
        title="Why is it slower?",
        text="One package or flag at a time is put into the later environment, and judged in the same rounds. Then "
        "what changed is profiled in both, in rounds of their own, in which nothing is judged. A search halves the way "
        "between two environments until it has the neighbours that differ.",
        panels=panels,
    )


def _pick(trial: StoredTrial) -> str:
    return ARROW.join(shorten(trial.environment(role).word) for role in (BASE, HEAD))


def _changes(trials: Sequence[StoredTrial]) -> Iterator[tuple[StoredTrial, Row]]:
    """Yield what changed between two environments once, with the newest trial that has it."""
    seen = set[tuple[str, str, str]]()
    for trial in sorted(trials, key=lambda one: one.run.started_at, reverse=True):
        for row in changed(trial):
            change = (_pick(trial), row.case, row.finding)
            if change not in seen:
                seen.add(change)
                yield trial, row


def _swaps(trials: Sequence[StoredTrial]) -> Panel:
    told: dict[str, list[str]] = {_pick(trial): [] for trial in trials}
    lines = list[Line]()
    for trial, row in _changes(trials):
        told[_pick(trial)].append(sentence(trial, row, shares(trial, row)))
        lines += _lines(trial, row)
    says = {pick: " ".join(one) or "No change that can be told." for pick, one in told.items()}
    return Panel(
        key="swaps",
        title="What takes a change back",
        sentence=next(iter(says.values())),
        says=says,
        kind="table",
        table=Table(("Case", "Finding", "Swapped in", "Ratio (simultaneous interval)", "Undone"), lines, (0, 1, 2, 3)),
        pick="From and to",
        picks=list(says),
        note=NOT_SEEN.replace("*", ""),
    )


def _lines(trial: StoredTrial, row: Row) -> list[Line]:
    return [
        Line(
            cells=[
                row.case,
                LABELS[row.finding],
                shorten(one.what),
                Cell(ratio_text(one.row), one.row.effect.value),
                Cell(undone_text(one), one.value, mark="good" if one.helps else ""),
            ],
            pick=_pick(trial),
            file=trial.run.file,
        )
        for one in shares(trial, row)
    ]


def _parts(trials: Sequence[StoredTrial]) -> list[Panel]:
    """Where the time of a step or call goes; nothing where nothing was profiled."""
    says, lines = dict[str, str](), list[Line]()
    for trial, row in _changes(trials):
        if row.finding != TYPICAL or not (told := part_words(trial, row)):
            continue
        pick = f"{_pick(trial)}: {row.case}"
        says[pick] = " ".join(one for one in (told, counts_line(trial, row.case)) if one)
        lines += [
            Line(
                cells=[
                    one.name,
                    Cell(part_duration(one.base_s), one.base_s),
                    Cell(part_duration(one.head_s), one.head_s),
                    Cell(percents(one), one.share, mark=_mark(one)),
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


def _mark(part: PartDifference) -> str:
    """Whether a part that carries a change for sure takes longer or less."""
    if not part.sure or part.share <= 0:
        return ""
    return "bad" if part.head_s > part.base_s else "good"


def _searches(found: Sequence[Bisection]) -> Panel:
    """Every trial of each bisection."""
    says, lines = dict[str, str](), list[Line]()
    for one in found:
        first = one.steps[0]
        pick = f"{shorten(first.words[0])}{ARROW}{shorten(first.words[-1])}: {first.case}"
        if pick in says:
            continue
        says[pick] = plain(answer(one))
        lines += [
            Line(cells=list(map(shorten, step_cells(step))), pick=pick, file=step.trial.run.file) for step in one.steps
        ]
    return Panel(
        key="searches",
        title="Where a change came in",
        sentence=next(iter(says.values())),
        says=says,
        kind="table",
        table=Table(STEP_HEADERS, lines, tuple(range(6))),
        pick="Search",
        picks=list(says),
    )
