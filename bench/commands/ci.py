"""What commands write for a continuous integration: files that were asked for, and what GitHub's variables ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.files import short
from bench.report.ci import annotation_lines, comment, junit, summary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.progress import Progress
    from bench.records.trials import Pair, StoredTrial

STEP_SUMMARY, ON_GITHUB = "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"
"""Variables that GitHub sets: the file of a step's summary, and that it is GitHub."""


def add_ci_options(parser: argparse.ArgumentParser) -> None:
    """The options of what a continuous integration reads."""
    what = "write what changed as a comment of at most 15 lines; an empty file where nothing did"
    parser.add_argument("--comment", type=Path, metavar="FILE", help=what)
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the findings as JUnit XML")


def tell_ci(arguments: argparse.Namespace, trial: StoredTrial, pairs: Sequence[Pair], progress: Progress) -> list[str]:
    """Write what was asked for, and what GitHub's variables ask for; the paths that were written.

    Raises:
        DensebenchError: a file cannot be written; the run file is complete.
    """
    written = []
    for path, content in (
        (arguments.comment, comment(trial, pairs).encode()),
        (arguments.junit, junit(trial, pairs)),
    ):
        if path is not None:
            _write(path, content)
            written.append(short(path))
    add_to_summary(summary(trial))
    if os.environ.get(ON_GITHUB) == "true":
        for line in annotation_lines(trial, pairs):
            progress.done(line)
    return written


def add_to_summary(text: str) -> None:
    """Add Markdown to the summary of the step, where GitHub has one. Raises DensebenchError."""
    if path := os.environ.get(STEP_SUMMARY):
        _write(Path(path), f"{text.rstrip()}\n".encode(), mode="ab")


def _write(path: Path, content: bytes, mode: str = "wb") -> None:
    try:
        with path.open(mode) as file:
            file.write(content)
    except OSError as error:
        raise DensebenchError(f"{path} could not be written: {error.strerror or error}. The run file is.") from None
