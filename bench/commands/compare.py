"""`python -m bench compare A B`: stored runs of two sides beside each other, without a verdict."""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from bench.commands.paired import exit_status, parse_fail_on
from bench.errors import DensebenchError
from bench.formats import NOT_MEASURED, format_accuracy, format_duration
from bench.records.comparison import SEVERAL, obstacle, pair_cases, time_apart
from bench.records.record import Run, RunFileError, read_run
from bench.records.schema import TrainRecord
from bench.report.markdown import escape
from bench.report.pages.duel_table import packages_table
from bench.stats.verdicts import INTERVAL_ERROR

if TYPE_CHECKING:
    from bench.records.comparison import Pair
    from bench.records.schema import Record

HEADERS = ("Case", "BASE", "HEAD", "HEAD / BASE", "Accuracy BASE → HEAD", "Runs", "")
TEXT = ("Case", "")
WORDS = ("missing", "new", "failed", "not comparable")
"""What a case can be called that cannot be set side by side."""
DEFAULT_FAIL_ON = "missing,failed"
SAME_IN_ALL: dict[str, Callable[[Run], Any]] = {
    "machine": lambda run: run.machine.name,
    "data set": lambda run: run.dataset,
    "device": lambda run: run.device,
    "--quick": lambda run: run.quick,
}
"""What runs must have in common, or they are not compared at all."""

NO_VERDICT = (
    "**No verdict: these runs were not measured in turns, and runs of the very same packages differ from one hour to "
    "the next, too. `python -m bench duel` tells whether anything changed.** The 95 % interval of a ratio stands "
    "beside it where each side has several runs; it holds their spread, not what else changed between them."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("base", type=Path, metavar="A", help="a run file, or a folder of several runs of one side")
    parser.add_argument("head", type=Path, metavar="B", help="likewise of the other side")
    parser.add_argument(
        "--fail-on",
        default=DEFAULT_FAIL_ON,
        metavar="WORDS",
        help=f"what exits with 1, of: {', '.join(WORDS)} (default: {DEFAULT_FAIL_ON})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the runs side by side; the exit status that cases call for which one side lacks.

    Raises:
        DensebenchError: an option is wrong, a file cannot be read, or the runs have nothing to be compared by.
    """
    fail_on = parse_fail_on(arguments.fail_on, WORDS)
    base, head = read_side(arguments.base), read_side(arguments.head)
    check_comparable(base, head)
    pairs = pair_cases(base, head)
    sys.stdout.write(f"{comparison_page(base, head, pairs)}\n")
    return exit_status([word for pair in pairs.values() if (word := obstacle(pair)[0])], fail_on)


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


def comparison_page(base: Sequence[Run], head: Sequence[Run], pairs: Mapping[str, Pair]) -> str:
    """The table, what must be known before believing it, and the packages that differ, as Markdown."""
    rows = [[escape(cell) for cell in _cells(case, pair)] for case, pair in pairs.items()]
    align = ["left" if header in TEXT else "right" for header in HEADERS]
    table = tabulate(rows, HEADERS, tablefmt="pipe", colalign=align if rows else None, disable_numparse=True)
    packages = {"packages_by_side": {"BASE": base[-1].packages, "HEAD": head[-1].packages}}
    files = "; ".join(
        f"{side} {', '.join(run.file for run in runs)}" for side, runs in (("BASE", base), ("HEAD", head))
    )
    return "\n\n".join(
        part for part in [*notices(base, head, pairs), table, packages_table(packages), escape(files)] if part
    )


def notices(base: Sequence[Run], head: Sequence[Run], pairs: Mapping[str, Pair]) -> list[str]:
    """Warnings above the table."""
    lines = [NO_VERDICT]
    if any(run.quick for run in (*base, *head)):
        lines.append("**Quick runs: their figures say nothing about the models.**")
    for case, pair in pairs.items():
        word, reason = obstacle(pair)
        lines += [f"**{word.upper()}: {case}: {reason}**"] if word else []
    return [escape(line) for line in lines]


def _cells(case: str, pair: Pair) -> list[str]:
    word, runs = obstacle(pair)[0], f"{len(pair[0])}, {len(pair[1])}"
    if word:
        return [case, *[NOT_MEASURED] * 4, runs, word]
    medians = [format_duration(statistics.median(record.median_s for record in records)) for records in pair]
    return [case, *medians, _ratio(pair), _accuracies(pair), runs, ""]


def _ratio(pair: Pair) -> str:
    """HEAD's median over BASE's, with the interval of several runs where each side has them."""
    found = time_apart(pair)
    if min(map(len, pair)) < SEVERAL:
        return f"{math.exp(found.value):.3f}"
    low, high = found.interval(INTERVAL_ERROR)
    return f"{math.exp(found.value):.3f} ({math.exp(low):.3f}–{math.exp(high):.3f})"


def _accuracies(pair: Pair) -> str:
    if pair[0][0].stage != "train":
        return NOT_MEASURED
    return " → ".join(_mean_accuracy(records) for records in pair)


def _mean_accuracy(records: Sequence[Record]) -> str:
    accuracies = [
        accuracy for record in records if isinstance(record, TrainRecord) for accuracy in record.test_accuracies
    ]
    return format_accuracy(statistics.fmean(accuracies)) if accuracies else NOT_MEASURED
