"""The page of bisections: where a case changed, how sure that is, and every trial of the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_counted, format_duration
from bench.records.trials import BASE
from bench.report.markdown import escape, markdown_table
from bench.report.pages.trials import caption
from bench.stats.simultaneous import CANNOT_TELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.bisections import Bisection, Step

MOST = 10
"""Bisections on a page."""
STEP_HEADERS = ("Near end", "Middle", "Far end", "Near to middle", "Middle to far", "Near to far", "Rounds")


def bisections_page(found: Sequence[Bisection]) -> str:
    """The page of all stored bisections, newest first."""
    parts = ["# Bisections: where a case changed", *map(bisection_page, found[:MOST])]
    parts += [f"{len(found) - MOST} older ones are stored as well."] if len(found) > MOST else []
    return "\n\n".join(parts).rstrip() + "\n"


def bisection_page(found: Bisection) -> str:
    """A bisection: the answer, its trials, and what they ran on."""
    first = found.steps[0]
    ends = " to ".join(escape(word) for word in (first.words[0], first.words[-1]))
    parts = [f"## {ends}: {escape(first.case)}, {first.finding}", answer(found), steps_table(found.steps)]
    parts += [packages(found), caption(first.trial)]
    return "\n\n".join(part for part in parts if part) + "\n"


def answer(found: Bisection) -> str:
    """Where the change lies, in a sentence with its error rate."""
    first = found.steps[0]
    near, far = (f"`{escape(word)}`" for word in (first.words[0], first.words[-1]))
    if not found.changed:
        told = "cannot be told yet to differ from" if found.sought == CANNOT_TELL else "is the same as"
        return f"**{far} {told} {near}** ({_cost(found)})."
    here = [f"`{escape(word)}`" for word in found.between]
    last = next((step for step in reversed(found.steps) if {*found.between} <= {*step.words}), first)
    shown = _between(last, *found.between)
    return (
        f"**It became {found.sought} between {here[0]} and {here[1]}**{f': {shown}' if shown else ''} "
        f"({_cost(found)}; wrong in at most {100 * found.error:.0f} of 100 such searches)."
    )


def steps_table(steps: Sequence[Step]) -> str:
    """A line per trial: its environments, what each part of the way came to, and its rounds."""
    return markdown_table(STEP_HEADERS, list(map(step_cells, steps)), text_columns=(0, 1, 2))


def step_cells(step: Step) -> list[str]:
    """The cells of a trial under `STEP_HEADERS`."""
    shown = [f"{text} {word}".strip() for word, text, _ in step.verdicts]
    parts = [NOT_MEASURED] * (3 - len(shown)) + shown
    rounds = max((row.effect.rounds for row in step.trial.rows), default=0)
    middle = step.words[1] if len(step.words) > 2 else NOT_MEASURED  # noqa: PLR2004  near, middle, far
    return [step.words[0], middle, step.words[-1], *parts[:3], str(rounds)]


def packages(found: Bisection) -> str:
    """What differs between the neighbours that the change lies between."""
    for step in reversed(found.steps):
        ends = [one for one in step.trial.options.environments if one.word in found.between]
        if len(ends) == 2:  # noqa: PLR2004  both neighbours
            facts = [{**one.variables, **one.build, **one.packages} for one in ends]
            names = [name for name in dict.fromkeys([*facts[0], *facts[1]]) if facts[0].get(name) != facts[1].get(name)]
            lines = [[name, *(str(one.get(name) or NOT_MEASURED) for one in facts)] for name in names]
            headers = ["What differs", *(one.word for one in ends)]
            return markdown_table(headers, lines, text_columns=(0, 1, 2)) if lines else ""
    return ""


def _between(step: Step, near: str, far: str) -> str:
    """The interval of the finding between two environments of a step."""
    roles = {one.word: one.role for one in step.trial.options.environments}
    pairs = list(step.trial.pairs)
    pair = (roles.get(near, BASE), roles.get(far, BASE))
    if pair not in pairs or len(step.verdicts) != len(pairs):
        return ""
    return step.verdicts[pairs.index(pair)][1]


def _cost(found: Bisection) -> str:
    """How many trials it took, and how long they were."""
    spent_s = sum(step.trial.options.elapsed_s for step in found.steps)
    return f"{format_counted(len(found.steps), 'trial')}, {format_duration(spent_s)}"
