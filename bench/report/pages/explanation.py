"""The page of explanations: which package or flag carries a change between two environments, and how much of it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from bench.formats import format_counted, format_duration
from bench.records.explanations import changed, functions, instruction_counts, shares
from bench.records.explanations import parts as parts_of
from bench.records.trials import BASE, HEAD, MEMORY, TYPICAL
from bench.report.markdown import escape, markdown_table
from bench.report.pages.trials import EXPLANATION, LABELS, caption, packages, ratio_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.explanations import Share
    from bench.records.schema.profiles import Script
    from bench.records.trials import Row, StoredTrial
    from bench.stats.parts import PartDifference

FLAMES = "pictures/flames"
"""The folder of flame graphs below that of results."""
LEAST_SHARE = 0.02
"""Of a change: parts with less are not shown."""
NOT_SEEN = (
    "*Undone*: how much of the change a swap takes back, all of it being 100 %; its interval follows from the "
    "simultaneous ones of both ratios. *Of the change*: a part's share of its profile is taken of the judged time, "
    "after less before; its interval is over the profiled rounds. What is not seen: what two swaps do together, and "
    "what goes on within an operator or an instruction."
)


def explanations_page(trials: Sequence[StoredTrial]) -> str:
    """The page of all stored explanations, newest first."""
    newest = sorted(trials, key=lambda one: one.run.started_at, reverse=True)
    return "\n\n".join(["# What carries a change", *map(explanation_page, newest)]).rstrip() + "\n"


def explanation_page(trial: StoredTrial) -> str:
    """An explanation as Markdown."""
    base, head = (trial.environment(role).word for role in (BASE, HEAD))
    rows = changed(trial)
    parts = [f"## {escape(f'{base} to {head}')}"]
    if not rows:
        parts.append("No change that can be told, so there is nothing to explain, and nothing was swapped.")
    for row in rows:
        found = shares(trial, row)
        lies = part_words(trial, row)
        parts += [f"**{escape(sentence(trial, row, found))}** {escape(lies)}".rstrip(), _table(found)]
        parts += [_parts_table(trial, row.case), _script(trial, row.case)] if row.finding == TYPICAL else []
    parts += [packages(trial), NOT_SEEN if rows else "", EXPLANATION, caption(trial)]
    return "\n\n".join(part for part in parts if part) + "\n"


def sentence(trial: StoredTrial, row: Row, found: Sequence[Share]) -> str:
    """What changed, by how much, and what gives it back."""
    slower = row.effect.word == "slower"
    percent = 100 * abs(math.expm1(row.effect.value or 0.0))
    noun = (
        {"slower": "longer", "faster": "less time"} if row.finding != MEMORY else {"slower": "more", "faster": "less"}
    )
    head = trial.environment(HEAD).word
    told = f"{row.case} {LABELS[row.finding]}: {head} takes {percent:.0f} % {noun[row.effect.word]}"
    helping = [one for one in found if one.helps]
    if not found:
        return f"{told}; nothing was swapped for it."
    if not helping:
        return f"{told}, and nothing that was swapped {'takes it back' if slower else 'undoes that'}."
    return f"{told}; {helping[0].what} undoes {undone_text(helping[0])} of that."


def part_words(trial: StoredTrial, row: Row) -> str:
    """In which part of a step or call the most of a change lies; empty where that is not known.

    Where that is more than the whole change, the part is named as well that takes the most of it back.
    """
    every = parts_of(trial, row.case)
    known = [one for one in every if one.sure and one.share > 0]
    if not known or row.measure not in {"step", "call"}:
        return ""
    first, last = known[0], every[-1]
    grown = first.head_s > first.base_s
    names = [name for name, seconds in functions(trial, row.case, first.name) if (seconds > 0) == grown]
    which = f" ({names[0]})" if names and names[0].replace(":", " ") != first.name else ""  # XLA's have no functions
    told = f"{percents(first)} of it lies in {first.name}{which}"
    if first.share_low > 1 and last.sure and last.share <= -LEAST_SHARE:
        told += f"; {last.name} takes {_percents(-last.share, -last.share_high, -last.share_low)} back"
    return f"{told}."


def _parts_table(trial: StoredTrial, case: str) -> str:
    """Where the time of a step or call goes on both sides, by profile."""
    rows = [
        [one.name, *map(part_duration, (one.base_s, one.head_s)), percents(one)]
        for one in parts_of(trial, case)
        if abs(one.share) >= LEAST_SHARE or one.sure
    ]
    if not rows:
        return ""
    table = markdown_table(["Part", "Before", "After", "Of the change"], rows, text_columns=(0,))
    told = "Where it goes, by profile, in rounds of their own, in which nothing was judged:"
    flame = f"[A flame graph of both sides](../{FLAMES}/{flame_name(trial, case)})."
    return "\n\n".join(one for one in (told, table, counts_line(trial, case), flame) if one)


def flame_name(trial: StoredTrial, case: str) -> str:
    """The name of the file that has a case's flame graph."""
    words = (*(trial.environment(role).word for role in (BASE, HEAD)), case)
    return f"{'-'.join(re.sub(r'[^a-zA-Z0-9_.]+', '-', word).strip('-') for word in words)}.svg"


def counts_line(trial: StoredTrial, case: str) -> str:
    """Which instructions the compiled program has more or fewer of; empty where nothing was compiled."""
    known = instruction_counts(trial, case)
    if not known:
        return ""
    differing = [f"{kind} {old} → {new}" for kind, (old, new) in sorted(known.items()) if old != new]
    total = format_counted(sum(new for _, new in known.values()), "instruction")
    if not differing:
        return f"The compiled program has the same {total} on both sides: what runs them changed, not what is compiled."
    return f"The compiled program is another one, of {total}: {', '.join(differing)}."


def script_ratio(trial: StoredTrial, case: str) -> str:
    """The ratio of the middle runs of the script that shows a change, and those of all pairs of runs."""
    script = script_of(trial, case)
    if script is None:
        return ""
    base, head = (script.told_ms[role] for role in (BASE, HEAD))
    ratios = sorted(new / old for old, new in zip(base, head, strict=False))
    return f"{_middle(head) / _middle(base):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f} from run to run)"


def script_of(trial: StoredTrial, case: str) -> Script | None:
    """The script that shows a change, if there is one and it ran on both sides."""
    for script in trial.run.metadata.scripts:
        if script.case == case and all(min(script.told_ms.get(role) or [0.0]) > 0 for role in (BASE, HEAD)):
            return script
    return None


def _script(trial: StoredTrial, case: str) -> str:
    """The script that shows a change, with what it told; empty where there is none."""
    script = script_of(trial, case)
    if script is None:
        return ""
    before, after = (_middle(script.told_ms[role]) for role in (BASE, HEAD))
    lines = format_counted(len(script.text.splitlines()), "line")
    told = f"Without densebench, by {lines}: {before:g} ms before, {after:g} ms after, a ratio of"
    return f"{told} {script_ratio(trial, case)}.\n\n```python\n{script.text.strip()}\n```"


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def percents(one: PartDifference) -> str:
    """A part's share of a change, with its interval."""
    return _percents(one.share, one.share_low, one.share_high)


def _table(found: Sequence[Share]) -> str:
    rows = [[one.what, ratio_text(one.row), one.row.word, undone_text(one)] for one in found]
    headers = ["Swapped in", "Ratio to the second environment", "Verdict", "Undone"]
    return markdown_table(headers, rows, text_columns=(0, 2)) if rows else ""


def undone_text(one: Share) -> str:
    """How much of a change a swap takes back, with its interval."""
    return _percents(one.value, one.low, one.high)


def part_duration(seconds: float) -> str:
    """What a part takes; ``0`` where a side has none of it."""
    return format_duration(seconds) if seconds else "0"


def _percents(share: float, low: float, high: float) -> str:
    value, least, most = (round(100 * one) for one in (share, low, high))  # a rounded number has no -0
    return f"{value} % ({least} to {most} %)"
