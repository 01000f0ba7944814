"""The answer of a bisection as Markdown. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED
from bench.records.bisections import CHANGED, UNCHANGED
from bench.report.markdown import escape, markdown_table

if TYPE_CHECKING:
    from bench.records.bisections import Found, Step

HEADERS = ("Duel", "BASE", "HEAD", "HEAD against BASE (95 % interval)", "Verdict", "Blocks", "Why not")


def bisection_page(case: str, found: Found) -> str:
    """The result of a bisection, its error probability and all duels, as a Markdown page."""
    parts = [f"**{escape(case)} {answer(found)}**", sureness(found), skipped(found), steps_table(found)]
    return "\n\n".join(part for part in parts if part)


def answer(found: Found) -> str:
    """The result as a sentence without its subject: "became slower in 2.16: ..."."""
    first = found.steps[0]
    good, bad = first.base.name, first.head.name
    if first.word in UNCHANGED:
        return f"did not change between {good} and {bad}: {first.shown}."
    if found.before is None or found.after is None or found.last is None:
        reason = first.reason or first.word
        return f"cannot be searched: nobody can tell whether {good} and {bad} differ ({reason})."
    between = f" or in one of {', '.join(one.name for one in found.between)}" if found.between else ""
    still = f" ({found.before.name} was still as {good})" if found.before.name != good else ""
    became = f"became {first.word} in {found.after.name}{between}{still}"
    pieces = f"{found.last.shown} there, of {first.shown} from {good} to {bad}"
    return f"{became}: {pieces}. {_in_one_piece(found)}".strip()


def sureness(found: Found) -> str:
    """Upper bound of the probability that the answer is wrong, as a sentence; empty where there is no answer."""
    if not found.used:
        return ""
    changed = sum(step.word in CHANGED for step in found.used)
    unchanged = len(found.used) - changed
    return (
        f"Right with at least {100 * (1 - found.error):.0f} %, if what changed once stayed changed: {changed} of the "
        f"duels that this rests on found a change (a false alarm in at most 1 of 100 each), {unchanged} "
        f"found none (wrong in at most 5 of 100 each), and the errors add up."
    )


def skipped(found: Found) -> str:
    """The releases without a verdict, with reasons; empty where there are none."""
    silent = [one for one in found.steps if one.word not in (*CHANGED, *UNCHANGED) and one is not found.last]
    return escape("; ".join(f"skipped {step.head.name}: {step.reason or step.word}" for step in silent))


def steps_table(found: Found) -> str:
    """A row per duel, in the order of measurement."""
    rows = [_row(number, step) for number, step in enumerate(found.steps, start=1)]
    return markdown_table(HEADERS, rows, text_columns=(4, 6))


def _in_one_piece(found: Found) -> str:
    """Sentence on the duel of the two neighbouring releases."""
    if found.last is None or found.last.word == found.steps[0].word:
        return ""
    if found.last.word in UNCHANGED:
        return f"Between these two alone the verdict is `{found.last.word}`: the change came in more than one step."
    return f"Their own duel does not confirm it: {found.last.reason or found.last.word}."


def _row(number: int, step: Step) -> list[str]:
    reason = step.reason or NOT_MEASURED
    return [str(number), step.base.name, step.head.name, step.shown, step.word, str(step.blocks), reason]
