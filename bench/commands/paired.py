"""Options and exit statuses of the commands that still compare case by case: `bisect`, `selftest` and `compare`."""

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

MEMORY_BYTES = 2_500_000_000
"""Of both sides at the same time."""


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
