"""What the commands that judge environments share: options, a trial with installed environments, and its run file."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.arguments import add_common, command_line, duel_device, duration_s, part_of, share
from bench.commands.live import LiveTable
from bench.data.datasets import MADE_UP, load_dataset
from bench.errors import ALARM, FAILED, FINE, UNTOLD, DensebenchError
from bench.files import short
from bench.formats import format_counted
from bench.host.lock import measuring_alone
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.host.resources import say_needs
from bench.inference.own_models.file import NONE, Models
from bench.progress import Progress, kept_on_interrupt
from bench.records.record import RunFileError, RunReader
from bench.records.run_file import DEFAULT_RESULTS, RunWriter, reserve_run_path
from bench.records.trials import BASE, CONTROL, HEAD, MARGINS, OVERALL, START, TYPICAL, Pair, StoredTrial, trial_of
from bench.report.pages.trials import counts
from bench.stats.simultaneous import CANNOT_TELL
from bench.trials import simulated
from bench.trials.cases import select_cases
from bench.trials.engine import run_trial
from bench.trials.environments import find_environment, missing_environments
from bench.trials.plans import choose_python
from bench.trials.trial import Trial

if TYPE_CHECKING:
    import argparse

    from bench.data.datasets import Dataset
    from bench.records.cases import Case
    from bench.trials.environments import Environment

LARGEST_SEED = 2**31 - 1
MEMORY_BYTES = 1_100_000_000
"""Of each environment's process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a trial compares.

    Attributes:
        words: role to what the user calls the environment, the base first.
        control: measure the base a second time, from a copy of its own, and judge it against the base.
        pairs: what is compared; everything with the base unless given.
        hosts: role of what has no process of its own to the one whose process and models it takes its turns with.
        cases: patterns of what is measured where the user names none.
        before: a stored trial that rounds are added to.
        models: those that the user named.
        data: what one of them brings.
        choice: how many pairs may be asked for later.
        unloaded: what was left out to the reason.
    """

    words: Mapping[str, str]
    control: bool = False
    pairs: Sequence[Pair] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    cases: str | None = None
    before: StoredTrial | None = None
    models: Models = NONE
    data: Dataset | None = None
    choice: int = 0
    unloaded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """A trial that was measured.

    Attributes:
        stored: as it is read from its file.
        path: of its file.
        saved: whether it lies where it should.
    """

    stored: StoredTrial
    path: Path
    saved: bool


def add_trial_options(parser: argparse.ArgumentParser, *, cases: str, budget: str) -> None:
    """The options of a trial.

    Args:
        parser: gets them.
        cases: what is measured where the user names none, for the help.
        budget: the default one.
    """
    parser.add_argument("--cases", help=f"names or patterns with commas between (default: {cases})")
    parser.add_argument("--budget", default=budget, help=f"90s, 3m30s or 1h (default: {budget}); a settled one is less")
    parser.add_argument("--margin", help="what still counts as the same (default: typical 3%%, overall 5%%)")
    parser.add_argument("--seed", type=int, help="of models and orders (default: drawn, and recorded)")
    add_common(parser, "dataset", "data-dir")
    parser.add_argument("--device", default="cpu:1", help="cpu:N (N threads) (default: cpu:1)")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")


def make_trial(arguments: argparse.Namespace, wanted: Wanted, progress: Progress) -> Trial:
    """A trial with environments that are installed.

    Raises:
        DensebenchError: an option is wrong, or an environment or the data cannot be had.
    """
    device = duel_device(arguments.device)
    duration_s(arguments.budget, "--budget")  # what is wrong with it is said before anything is installed
    patterns = arguments.cases or wanted.cases
    cases, margins = select_cases(patterns, device.threads, wanted.models), parse_margins(arguments.margin)
    words = list(wanted.words.values())
    if getattr(arguments, "simulate", False):
        return _simulated(arguments, wanted, cases, margins)
    pythons, memory_bytes = choose_python(words), MEMORY_BYTES * (len(words) + wanted.control - len(wanted.hosts))
    missing = missing_environments(words, pythons=pythons)
    say_needs(progress, memory_bytes=memory_bytes, results=arguments.results, environments=missing)
    dataset = wanted.data
    if dataset is None:
        made_up = all(case.recipe in wanted.models.files for case in cases)
        dataset = MADE_UP if made_up else load_dataset(arguments.dataset, arguments.data_dir)
    environments = {}
    for role, word in wanted.words.items():
        progress.update(f"environment {word}")
        copy = wanted.hosts.get(role) == CONTROL
        environments[role] = find_environment(word, python=pythons.get(word), copy=copy)
    if wanted.control:
        environments[CONTROL] = find_environment(words[0], python=pythons.get(words[0]), copy=True)
    return _trial(arguments, wanted, environments, dataset, cases=cases, margins=margins)


def _simulated(arguments: argparse.Namespace, wanted: Wanted, cases: list[Case], margins: Mapping[str, float]) -> Trial:
    """A trial of environments that are not installed, in which nothing is measured."""
    words = dict(wanted.words) | ({CONTROL: wanted.words[BASE]} if wanted.control else {})
    environments = {role: simulated.find_environment(word) for role, word in words.items()}
    trial = _trial(arguments, wanted, environments, MADE_UP, cases=cases, margins=margins)
    trial.simulated = True
    return trial


def _trial(  # noqa: PLR0913  what is measured
    arguments: argparse.Namespace,
    wanted: Wanted,
    environments: Mapping[str, Environment],
    dataset: Dataset,
    *,
    cases: list[Case],
    margins: Mapping[str, float],
) -> Trial:
    """The trial of these environments."""
    device = duel_device(arguments.device)
    facts = collect_metadata(
        device,
        datetime.now(timezone.utc),
        command=wanted.before.run.command if wanted.before else command_line(arguments),
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        dataset_source=dataset.source,
        trainer="all",
        quick=False,
    )
    part = part_of(arguments)
    return Trial(
        environments=environments,
        cases=cases,
        margins=margins,
        facts=facts,
        dataset=dataset,
        device=device.name,
        threads=device.threads,
        seed=select_seed(arguments.seed, wanted.before),
        budget_s=duration_s(arguments.budget, "--budget"),
        part=(int(part[0]), part[1]) if part and part[0].isdigit() else (),
        pairs=[*wanted.pairs, (BASE, CONTROL)] if wanted.pairs and wanted.control else wanted.pairs,
        hosts=wanted.hosts,
        before=wanted.before,
        files=wanted.models.files,
        recipes=wanted.models.recipes,
        unloaded=wanted.unloaded,
        choice=wanted.choice,
    )


def measure(  # noqa: PLR0913  what is measured, and where it goes
    trial: Trial,
    progress: Progress,
    *,
    results: Path,
    folder: str,
    what: str,
    resume: Path | None = None,
    go_on: str = "",
    after: Callable[[], None] | None = None,
) -> Measured | None:
    """Measure a trial, saving after each round; ``None`` where in the end nothing could be saved, which was said.

    Args:
        trial: what is measured.
        progress: says how far it is.
        results: the folder that holds `raw`.
        folder: under `raw/<machine>`.
        what: the command's noun, for the file's name.
        resume: the file that rounds are added to.
        after: is called once all is measured that is judged.
        go_on: what the same command does after Ctrl-C, where that is not adding rounds with `--resume`.

    Raises:
        DensebenchError: an environment is not what it was asked to be, or another measurement runs on this machine.
    """
    started_at = datetime.fromisoformat(trial.facts["started_at"])
    label = f"{trial.dataset.name}-{trial.device.replace(':', '')}-{what}"
    path = reserve_run_path(results, f"{machine_name()}/{folder}", label, started_at)
    writer = RunWriter(resume.absolute() if resume else path, progress)
    adding = "" if go_on else "; --resume adds rounds to it"
    progress.done(f"each finished round is saved to {short(writer.path)}{adding}")

    def kept() -> str:
        if not trial.rounds:
            return "No round was complete, so nothing new is kept."
        done = format_counted(len(trial.rounds), "round")
        return f"Kept: {done} in {writer.path}; the same command {go_on or f'goes on with `--resume {writer.path}`'}."

    alone = nullcontext(None) if trial.simulated else measuring_alone()
    with kept_on_interrupt(progress, kept), alone as trial.lock, closing(LiveTable(sys.stdout)) as table:
        run_trial(
            trial,
            save=lambda: writer.save(trial.content(complete=False)),
            progress=progress,
            watch=table.show if table else None,
            after=after,
        )
    saved = writer.finish(trial.content(complete=True))
    return None if writer.error else Measured(trial_of(RunReader().read(writer.path)), writer.path, saved)


def roles_of(count: int) -> list[str]:
    """The names of so many heads: ``HEAD``, ``HEAD 2``, ``HEAD 3``."""
    return [HEAD if number == 1 else f"{HEAD} {number}" for number in range(1, count + 1)]


def exit_status(trial: StoredTrial, pairs: Sequence[Pair]) -> int:
    """The exit status that the findings on some pairs of a trial call for.

    Returns:
        `ALARM` where something got worse; else `FAILED` where an environment could not be measured to the end, or lacks
        a case that the base has; `UNTOLD` where a finding on steps, calls or memory is open; `FINE` otherwise.
    """
    rows = [row for pair in pairs for row in trial.rows_of(pair)]
    if counts(rows)["worse"] or any(trial.less_accurate(pair) or trial.broken(pair) for pair in pairs):
        return ALARM
    if any(one.failed or one.missing.keys() - trial.base.missing.keys() for one in trial.heads):
        return FAILED
    return UNTOLD if any(row.word == CANNOT_TELL and row.finding != START for row in rows) or not rows else FINE


def select_seed(seed: int | None, before: StoredTrial | None) -> int:
    """The user's seed, that of the trial which is gone on with, or one that is drawn. Raises DensebenchError."""
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
