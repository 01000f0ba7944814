"""Markdown table of a duel, from its rows and outcomes. Pure functions."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from bench.formats import NOT_MEASURED, format_accuracy, format_counted, format_duration, percent
from bench.records.duels import SIDES
from bench.report.markdown import escape, ratio_text
from bench.stats.variance_components import split_noise
from bench.stats.verdicts import CANNOT_TELL, FASTER, NON_INFERIOR, SAME, SLOWER, WORSE, Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.duels import Margins, Outcome, Row


HEADERS = (
    "Case",
    "BASE",
    "HEAD",
    "HEAD / BASE (95 % interval)",
    "Verdict",
    "Accuracy BASE → HEAD (95 % interval of the difference)",
    "Accuracy",
    "Blocks",
    "To settle it",
    "Noise: turns, processes, blocks",
)
VERDICTS = (SLOWER, FASTER, SAME, CANNOT_TELL, WORSE, NON_INFERIOR, "missing", "new", "failed", "not comparable")
"""Every word that a row can end with."""
TEXT = ("Case", "Verdict", "Accuracy", "To settle it")


def duel_table(rows: Sequence[Row], found: Sequence[Outcome]) -> str:
    """A table with a row per case: both medians, the ratio, verdicts and the forecast of undecided ones."""
    cells = [[escape(cell) for cell in _cells(row, known)] for row, known in zip(rows, found, strict=True)]
    align = ["left" if header in TEXT else "right" for header in HEADERS]
    return tabulate(cells, HEADERS, tablefmt="pipe", colalign=align if cells else None, disable_numparse=True)


def notices(rows: Sequence[Row], metadata: Mapping[str, Any]) -> list[str]:
    """Warnings above the table: injected changes, missing cases, failures, lost blocks."""
    lines = []
    if metadata["duel"]["plant"]:
        lines.append(f"**Injected into HEAD: {metadata['duel']['plant']}.** This is a test of the duel, not of HEAD.")
    for row in rows:
        lines += [f"**ALARM: {row.case.name} exists on one side only; {lack}**" for lack in row.missing.values()]
        if row.failed:
            lines.append(f"**FAILED: {row.case.name}: {row.failed}**")
        lines += [f"Lost block of {row.case.name}: {reason}" for reason in row.lost]
    return [escape(line) for line in lines]


def explanation(margins: Margins) -> str:
    """The rules of the verdicts in a few lines."""
    return (
        f"A ratio above 1 means that HEAD takes longer. `same`: the whole interval lies within "
        f"{percent(margins.time)} either way. `slower`, `faster`: no chance finding, and the ratio is beyond that "
        f"margin. `non-inferior`: the accuracy's interval ends above −{_points(margins.accuracy)}. Intervals miss the "
        f"truth at most 5 times in 100, wherever the duel stopped; alarms come up in at most 1 of 100 duels of equal "
        f"sides, all rows together (Holm)."
    )


def packages_table(metadata: Mapping[str, Any]) -> str:
    """A table of the packages that differ between the sides; empty where none does."""
    base, head = (metadata["packages_by_side"].get(side, {}) for side in SIDES)
    differing = [name for name in {**base, **head} if base.get(name) != head.get(name)]
    rows = [[name, *(str(side.get(name) or "not installed") for side in (base, head))] for name in differing]
    cells = [[escape(cell) for cell in row] for row in rows]
    return tabulate(cells, ("Package", *SIDES), tablefmt="pipe", disable_numparse=True) if cells else ""


def caption(metadata: Mapping[str, Any]) -> str:
    """Caption: environments, data, machine, date."""
    duel, machine = metadata["duel"], metadata["machine"]
    same = metadata["packages_by_side"].get(SIDES[0]) == metadata["packages_by_side"].get(SIDES[1])
    return escape(
        "; ".join(
            [
                f"BASE {duel['base']}, HEAD {duel['head']}{' (the same packages)' if same else ''}",
                f"{metadata['dataset']}, {metadata['device']} ({format_counted(metadata['threads'], 'thread')})",
                f"{machine['cpu']}, {machine['cpus']} CPUs",
                metadata["started_at"][:10],
                f"commit {metadata['commit']}",
                f"`{metadata['command']}`",
            ]
        )
    )


def _cells(row: Row, known: Outcome) -> list[str]:
    if row.missing:
        return [row.case.name, *[NOT_MEASURED] * 3, _missing(row), *[NOT_MEASURED] * 5]
    return [
        row.case.name,
        *(_median(row, side) for side in SIDES),
        ratio_text(known.time),
        "failed" if row.failed else known.time.verdict,
        _accuracy(row, known.accuracy),
        NOT_MEASURED if known.accuracy is None else known.accuracy.verdict,
        str(len(row.blocks)),
        _to_settle(row, known),
        _noise(row),
    ]


def _missing(row: Row) -> str:
    """``missing`` where HEAD lacks what BASE has, ``new`` the other way round."""
    return "missing" if SIDES[1] in row.missing else "new"


def _median(row: Row, side: str) -> str:
    """A side's median over blocks of the process medians, as text."""
    values_s = [statistics.median(block.base_s if side == SIDES[0] else block.head_s) for block in row.blocks]
    return format_duration(statistics.median(values_s)) if values_s else NOT_MEASURED


def _accuracy(row: Row, found: Finding | None) -> str:
    pairs = [block.accuracies for block in row.blocks if block.accuracies]
    if found is None or not pairs:
        return NOT_MEASURED
    base, head = (format_accuracy(statistics.fmean(side)) for side in zip(*pairs, strict=True))
    if found.low is None or found.high is None:
        return f"{base} → {head}"
    return f"{base} → {head} ({found.low:+.4f} to {found.high:+.4f})"


def _to_settle(row: Row, known: Outcome) -> str:
    if known.settled or row.failed:
        return NOT_MEASURED
    if known.more_blocks is None:
        return "no number of blocks in sight"
    spent_s = [block.process_s + block.turns_s for block in row.blocks]
    minutes = f", {format_duration(statistics.median(spent_s) * known.more_blocks)}" if spent_s else ""
    return f"about {format_counted(known.more_blocks, 'more block')}{minutes}"


def _noise(row: Row) -> str:
    split = split_noise([block.base_s for block in row.blocks], [block.head_s for block in row.blocks])
    if split is None:
        return NOT_MEASURED
    return ", ".join(percent(share) for share in (split.rounds, split.processes, split.blocks))


def _points(accuracy: float) -> str:
    return f"{accuracy * 100:.2g} percentage points"


def verdicts(rows: Sequence[Row], found: Sequence[Outcome]) -> list[tuple[str, str]]:
    """Pairs of a case and each of its verdicts, as ``--fail-on`` names them."""
    words: list[tuple[str, str]] = []
    for row, known in zip(rows, found, strict=True):
        if row.missing:
            words.append((row.case.name, _missing(row)))
        elif row.failed:
            words.append((row.case.name, "failed"))
        else:
            words += [(row.case.name, one.verdict) for one in (known.time, known.accuracy) if one is not None]
        if row.lost and not row.failed:
            words.append((row.case.name, "failed"))
    return words
