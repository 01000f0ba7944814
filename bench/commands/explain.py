"""`python -m bench explain BASE HEAD`: where a change lies, and what gives it back.

A trial of both environments and of the second one with one thing swapped at a time: a package for the version that the
first has, or a flag. Then what changed is profiled on both sides, in rounds of their own.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING

from bench.commands.judging import Wanted, add_trial_options, make_trial, measure, roles_of
from bench.commands.own_models import add_model_options, named_models
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.files import short, write_atomically
from bench.progress import Progress
from bench.records.explanations import FOLDER, changed, profiled
from bench.records.record import RunReader
from bench.records.trials import BASE, HEAD
from bench.report.flame import flame_svg
from bench.report.own_pages import refresh_pages
from bench.report.pages.explanation import explanation_page
from bench.stats.simultaneous import FASTER, SLOWER
from bench.trials.candidates import release_word
from bench.trials.engine import start_profiled
from bench.trials.environments import choose_python, find_environment, find_program
from bench.trials.profiling import profile_cases, profiler_folder
from bench.trials.swaps import possible_swaps, usable

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from bench.records.trials import StoredTrial
    from bench.trials.trial import Trial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("base", metavar="BASE", help="before the change: 2.17, or as a duel's")
    parser.add_argument("head", metavar="HEAD", help="after it: 2.18, or requirements, which can be swapped one by one")
    parser.add_argument(
        "--swap", action="append", default=[], metavar="PART", help="also this: numpy==2.1.0, NAME=VALUE"
    )
    add_trial_options(parser, cases="those of deep_mlp", budget="15m")
    add_model_options(parser.add_argument)


def run(arguments: argparse.Namespace) -> int:
    """Measure, save after each round, and print what carries the change.

    Returns:
        `ALARM` where something got worse; else `FAILED` where the run could not be stored in its place; `FINE`
        otherwise.

    Raises:
        DensebenchError: an option is wrong, an environment or the data cannot be had, or nothing can be swapped.
    """
    progress = Progress(sys.stdout)
    models, data = named_models(arguments)
    ends = [release_word(word) for word in (arguments.base, arguments.head)]
    if ends[0] == ends[1]:
        raise DensebenchError(f"{ends[0]!r} and {ends[1]!r} are the same environment.")
    pythons = choose_python(ends)
    base, head = (find_environment(word, python=pythons.get(word)) for word in ends)
    wanted = possible_swaps(base, head, arguments.swap)
    swaps = list(usable(wanted, pythons.get(ends[1]), progress.done))
    if not swaps:
        raise DensebenchError(f"{ends[1]!r}: nothing can be swapped in it. --swap names something to try.")
    roles = roles_of(1 + len(swaps))
    words = {BASE: ends[0], **dict(zip(roles, [ends[1], *(swap.word for swap in swaps)], strict=True))}
    pairs = [(BASE, HEAD), *((HEAD, role) for role in roles[1:])]
    trial = make_trial(arguments, Wanted(words=words, pairs=pairs, models=models, data=data), progress)
    found = measure(
        trial,
        progress,
        results=arguments.results,
        folder=FOLDER,
        what="explain",
        go_on="begins anew",
        after=lambda: profile_changed(trial, progress),
    )
    if found is None:
        return FAILED
    progress.done(f"\n{explanation_page(found.stored)}")
    written = write_flames(arguments.results, found.stored)
    written += refresh_pages(arguments.results, "explanations", RunReader()) if found.saved else []
    progress.done("\n  ".join(["Wrote:", short(found.path), *written]))
    if any(row.effect.word == "slower" for row in changed(found.stored)):
        return ALARM
    return FINE if found.saved else FAILED


def profile_changed(trial: Trial, progress: Progress) -> None:
    """Profile what changed, in rounds of their own, in which nothing is judged."""
    rows = [row for row in trial.rows() if (row.against, row.environment) == (BASE, HEAD)]
    names = {row.case for row in rows if row.effect.word in {SLOWER, FASTER} and row.measure in {"step", "call"}}
    cases = [case for case in trial.cases if case.name in names]
    if not cases:
        return
    trial.open_cases = cases
    uv = find_program("uv")
    versions = {role: ".".join(trial.surveyed[role].python.split(".")[:2]) for role in (BASE, HEAD)}
    try:
        folders = {role: profiler_folder(version, uv) for role, version in versions.items()}
    except DensebenchError as error:
        progress.done(f"not profiled: {error}")
        return
    progress.update(f"profiling {', '.join(sorted(names))}")
    trial.profiles = profile_cases(trial, cases, partial(start_profiled, trial), folders)


def write_flames(results: Path, trial: StoredTrial) -> list[str]:
    """Write a differential flame graph of each case that was profiled; the lines that say so."""
    written = []
    for name, (base, head) in profiled(trial).items():
        slug = re.sub(r"[^\w]+", "-", name).strip("-")
        path = results / "tables" / f"flame-{slug}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        title = f"{name}: {trial.environment(BASE).word} to {trial.environment(HEAD).word}"
        write_atomically(path, flame_svg(base.stacks_s, head.stacks_s, title).encode())
        written.append(short(path))
    return written
