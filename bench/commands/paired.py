"""Options of the commands that still compare two environments case by case: `bisect` and `selftest`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.commands.arguments import add_common, names, share
from bench.errors import ALARM, FAILED, FINE, UNTOLD
from bench.records.duels import Margins
from bench.records.run_file import DEFAULT_RESULTS
from bench.report.pages.duel_table import VERDICTS
from bench.stats.verdicts import CANNOT_TELL
from bench.trials.duels.arena import SIDE_TIMEOUT_S
from bench.trials.duels.cases import DEFAULT_CASES

DEFAULT_FAIL_ON = "slower,worse,missing"
MEMORY_BYTES = 2_500_000_000
"""Of both sides at the same time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("base", metavar="BASE", help="tox environment, requirement, or path to a Python interpreter")
    parser.add_argument("head", metavar="HEAD", help="likewise; the one that is judged")
    parser.add_argument("--cases", help=f"names or patterns with commas between (default: {', '.join(DEFAULT_CASES)})")
    parser.add_argument("--budget", default="5m", help="90s, 3m30s or 1h (default: 5m); a settled duel ends sooner")
    parser.add_argument("--fail-on", default=DEFAULT_FAIL_ON, help=f"what exits with 1 (default: {DEFAULT_FAIL_ON})")
    parser.add_argument("--seed", type=int, help="of trainings and orders (default: drawn, and recorded)")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on with the duel of this run file")
    add_duel_arguments(parser)
    parser.add_argument("--inject", "--plant", dest="injection", help=argparse.SUPPRESS)  # HEAD made worse


def add_duel_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that all commands with duels share."""
    parser.add_argument("--margin", default="3%", help="what still counts as the same time (default: 3%%)")
    parser.add_argument("--accuracy-margin", default="1%", help="likewise in points of accuracy (default: 1%%)")
    add_common(parser, "device", "dataset", "data-dir")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")
    parser.add_argument("--time-limit", default=f"{SIDE_TIMEOUT_S:.0f}s", help="after which a silent side is ended")


def parse_margins(arguments: argparse.Namespace) -> Margins:
    """The margins that the user asked for. Raises DensebenchError."""
    return Margins(share(arguments.margin, "--margin"), share(arguments.accuracy_margin, "--accuracy-margin"))


def parse_fail_on(text: str, known: Sequence[str] = VERDICTS) -> list[str]:
    """The verdicts that the user wants to fail on; none of them for an empty text. Raises DensebenchError."""
    return names(text, known, "verdict") if text else []


FAILURE = "failed"
NO_VERDICT = (CANNOT_TELL, "missing", "new", "not comparable")


def exit_status(words: Sequence[str], fail_on: Sequence[str]) -> int:
    """`ALARM` where a word of `fail_on` was found; else `FAILED` or `UNTOLD` where there is such a word."""
    if any(word in fail_on for word in words):
        return ALARM
    if FAILURE in words:
        return FAILED
    return UNTOLD if any(word in NO_VERDICT for word in words) else FINE
