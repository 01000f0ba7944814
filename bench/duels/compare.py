"""`python -m bench compare A B`: the verdicts of a duel from stored runs of the suite, with wider intervals."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from bench.duels.apart import ASSUMED_NOISE, SEVERAL, Comparison, compare_runs, median_s
from bench.duels.command import DEFAULT_FAIL_ON, parse_fail_on, parse_margins
from bench.duels.table import exit_status, packages_table, percent, ratio_text
from bench.errors import DensebenchError
from bench.formats import format_accuracy, format_duration
from bench.records import Run, RunFileError, read_run
from bench.tables import NOT_MEASURED, escape

if TYPE_CHECKING:
    from bench.duels.verdicts import Finding
    from bench.records import Record

HEADERS = ("Case", "BASE", "HEAD", "HEAD / BASE (95 % interval)", "Verdict", "Accuracy BASE → HEAD", "Accuracy", "Runs")
TEXT = ("Case", "Verdict", "Accuracy")
SAME_IN_ALL: dict[str, Callable[[Run], Any]] = {
    "machine": lambda run: run.machine.get("name"),
    "data set": lambda run: run.dataset,
    "device": lambda run: run.device,
    "--quick": lambda run: run.quick,
}
"""What runs must have in common, or they are not compared at all."""

NOT_INTERLEAVED = (
    "These runs were not interleaved: whatever changed on the machine between them is part of each ratio. "
    "`python -m bench duel` takes it out."
)
ASSUMED = (
    f"**A single run of a side is one process: its noise is assumed to be {percent(ASSUMED_NOISE)}, not measured.** "
    f"A folder with several runs per side is judged by their own spread."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("base", type=Path, metavar="A", help="a run file, or a folder of several runs of one side")
    parser.add_argument("head", type=Path, metavar="B", help="likewise; the one that is judged")
    parser.add_argument("--margin", default="3%", help="what still counts as the same time (default: 3%%)")
    parser.add_argument("--accuracy-margin", default="1%", help="likewise in points of accuracy (default: 1%%)")
    parser.add_argument("--fail-on", default=DEFAULT_FAIL_ON, help=f"what exits with 1 (default: {DEFAULT_FAIL_ON})")


def run(arguments: argparse.Namespace) -> int:
    """Compare and print; the exit status that the verdicts call for.

    Raises:
        DensebenchError: an option is wrong, a file cannot be read, or the runs have nothing to be compared by.
    """
    margins, fail_on = parse_margins(arguments), parse_fail_on(arguments.fail_on)
    base, head = read_side(arguments.base), read_side(arguments.head)
    check_comparable(base, head)
    found = compare_runs(base, head, margins)
    sys.stdout.write(f"{comparison_page(base, head, found)}\n")
    return exit_status(words(found), fail_on)


def read_side(path: Path) -> list[Run]:
    """The runs of one side: that of a file, or all those of a folder.

    Raises:
        DensebenchError: there is none, or one cannot be read.
    """
    paths = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not paths:
        raise DensebenchError(f"{path} holds no run file. `pytest bench/ --benchmark-only` makes one.")
    try:
        return [read_run(one) for one in paths]
    except RunFileError as error:
        raise DensebenchError(str(error)) from error


def check_comparable(base: Sequence[Run], head: Sequence[Run]) -> None:
    """Refuse runs of different machines, data sets or devices.

    Raises:
        DensebenchError: they differ; the text says in what.
    """
    for name, value in SAME_IN_ALL.items():
        values = dict.fromkeys(value(run) for run in (*base, *head))
        if len(values) > 1:
            texts = " and ".join(str(one) for one in values)
            raise DensebenchError(f"these runs cannot be compared: their {name} differs ({texts}).")


def comparison_page(base: Sequence[Run], head: Sequence[Run], found: Sequence[Comparison]) -> str:
    """The table, what must be known before believing it, and the packages that differ, as Markdown."""
    rows = [[escape(cell) for cell in _cells(one)] for one in found]
    align = ["left" if header in TEXT else "right" for header in HEADERS]
    table = tabulate(rows, HEADERS, tablefmt="pipe", colalign=align if rows else None, disable_numparse=True)
    packages = {"packages_by_side": {"BASE": base[-1].packages, "HEAD": head[-1].packages}}
    files = "; ".join(
        f"{side} {', '.join(run.file for run in runs)}" for side, runs in (("BASE", base), ("HEAD", head))
    )
    return "\n\n".join(
        part for part in [*notices(base, head, found), table, packages_table(packages), escape(files)] if part
    )


def notices(base: Sequence[Run], head: Sequence[Run], found: Sequence[Comparison]) -> list[str]:
    """What a reader must know before believing the table."""
    lines = [NOT_INTERLEAVED]
    if any(one.time and min(len(one.base), len(one.head)) < SEVERAL for one in found):
        lines.append(ASSUMED)
    if any(run.quick for run in (*base, *head)):
        lines.append("**Quick runs: their figures say nothing about the models.**")
    lines += [f"**{one.word.upper()}: {one.case}: {one.reason}**" for one in found if one.word]
    return [escape(line) for line in lines]


def words(found: Sequence[Comparison]) -> list[str]:
    """Every word that was found, as ``--fail-on`` names them."""
    every = [(one.word, one.time, one.accuracy) for one in found]
    return [
        word
        for name, *kinds in every
        for word in ([name] if name else [kind.verdict for kind in kinds if kind])
        if word
    ]


def _cells(one: Comparison) -> list[str]:
    runs = f"{len(one.base)}, {len(one.head)}"
    if one.word or one.time is None:
        return [one.case, *[NOT_MEASURED] * 3, one.word, *[NOT_MEASURED] * 2, runs]
    medians = [format_duration(statistics.median(map(median_s, records))) for records in (one.base, one.head)]
    accuracy = one.accuracy.verdict if one.accuracy else NOT_MEASURED
    texts = _accuracies(one.base, one.head, one.accuracy)
    return [one.case, *medians, ratio_text(one.time), one.time.verdict, texts, accuracy, runs]


def _accuracies(base: Sequence[Record], head: Sequence[Record], found: Finding | None) -> str:
    if found is None:
        return NOT_MEASURED
    sides = [[accuracy for record in records for accuracy in record.test_accuracies] for records in (base, head)]
    means = " → ".join(format_accuracy(statistics.fmean(side)) if side else NOT_MEASURED for side in sides)
    return means if found.low is None else f"{means} ({found.low:+.4f} to {found.high:+.4f})"
