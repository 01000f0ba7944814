"""`python -m bench duel BASE HEAD [HEAD...]`: may I upgrade? Environments against each other, in interleaved rounds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.ci import add_ci_options, tell_ci
from bench.commands.cluster import add_cluster_options, elsewhere
from bench.commands.judging import (
    Measured,
    Wanted,
    add_trial_options,
    exit_status,
    make_trial,
    measure,
    read_trial,
    roles_of,
)
from bench.commands.own_models import add_model_options, named_models
from bench.errors import ALARM, FAILED
from bench.files import short
from bench.progress import Progress
from bench.records.record import RunReader
from bench.records.trials import BASE, CONTROL, FOLDER
from bench.report.own_pages import refresh_pages
from bench.report.pages.trials import trial_page

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    what = "'tensorflow==2.20.0', 'tf-nightly', 'tensorflow==2.21 TF_ENABLE_ONEDNN_OPTS=0', a lock file, a tox "
    what += "environment, or the path of an interpreter"
    parser.add_argument("base", metavar="BASE", help=f"what you have: {what}")
    parser.add_argument("heads", metavar="HEAD", nargs="+", help="what you may upgrade to; any number")
    add_trial_options(parser, cases="those of deep_mlp", budget="8m")
    add_model_options(parser.add_argument)
    add_ci_options(parser)
    parser.add_argument("--control", action="store_true", help="measure BASE a second time, from a copy of its own")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="add rounds to the duel of this run file")
    add_cluster_options(parser, simulate=True)


def run(arguments: argparse.Namespace) -> int:
    """Measure, save after each round, and print the answer.

    Returns:
        `ALARM` where something got worse; else `FAILED` where an environment could not be measured to the end or the
        run could not be stored in its place; `UNTOLD` where a finding on steps or calls is open; `FINE` otherwise.

    Raises:
        DensebenchError: an option is wrong, an environment or the data cannot be had, an environment is not what it
            was asked to be, or another measurement runs on this machine.
    """
    if (status := elsewhere(arguments, "duel")) is not None:
        return status
    progress = Progress(sys.stdout)
    before = read_trial(arguments.resume) if arguments.resume else None
    words = dict(zip([BASE, *roles_of(len(arguments.heads))], [arguments.base, *arguments.heads], strict=True))
    models, data = named_models(arguments)
    wanted = Wanted(words=words, control=arguments.control, before=before, models=models, data=data)
    trial = make_trial(arguments, wanted, progress)
    found = measure(trial, progress, results=arguments.results, folder=FOLDER, what="duel", resume=arguments.resume)
    return _tell(found, arguments, progress) if found else FAILED


def _tell(found: Measured, arguments: argparse.Namespace, progress: Progress) -> int:
    """Print the answer and write the page; the exit status."""
    progress.done(f"\n{trial_page(found.stored)}")
    judged = [pair for pair in found.stored.pairs if pair[1] != CONTROL]
    written = [short(found.path), *(refresh_pages(arguments.results, "trials", RunReader()) if found.saved else [])]
    written += tell_ci(arguments, found.stored, judged, progress)
    progress.done("\n  ".join(["Wrote:", *written]))
    status = exit_status(found.stored, judged)
    return status if found.saved or status == ALARM else FAILED
