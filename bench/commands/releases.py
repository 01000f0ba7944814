"""`python -m bench versions`: the suite and probes on each release of TensorFlow, and the table across them."""

from __future__ import annotations

import random
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.arguments import add_common, duration_s, names, words_of
from bench.data.datasets import load_dataset
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.host.devices import Device, parse_device
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.host.process import run_to_end, side_environment
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.known_releases import Release, find_release, known_releases
from bench.records.record import RunFileError, RunReader, read_run
from bench.records.releases import FOLDER, read_attempts, select_attempts, with_release
from bench.records.run_file import DEFAULT_RESULTS, RunSeries, reserve_run_path, run_path
from bench.records.schema import make_metadata
from bench.report.own_pages import refresh_pages
from bench.report.pages.releases import versions_page
from bench.training import KERAS_TRAINERS
from bench.trials.duels.sides import find_side, missing_environments
from bench.trials.releases.probe import PROBE, ProbeRequest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bench.records.run_file import Content
    from bench.records.schema import Metadata

MEMORY_BYTES = 1_500_000_000
"""Of one run of the suite."""
RUN_TIMEOUT = "1h"
DEFAULT_PROBES = 5
PROBES_HELP = "fresh processes per release that time the import, the first epoch, memory, predict and calls"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    known = ", ".join(release.name for release in known_releases())
    parser.add_argument("--releases", help=f"with commas between (default: all: {known})")
    parser.add_argument("--trainers", default=",".join(KERAS_TRAINERS), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=1, help="runs per release and trainer (default: %(default)s)")
    parser.add_argument("--probes", type=int, default=DEFAULT_PROBES, help=f"{PROBES_HELP} (default: %(default)s)")
    parser.add_argument("--options", default="", help="of the suite: '--models deep_mlp --seeds 2'")
    add_common(parser, "device", "dataset", "data-dir")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")
    parser.add_argument("--time-limit", default=RUN_TIMEOUT, help="after which a run is ended (default: %(default)s)")


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the suite, or one probe.

    Attributes:
        what: the trainer of the suite, or `PROBE`.
    """

    release: Release
    what: str


def run(arguments: argparse.Namespace) -> int:
    """Run every release, store each run, and print the page.

    Returns:
        `ALARM` where a row is INVALID; else `FAILED` where some release did not run to its end or could not be
        stored in its place, and `FINE` otherwise.

    Raises:
        DensebenchError: an option is wrong.
    """
    device, timeout_s = parse_device(arguments.device), duration_s(arguments.time_limit, "--time-limit")
    load_dataset(arguments.dataset, arguments.data_dir)
    releases = select_releases(arguments.releases)
    jobs = plan_jobs(releases, names(arguments.trainers, KERAS_TRAINERS, "trainer"), arguments.rounds)
    jobs += plan_jobs(releases, [PROBE], arguments.probes)
    if not jobs:
        raise DensebenchError("--rounds 0 and --probes 0 leave nothing to do.")
    progress = Progress(sys.stdout)
    made = missing_environments(release.environment for release in releases)
    say_needs(progress, memory_bytes=MEMORY_BYTES, results=arguments.results, environments=made)
    troubles, invalid, stored = 0, 0, 0
    reserve_run_path(arguments.results, f"{machine_name()}/{FOLDER}", "versions", datetime.now(timezone.utc))
    series = RunSeries(progress)

    def kept() -> str:
        left = ",".join(dict.fromkeys(job.release.name for job in jobs[stored:]))
        return (
            f"Kept: {stored} of {len(jobs)} runs; with `--releases {left}` the same command makes those that are left."
        )

    with kept_on_interrupt(progress, kept), _pages_at_the_end(arguments.results, series):
        for number, job in enumerate(jobs, start=1):
            progress.done(f"[{number}/{len(jobs)}] TensorFlow {job.release.name}, {job.what}")
            (metadata, records), trouble = attempt(job, device, arguments, timeout_s)
            own = with_release(metadata, job.release, trouble)
            series.save(_place(arguments.results, own), (own, records))
            stored += 1
            troubles += bool(trouble)
            invalid += any(record.faults for record in records)
            progress.done(f"  {trouble or 'done'}")
    if invalid:
        return ALARM
    return FAILED if troubles or series.rescued else FINE


@contextmanager
def _pages_at_the_end(results: Path, series: RunSeries) -> Iterator[None]:
    """However the runs end, what is not saved yet is, and the page of all that are stored is printed and written."""
    progress = series.progress
    try:
        yield
    finally:
        series.finish()
        reader = RunReader()
        if attempts := select_attempts(read_attempts(results, reader)[0]):
            progress.done(f"\n{versions_page(attempts)}")
        progress.done("\n  ".join(["Wrote:", *refresh_pages(results, "releases", reader)]))


def plan_jobs(releases: Sequence[Release], what: Sequence[str], rounds: int) -> list[Job]:
    """Plan all runs: in each round every release once with each of `what`, in random order, so that drift cancels.

    Raises:
        DensebenchError: a number of rounds below 0.
    """
    if rounds < 0:
        raise DensebenchError(f"{rounds} is no number of runs: a whole number from 0 up is.")
    jobs = [Job(release, one) for one in what for release in releases]
    return [job for number in range(rounds) for job in random.Random(number).sample(jobs, len(jobs))]


def select_releases(text: str | None) -> list[Release]:
    """The releases that the user named, earliest first; all without a text. Raises DensebenchError."""
    if text is None:
        return known_releases()
    return sorted({find_release(word) for word in words_of(text)})


def attempt(job: Job, device: Device, arguments: argparse.Namespace, timeout_s: float) -> tuple[Content, str]:
    """The content of a run file, and what went wrong; without a single row where it did not run."""
    try:
        python = find_side(job.release.environment).python
    except DensebenchError as error:
        return _nothing(job, device), str(error)
    with tempfile.TemporaryDirectory() as folder:
        words = _probe_words(arguments, folder) if job.what == PROBE else _main_words(arguments, job.what, folder)
        trouble = launch([str(python), "-m", *words], timeout_s)
        paths = sorted(Path(folder).rglob("*.json"))
        if not paths:
            return _nothing(job, device), trouble or "it left no run file"
        try:
            run = read_run(paths[-1])
        except RunFileError as error:
            return _nothing(job, device), trouble or str(error)
        return (run.metadata, run.records), trouble


def _main_words(arguments: argparse.Namespace, trainer: str, folder: str) -> list[str]:
    """The words after `python -m` that run the suite."""
    words = [f"--trainer={trainer}", f"--device={arguments.device}", f"--dataset={arguments.dataset}"]
    words += [f"--data-dir={arguments.data_dir.absolute()}"] if arguments.data_dir else []
    return ["pytest", "bench/", "--benchmark-only", f"--results={folder}", *words, *shlex.split(arguments.options)]


def _probe_words(arguments: argparse.Namespace, folder: str) -> list[str]:
    """A probe, likewise."""
    asked = ProbeRequest(
        path=str(Path(folder) / "probe.json"),
        command="python -m bench versions",
        dataset=arguments.dataset,
        data_dir=str(arguments.data_dir.absolute()) if arguments.data_dir else None,
        device=arguments.device,
        quick="--quick" in shlex.split(arguments.options),
    )
    return ["bench.trials.releases.probe", asked.to_json()]


def launch(command: Sequence[str], timeout_s: float) -> str:
    """Run a job; what went wrong with it, in its own last words, and nothing for rows that are INVALID."""
    try:
        run_to_end(command, "it", timeout_s=timeout_s, environment=side_environment(), fine=(FINE, ALARM))
    except DensebenchError as error:
        return str(error)
    return ""


def _nothing(job: Job, device: Device) -> Content:
    """A run file's content without a row."""
    facts = collect_metadata(
        device,
        datetime.now(timezone.utc),
        command="python -m bench versions",
        packages={},
        dataset="none",
        trainer=job.what,
        quick=False,
    )
    return make_metadata(facts, complete=False, cases_planned=[]), []


def _place(results: Path, metadata: Metadata) -> Path:
    """Where the run file of a release goes."""
    label = f"{metadata.release.release if metadata.release else ''}-{metadata.trainer}-versions"
    return run_path(results, f"{machine_name()}/{FOLDER}", label, datetime.fromisoformat(metadata.started_at))
