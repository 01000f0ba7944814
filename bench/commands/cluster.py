"""Commands on other machines: the options, the plan of a command, and what is made of what came back."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cluster.driver import Driver
from bench.cluster.engines import HERE, WORDS, open_engine
from bench.cluster.node import TASK
from bench.cluster.plan import PLAN, PLANS, Common, Plan, Store, blocks, copies, trials
from bench.commands.arguments import command_line, duration_s
from bench.commands.judging import exit_status
from bench.errors import GRAVEST_FIRST, UNTOLD, DensebenchError
from bench.files import short, write_atomically
from bench.formats import format_counted
from bench.host.metadata import current_commit
from bench.progress import Progress, kept_on_interrupt
from bench.records.nodes import join_rounds
from bench.records.record import RunFileError, RunReader
from bench.records.releases import FOLDER as RELEASES
from bench.records.releases import ReleaseTrials, steps
from bench.records.run_file import encode_run
from bench.records.trials import StoredTrial, trial_of
from bench.report.own_pages import refresh_pages
from bench.report.pages.nodes import nodes_page
from bench.report.pages.releases import releases_page

if TYPE_CHECKING:
    from bench.cluster.tasks import Answer, Done, NodeFacts, RunFile, Task

SIMULATED = "simulated"
"""Folder of run files in which nothing was measured, which no page reads."""
ROUNDS, QUICK_ROUNDS = 16, 8
"""Of `releases`, for each machine that was asked for: a machine's own verdicts need that many."""
NEWEST = "newest"
KINDS = {
    "duel": "trials",
    "releases": "releases",
    "selftest": "selftest",
    "bisect": "bisections",
    "devices": "devices",
    "reproduce": "reproduction",
}
"""Command to the kind of its pages."""
INSTALL_S = 3600.0
"""What a machine may take until its environments are there."""
SAFE = re.compile(r"\w[\w.-]*")
"""A name that a machine may give to a folder or a file."""


def add_cluster_options(parser: argparse.ArgumentParser, *, resume: bool = False, simulate: bool = False) -> None:
    """The options of commands that other machines can run.

    Args:
        parser: gets them.
        resume: whether it gets `--resume` as well, since the command has none of its own.
        simulate: whether it can do without measuring.
    """
    parser.add_argument("--on", default=HERE, metavar="PLACE", help=f"{WORDS} (default: here)")
    parser.add_argument(
        "--nodes", type=int, metavar="N", help="machines at most; a duel is measured on each of so many"
    )
    parser.add_argument(
        "--kind", default="", metavar="TEXT", help="only machines whose kind (`doctor --on`) has this in it"
    )
    parser.add_argument("--retries", type=int, default=2, help="of a task that is lost (default: %(default)s)")
    if simulate:
        told = "measure nothing, so that one machine can stand for several"
        parser.add_argument("--simulate", action="store_true", help=told)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    if resume:
        parser.add_argument("--resume", metavar="PLAN", help="go on with a plan of other machines")


def elsewhere(arguments: argparse.Namespace, command: str) -> int | None:
    """Run a command's tasks where `--on` says; its exit status, or ``None`` where this process is to do the work.

    Raises:
        DensebenchError: an option is wrong, the plan is another command's, or there is no such place.
    """
    simulated = getattr(arguments, "simulate", False)
    if TASK in os.environ or (arguments.on == HERE and not simulated):
        return None
    if (arguments.nodes is not None and arguments.nodes < 1) or arguments.retries < 0:
        raise DensebenchError(f"--nodes {arguments.nodes} --retries {arguments.retries}: 1 or more, and 0 or more.")
    progress = Progress(sys.stdout)
    resumed = bool(getattr(arguments, "resume", None))
    store, plan = (_resumed if resumed else _begun)(arguments, command)
    progress.done(
        f"{format_counted(len(plan.tasks), 'task')}, kept in {short(store.folder)}; --resume goes on with them"
    )

    def kept() -> str:
        done = sum(1 for _ in store.all_done(plan))
        return f"Kept: {done} of {len(plan.tasks)} tasks; the same command goes on with `--resume {store.folder}`."

    engine = open_engine(arguments.on)
    with closing(engine), kept_on_interrupt(progress, kept):
        driver = Driver(
            engine,
            progress.done,
            retries=arguments.retries,
            kind=arguments.kind,
            most=arguments.nodes,
            simulated=simulated,
            fault=lambda task, answer: _fault(store, task, answer),
        )
        lost = driver.run(plan, store, resumed=resumed)
    progress.done(f"the machines were without a task of this for {driver.idle:.0%} of the time")
    return _finish(plan, store, lost, arguments, progress)


def nodes_of(place: str) -> Mapping[str, NodeFacts]:
    """What each machine of a place says of itself. Raises DensebenchError."""
    with closing(open_engine(place)) as engine:
        driver = Driver(engine, lambda _line: None, only_looks=True)
        driver.look_at_all()
        return driver.facts


def _begun(arguments: argparse.Namespace, command: str) -> tuple[Store, Plan]:
    """A new plan, written before anything is handed out."""
    words = tuple(word for word in shlex.split(command_line(arguments))[3:] if not word.startswith("--resume"))
    if more := getattr(arguments, "options", None):  # of the suite, behind two dashes
        words = (*words[: -len(more)], "--", *more)
    seed = getattr(arguments, "seed", None)
    seed = secrets.randbelow(2**16) if seed is None else seed
    budget_s = duration_s(arguments.budget, "--budget") if hasattr(arguments, "budget") else 4 * INSTALL_S
    commit = current_commit()
    simulated = getattr(arguments, "simulate", False)
    common = Common(words=words, commit=commit, limit_s=budget_s + INSTALL_S, simulated=simulated)
    now = datetime.now(timezone.utc)
    if command == "releases":
        rounds = (QUICK_ROUNDS if arguments.quick else ROUNDS) * (arguments.nodes or 1)
        tasks = blocks(common, rounds=rounds, seed=seed)
    elif command == "selftest":
        tasks = trials(common, count=arguments.trials, seed=seed, series=f"{now:%Y%m%dT%H%M%SZ}")
    else:
        own_seed = seed if hasattr(arguments, "seed") else None
        tasks = copies(common, count=arguments.nodes or 1, seed=own_seed)
    plan = Plan(command=command, words=words, seed=seed, commit=commit, tasks=tuple(tasks))
    store = Store(arguments.results / PLANS / f"{now:%Y%m%dT%H%M%SZ}-{plan.digest}")
    store.begin(plan)
    return store, plan


def _resumed(arguments: argparse.Namespace, command: str) -> tuple[Store, Plan]:
    """A plan that is gone on with: the one that was named, or the newest of this command."""
    named = None if arguments.resume in {True, NEWEST} else arguments.resume
    folders = [Path(named)] if named else sorted((arguments.results / PLANS).glob(f"*/{PLAN}"), reverse=True)
    for folder in folders:
        store = Store(folder if named else folder.parent)
        plan = store.plan()
        if plan.command == command:
            return store, plan
        if named:
            raise DensebenchError(f"--resume {named} is a plan of `{plan.command}`, not of `{command}`.")
    raise DensebenchError(f"--resume: no plan of `{command}` is stored in {arguments.results / PLANS}.")


def _finish(
    plan: Plan, store: Store, lost: Mapping[Task, str], arguments: argparse.Namespace, progress: Progress
) -> int:
    """Store the run files of a plan, and tell what they say; the exit status."""
    done = list(store.all_done(plan))
    for task, why in lost.items():
        progress.done(f"task {task.number} was not measured: {why}")
    if not done:
        return UNTOLD
    if plan.command == "releases":
        return _gravest(_tell_releases(plan, store, done, arguments, progress), untold=bool(lost))
    written = []
    for task, each in done:
        written += [_save(file, each.answer.facts, plan, arguments.results) for file in each.answer.files]
        nodes = f" on {each.answer.facts.node} ({each.answer.facts.kind})" if len(done) > 1 else ""
        text = each.answer.output.partition("\nWrote:")[0].rstrip()
        progress.done(f"\ntask {task.number}{nodes}, attempt {each.attempt}:\n{text}")
    if plan.command == "duel" and len(done) > 1:
        progress.done(f"\n{nodes_page([_trial(path) for path in written])}")
    _tell_written(written, plan, arguments, progress)
    return _gravest([each.answer.status for _, each in done], untold=bool(lost))


def _tell_releases(
    plan: Plan,
    store: Store,
    done: Sequence[tuple[Task, Done]],
    arguments: argparse.Namespace,
    progress: Progress,
) -> list[int]:
    """Put the rounds of each machine together, and tell each machine's releases; an exit status for each."""
    by_node: dict[str, list[tuple[StoredTrial, NodeFacts]]] = {}
    for task, each in done:
        for file in each.answer.files:
            trial = _trial(_beside(store, task, file))
            by_node.setdefault(each.answer.facts.node, []).append((trial, each.answer.facts))
    written, wholes = [], []
    for parts in by_node.values():
        whole = join_rounds([trial for trial, _ in parts])
        path = _path(parts[0][0].run.file, parts[0][1].kind, RELEASES, plan, arguments.results)
        write_atomically(path, encode_run(whole.run.metadata, whole.run.records))
        written.append(path)
        wholes.append(_trial(path))
    for node, whole in zip(by_node, wholes, strict=True):
        progress.done(f"\n{f'On {node}:' if len(wholes) > 1 else ''}\n{releases_page(ReleaseTrials(whole))}")
    if len(wholes) > 1:
        progress.done(f"\n{nodes_page(wholes)}")
    _tell_written(written, plan, arguments, progress)
    return [exit_status(whole, steps(whole)) for whole in wholes]


def _tell_written(written: Sequence[Path], plan: Plan, arguments: argparse.Namespace, progress: Progress) -> None:
    """Make the pages anew, unless nothing was measured, and say what was written."""
    lines = [short(path) for path in written]
    if not any(task.simulated for task in plan.tasks):
        lines += refresh_pages(arguments.results, KINDS[plan.command], RunReader())
    progress.done("\n  ".join(["Wrote:", *lines]))


def _fault(store: Store, task: Task, answer: Answer) -> str:
    """What is wrong with the run files of an answer: they are checked against the schema when they come."""
    for file in answer.files:
        try:
            RunReader().read(_beside(store, task, file))
        except (DensebenchError, RunFileError) as error:
            return f"it sent what is no run file: {error}"
    return ""


def _beside(store: Store, task: Task, file: RunFile) -> Path:
    """A run file of a task, written into the plan's folder."""
    path = store.folder / task.key / _safe(file.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, file.text.encode())
    return path


def _gravest(statuses: Sequence[int], *, untold: bool) -> int:
    found = {*statuses, *([UNTOLD] if untold else [])}
    return next((status for status in GRAVEST_FIRST if status in found), 0)


def _save(file: RunFile, facts: NodeFacts, plan: Plan, results: Path) -> Path:
    """Store a run file that a machine sent, which was checked when it came. Raises DensebenchError."""
    path = _path(file.name, facts.kind, file.folder, plan, results)
    write_atomically(path, file.text.encode())
    return path


def _path(name: str, kind: str, folder: str, plan: Plan, results: Path) -> Path:
    """Where a run file belongs; what was simulated lies apart."""
    inside = SIMULATED if any(task.simulated for task in plan.tasks) else folder
    path = results.joinpath("raw", _safe(kind), *([_safe(inside)] if inside not in {"", "."} else []), _safe(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _safe(name: str) -> str:
    """The name. Raises DensebenchError where it could lead elsewhere."""
    if not SAFE.fullmatch(name):
        raise DensebenchError(f"a machine calls a file or folder {name!r}, which is no name for one.")
    return name


def _trial(path: Path) -> StoredTrial:
    try:
        return trial_of(RunReader().read(path))
    except RunFileError as error:
        raise DensebenchError(f"a machine sent what is no trial: {error}") from None
