"""`python -m bench duel BASE HEAD [HEAD...]`: may I upgrade? Environments against each other, in interleaved rounds."""

from __future__ import annotations

import argparse
import secrets
import sys
from datetime import datetime, timezone
from pathlib import Path

from bench.commands.arguments import add_common, command_line, duel_device, duration_s, share
from bench.data.datasets import load_dataset
from bench.errors import ALARM, FAILED, FINE, UNTOLD, DensebenchError
from bench.files import short
from bench.formats import format_counted
from bench.host.lock import measuring_alone
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.record import RunFileError, RunReader
from bench.records.run_file import DEFAULT_RESULTS, RunWriter, reserve_run_path
from bench.records.trials import BASE, CONTROL, FOLDER, HEAD, MARGINS, OVERALL, START, TYPICAL, StoredTrial, trial_of
from bench.report.own_pages import refresh_pages
from bench.report.pages.trials import counts, trial_page
from bench.stats.simultaneous import CANNOT_TELL
from bench.trials.cases import select_cases
from bench.trials.engine import run_trial
from bench.trials.environments import choose_python, find_environment, missing_environments
from bench.trials.trial import Trial

LARGEST_SEED = 2**31 - 1
MEMORY_BYTES = 1_100_000_000
"""Of each environment's process."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    what = "'tensorflow==2.20.0', 'tf-nightly', 'tensorflow==2.21 TF_ENABLE_ONEDNN_OPTS=0', a lock file, a tox "
    what += "environment, or the path of an interpreter"
    parser.add_argument("base", metavar="BASE", help=f"what you have: {what}")
    parser.add_argument("heads", metavar="HEAD", nargs="+", help="what you may upgrade to; any number")
    parser.add_argument("--cases", help="names or patterns with commas between (default: those of deep_mlp)")
    parser.add_argument("--budget", default="8m", help="90s, 3m30s or 1h (default: 8m); a settled duel ends sooner")
    parser.add_argument("--margin", help="what still counts as the same (default: typical 3%%, overall 5%%)")
    parser.add_argument("--control", action="store_true", help="measure BASE a second time, from a copy of its own")
    parser.add_argument("--seed", type=int, help="of models and orders (default: drawn, and recorded)")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="add rounds to the duel of this run file")
    add_common(parser, "dataset", "data-dir")
    parser.add_argument("--device", default="cpu:1", help="cpu:N (N threads) (default: cpu:1)")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")


def run(arguments: argparse.Namespace) -> int:
    """Measure, save after each round, and print the answer.

    Returns:
        `ALARM` where something got worse; else `FAILED` where an environment could not be measured to the end or the
        run could not be stored in its place; `UNTOLD` where a finding on steps or calls is open; `FINE` otherwise.

    Raises:
        DensebenchError: an option is wrong, an environment or the data cannot be had, an environment is not what it
            was asked to be, or another measurement runs on this machine.
    """
    progress, started_at = Progress(sys.stdout), datetime.now(timezone.utc)
    trial = make_trial(arguments, started_at, progress)
    label = f"{trial.dataset.name}-{trial.device.replace(':', '')}-duel"
    path = reserve_run_path(arguments.results, f"{machine_name()}/{FOLDER}", label, started_at)
    writer = RunWriter(arguments.resume.absolute() if arguments.resume else path, progress)
    progress.done(f"each finished round is saved to {short(writer.path)}; --resume adds rounds to it")

    def kept() -> str:
        if not trial.rounds:
            return "No round was complete, so nothing new is kept."
        done = format_counted(len(trial.rounds), "round")
        return f"Kept: {done} in {writer.path}; the same command goes on with `--resume {writer.path}`."

    with kept_on_interrupt(progress, kept), measuring_alone() as trial.lock:
        run_trial(trial, save=lambda: writer.save(trial.content(complete=False)), progress=progress)
    saved = writer.finish(trial.content(complete=True))
    if writer.error:
        return FAILED
    return _tell(arguments.results, writer.path, progress, saved=saved)


def make_trial(arguments: argparse.Namespace, started_at: datetime, progress: Progress) -> Trial:
    """The trial that was asked for, with environments that are installed. Raises DensebenchError, as `run` does."""
    device, budget_s = duel_device(arguments.device), duration_s(arguments.budget, "--budget")
    cases, margins = select_cases(arguments.cases, device.threads), parse_margins(arguments.margin)
    before = read_trial(arguments.resume) if arguments.resume else None
    words = [arguments.base, *arguments.heads]
    pythons, memory_bytes = choose_python(words), MEMORY_BYTES * (len(words) + arguments.control)
    missing = missing_environments(words, pythons=pythons)
    say_needs(progress, memory_bytes=memory_bytes, results=arguments.results, environments=missing)
    dataset = load_dataset(arguments.dataset, arguments.data_dir)
    roles = [BASE, *roles_of(len(arguments.heads))]
    named = zip(roles, words, strict=True)
    environments = {role: find_environment(word, python=pythons.get(word)) for role, word in named}
    if arguments.control:
        environments[CONTROL] = find_environment(arguments.base, python=pythons.get(arguments.base), copy=True)
    facts = collect_metadata(
        device,
        started_at,
        command=command_line(arguments),
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        dataset_source=dataset.source,
        trainer="all",
        quick=False,
    )
    return Trial(
        environments=environments,
        cases=cases,
        margins=margins,
        facts=facts,
        dataset=dataset,
        device=device.name,
        threads=device.threads,
        seed=select_seed(arguments.seed, before),
        budget_s=budget_s,
        before=before,
    )


def _tell(results: Path, path: Path, progress: Progress, *, saved: bool) -> int:
    """Print the answer and write the page; the exit status."""
    reader = RunReader()
    stored = trial_of(reader.read(path))
    progress.done(f"\n{trial_page(stored)}")
    written = [short(path), *(refresh_pages(results, "trials", reader) if saved else [])]
    progress.done("\n  ".join(["Wrote:", *written]))
    status = exit_status(stored)
    return status if saved or status == ALARM else FAILED


def exit_status(trial: StoredTrial) -> int:
    """The exit status that a trial calls for."""
    found = [row for row in trial.rows if row.environment != CONTROL]
    judged = [head for head in trial.heads if head.role != CONTROL]
    if counts(found)["worse"] or any(map(trial.less_accurate, judged)):
        return ALARM
    if any(head.failed or head.missing for head in trial.heads):
        return FAILED
    open_ = any(row.effect.word == CANNOT_TELL and row.finding != START for row in found)
    return UNTOLD if open_ or not found else FINE


def roles_of(count: int) -> list[str]:
    """The names of so many heads: ``HEAD``, ``HEAD 2``, ``HEAD 3``."""
    return [HEAD if number == 1 else f"{HEAD} {number}" for number in range(1, count + 1)]


def select_seed(seed: int | None, before: StoredTrial | None) -> int:
    """The user's seed, that of the duel which is gone on with, or one that is drawn. Raises DensebenchError."""
    if seed is None:
        return before.options.seed if before else secrets.randbelow(2**16)
    if not 0 <= seed <= LARGEST_SEED:
        raise DensebenchError(f"--seed {seed} is no seed: a whole number from 0 up to {LARGEST_SEED} is.")
    return seed


def parse_margins(text: str | None) -> dict[str, float]:
    """The margins: those of the user for steps and calls, where given. Raises DensebenchError."""
    if text is None:
        return dict(MARGINS)
    wanted = share(text, "--margin")
    return {**MARGINS, TYPICAL: wanted, OVERALL: wanted}


def read_trial(path: Path) -> StoredTrial:
    """The stored trial that rounds are added to. Raises DensebenchError."""
    try:
        return trial_of(RunReader().read(path))
    except RunFileError as error:
        raise DensebenchError(f"--resume: {error}") from error
