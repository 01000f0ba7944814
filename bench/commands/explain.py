"""`python -m bench explain BASE HEAD`: where a change lies, and what gives it back.

A trial of both environments; then, of the cases that have changed, trials of the second environment with one thing
swapped at a time: what it names otherwise, a package for the version that the first has, or a flag. Then what changed
is profiled on both sides, in rounds of their own, and shown by scripts without densebench.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from bench.commands.arguments import duel_device
from bench.commands.judging import Wanted, add_trial_options, make_trial, measure, roles_of
from bench.commands.own_models import add_model_options, named_models
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.files import short, write_changed
from bench.progress import Progress
from bench.records.explanations import FOLDER, changed
from bench.records.record import RunReader
from bench.records.trials import BASE, HEAD, OVERALL, TYPICAL
from bench.report.flames import write_flames
from bench.report.own_pages import refresh_pages
from bench.report.pages.explanation import explanation_page
from bench.stats.simultaneous import FASTER, SLOWER
from bench.trials.candidates import release_word
from bench.trials.cases import select_cases
from bench.trials.environments import find_environment
from bench.trials.explaining.profiling import profile_cases
from bench.trials.explaining.standalone import file_name, run_scripts
from bench.trials.explaining.swaps import Swap, possible_swaps, usable
from bench.trials.plans import choose_python
from bench.trials.processes import start_alone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.records.cases import Case
    from bench.records.trials import StoredTrial
    from bench.trials.trial import Trial

SWAPS = ("all", "named", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("base", metavar="BASE", help="before the change: 2.17, or as a duel's")
    parser.add_argument("head", metavar="HEAD", help="after it: 2.18, or requirements, which can be swapped one by one")
    parser.add_argument(
        "--swap", action="append", default=[], metavar="PART", help="also this: numpy==2.1.0, NAME=VALUE"
    )
    swaps = "all; named (what BASE and HEAD name otherwise, and --swap) or none, to profile alone (default: all)"
    parser.add_argument("--swaps", choices=SWAPS, default=SWAPS[0], help=swaps)
    add_trial_options(parser, cases="those of deep_mlp", budget="15m")
    add_model_options(parser.add_argument)


def run(arguments: argparse.Namespace) -> int:
    """Measure, save after each round, and print what carries the change.

    Returns:
        `ALARM` where something got worse; else `FAILED` where the run could not be stored in its place; `FINE`
        otherwise.

    Raises:
        DensebenchError: an option is wrong, or an environment or the data cannot be had.
    """
    progress = Progress(sys.stdout)
    models, data = named_models(arguments)
    ends = [release_word(word) for word in (arguments.base, arguments.head)]
    if ends[0] == ends[1]:
        raise DensebenchError(f"{ends[0]!r} and {ends[1]!r} are the same environment.")
    cases = select_cases(arguments.cases, duel_device(arguments.device).threads, models)
    swaps = _swaps(arguments, ends, cases, progress) if arguments.swaps != "none" else []
    roles = roles_of(1 + len(swaps))
    words = {BASE: ends[0], **dict(zip(roles, [ends[1], *(swap.word for swap in swaps)], strict=True))}
    later = {(HEAD, role): swap for role, swap in zip(roles[1:], swaps, strict=True)}
    trial = make_trial(arguments, Wanted(words=words, pairs=[(BASE, HEAD), *later], models=models, data=data), progress)
    trial.findings = (TYPICAL, OVERALL)
    trial.waiting = {pair: [case.name for case in trial.cases if swap.may_change(case)] for pair, swap in later.items()}
    found = measure(
        trial,
        progress,
        results=arguments.results,
        folder=FOLDER,
        what="explain",
        go_on="begins anew",
        after=lambda: look_into(trial, progress),
    )
    if found is None:
        return FAILED
    progress.done(f"\n{explanation_page(found.stored)}")
    written = [
        *write_flames(arguments.results, [found.stored]),
        *write_changed(arguments.results / "tables", _scripts(found.stored)),
    ]
    written += refresh_pages(arguments.results, "explanations", RunReader()) if found.saved else []
    progress.done("\n  ".join(["Wrote:", short(found.path), *written]))
    if any(row.effect.word == "slower" for row in changed(found.stored)):
        return ALARM
    return FINE if found.saved else FAILED


def _swaps(arguments: argparse.Namespace, ends: Sequence[str], cases: Sequence[Case], progress: Progress) -> list[Swap]:
    """What can be swapped and runs; nothing, with the reason told, where the second environment cannot be taken apart.

    Raises:
        DensebenchError: an environment cannot be had, or a swap that the user names cannot be put in.
    """
    pythons = choose_python(ends)
    base, head = (find_environment(word, python=pythons.get(word)) for word in ends)
    try:
        wanted = possible_swaps(base, head, cases, arguments.swap, named=arguments.swaps == "named")
    except DensebenchError as error:
        if arguments.swap:
            raise
        progress.done(f"nothing is swapped: {error}")
        return []
    return list(usable(wanted, pythons.get(ends[1]), progress.done))


def look_into(trial: Trial, progress: Progress) -> None:
    """Profile what changed, in rounds of their own, in which nothing is judged, and show it by scripts."""
    rows = [row for row in trial.rows() if (row.against, row.environment) == (BASE, HEAD)]
    names = {row.case for row in rows if row.effect.word in {SLOWER, FASTER} and row.measure in {"step", "call"}}
    cases = [case for case in trial.cases if case.name in names]
    if not cases:
        return
    trial.open_cases = cases
    progress.update(f"profiling {', '.join(sorted(names))}")
    trial.profiles = profile_cases(trial, cases, partial(start_alone, trial))
    progress.update(f"scripts that show {', '.join(sorted(names))}")
    try:
        trial.scripts = run_scripts(trial, cases)
    except DensebenchError as error:
        progress.done(f"no script: {error}")


def _scripts(trial: StoredTrial) -> dict[str, bytes]:
    """The files that show without densebench what changed."""
    return {file_name(script.case): script.text.encode() for script in trial.run.metadata.scripts}
