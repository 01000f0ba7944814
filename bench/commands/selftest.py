"""`python -m bench selftest`: how often trials are wrong on this machine, and what they and other rules catch."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from bench.commands.arguments import duel_device, duration_s, part_of
from bench.commands.cluster import add_cluster_options, elsewhere
from bench.commands.judging import Wanted, add_trial_options, make_trial, measure, parse_margins, roles_of
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.files import public_word
from bench.formats import format_counted, format_duration
from bench.host.node import node_identity
from bench.progress import Progress
from bench.records.cases import INJECT
from bench.records.record import RunFileError, RunReader
from bench.records.selftests import FOLDER, alike, false_alarms, selftest_trial, to_go_on_with
from bench.records.trials import BASE, CONTROL, StoredTrial
from bench.report.own_pages import refresh_pages
from bench.report.pages.selftest import selftest_page
from bench.report.pages.trials import counts
from bench.stats.simultaneous import ALARM_ERROR
from bench.trials.cases import select_cases
from bench.trials.injections import parse_injection

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from bench.trials.trial import Trial

CASES = "train[deep_mlp,trainer=*],call[deep_mlp,batch=1],infer[deep_mlp,batch=1,threads=1]"
INJECTIONS = ("slow:5%",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("base", nargs="?", default=sys.executable, help="as a duel's BASE (default: this Python)")
    injections = "into a head each: slow:5%%, stall:20%%, tail:20%%, labels:50%% (default: slow:5%%)"
    parser.add_argument("--inject", dest="injections", nargs="+", default=list(INJECTIONS), help=injections)
    parser.add_argument("--trials", type=int, default=20, help="in all (default: %(default)s)")
    parser.add_argument("--total", default="20m", help="of all; --resume goes on later (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the newest self-test of these options")
    add_trial_options(parser, cases="trainings, calls and one image in ONNX Runtime, of deep_mlp", budget="5m")
    add_cluster_options(parser, simulate=True)


def run(arguments: argparse.Namespace) -> int:
    """Measure trials, store each, and print the page.

    Returns:
        `ALARM` where the false alarms are too many for the promise of at most 1 in 100 to be true; else `FAILED` where
        a trial could not be stored in its place, and `FINE` otherwise.

    Raises:
        DensebenchError: an option is wrong, or the environment or the data cannot be had.
    """
    progress, start_s = Progress(sys.stdout), time.monotonic()
    budget_s, total_s = duration_s(arguments.budget, "--budget"), duration_s(arguments.total, "--total")
    if arguments.trials < 1 or total_s < budget_s:
        raise DensebenchError(f"--trials {arguments.trials} and --total {arguments.total} leave no time for one trial.")
    if (status := elsewhere(arguments, "selftest")) is not None:
        return status
    series, done, saved = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}", 0, True
    if part := part_of(arguments):
        series, done = part
        arguments.trials = done + 1
    if arguments.resume:
        before = to_go_on_with(_read(arguments.results), _settings(arguments, budget_s))
        series, done = before[0].options.series, before[-1].options.number + 1
    while done < arguments.trials and time.monotonic() - start_s + budget_s <= total_s:
        trial = _next_trial(arguments, series, done, progress)
        found = measure(
            trial, progress, results=arguments.results, folder=FOLDER, what="selftest", go_on="goes on with --resume"
        )
        done, saved = done + 1, saved and found is not None and found.saved
        if found:
            spent = format_duration(time.monotonic() - start_s)
            progress.done(f"[{done} of {arguments.trials}, {spent}] {_words(found.stored)}")
    left = arguments.trials - done
    progress.done(f"{format_counted(left, 'trial')} left; --resume goes on." if left else "All trials are done.")
    known = alike(_read(arguments.results))
    if not known:
        return FAILED
    progress.done(f"\n{selftest_page(known)}")
    progress.done("\n  ".join(["Wrote:", *refresh_pages(arguments.results, "selftest", RunReader())]))
    if false_alarms(known).interval()[0] > ALARM_ERROR:
        return ALARM
    return FINE if saved else FAILED


def _next_trial(arguments: argparse.Namespace, series: str, number: int, progress: Progress) -> Trial:
    """A trial of the base against itself: a head per injection, and the control."""
    injections, hosts = _heads(arguments.injections), _hosts(arguments.injections)
    wanted = Wanted(
        words={BASE: arguments.base}
        | {role: f"{arguments.base} {INJECT}={injection}" for role, injection in injections.items()},
        control=True,
        pairs=[(CONTROL if hosts.get(role) == BASE else BASE, role) for role in injections],
        hosts=hosts,
        cases=CASES,
    )
    trial = make_trial(arguments, wanted, progress)
    trial.series, trial.number = series, number
    if arguments.seed is not None:
        trial.seed = arguments.seed + number
    return trial


def _heads(injections: Sequence[str]) -> dict[str, str]:
    """Role to injection."""
    return dict(zip(roles_of(len(injections)), injections, strict=True))


def _hosts(injections: Sequence[str]) -> dict[str, str]:
    """The role of each head that only slows to the one in whose processes it takes its turns.

    These are the control and the base by turns, and it is judged against the other one: between two processes as ever,
    of which so only two have to be prepared, and both of which work alike.
    """
    slowed = [role for role, injection in _heads(injections).items() if parse_injection(injection).only_slows]
    return {role: (BASE if place % 2 else CONTROL) for place, role in enumerate(slowed)}


def _settings(arguments: argparse.Namespace, budget_s: float) -> dict[str, object]:
    """What a stored self-test has to share with this one."""
    device = duel_device(arguments.device)
    return {
        "environment": public_word(arguments.base),
        "cases": sorted(case.name for case in select_cases(arguments.cases or CASES, device.threads)),
        "injections": arguments.injections,
        "processes": _hosts(arguments.injections),
        "budget_s": budget_s,
        "margins": parse_margins(arguments.margin),
        "device": device.name,
        "dataset": arguments.dataset,
        "machine": node_identity(),
    }


def _read(results: Path) -> list[StoredTrial]:
    """Every stored trial of a self-test that can be read."""
    trials = []
    for one in RunReader().read_folder(results, FOLDER)[0]:
        try:
            trials.append(selftest_trial(one))
        except RunFileError:
            continue
    return trials


def _words(trial: StoredTrial) -> str:
    """What a trial found, for people."""
    told = []
    for pair in trial.pairs:
        number = counts(trial.rows_of(pair))
        what = "control" if pair[1] == CONTROL else trial.environment(pair[1]).variables[INJECT]
        told.append(f"{what}: {number['worse']} worse, {number['better']} better, {number['cannot tell']} open")
    return "; ".join(told)
