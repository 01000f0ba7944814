"""Everything that the page is made of, read from the stored runs once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.device_table import choose_device_runs
from bench.main_page import choose_run
from bench.records import Run, read_runs
from bench.releases.store import Attempt, choose_attempts, read_attempts
from bench.reproduction.page import published_reproduction
from bench.runtimes.page import published_runtimes_run
from bench.selftest.store import Fought, choose_selftest, read_fought
from bench.trainer_report import published_trainer_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MOST_RUNS = 48
"""Runs of the main job of which the page has figures."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the page shows.

    Attributes:
        main: runs of the main job, newest first: of each machine, data set, device, backend, release and trainer the
            newest that is whole, at most `MOST_RUNS`.
        headline: the one that the README shows.
        devices: those of the machine that has most devices and backends.
        links: run file, or ``machine/kind`` for a folder of them, to its place, seen from the page.
        counted: run files that were read, whether they are shown or not.
        complaints: a line for each file that could not be read.
    """

    main: Sequence[Run]
    headline: Run | None
    devices: Sequence[Run]
    reproduction: Run | None
    runtimes: Run | None
    trainers: Run | None
    fought: Sequence[Fought]
    attempts: Sequence[Attempt]
    links: Mapping[str, str]
    counted: int
    complaints: Sequence[str]


def read_stored(results: Path, dataset: str) -> Stored:
    """Read every run file below a folder; one that cannot be read is a line of complaint."""
    runs, complaints = read_runs(results)
    runtimes, more = published_runtimes_run(results)
    complaints += more
    reproduction, more = published_reproduction(results)
    complaints += more
    trainers, more = published_trainer_run(results)
    complaints += more
    fought, more = read_fought(results)
    complaints += more
    attempts, more = read_attempts(results)
    complaints += more
    links = {path.name: quote(f"../{path.relative_to(results)}") for path in (results / "raw").rglob("*.json")}
    folders = {f"{path.parent.name}/{path.name}": path for path in (results / "raw").glob("*/*/")}
    return Stored(
        main=newest_of_each(runs),
        headline=choose_run(runs, dataset),
        devices=choose_device_runs(runs),
        reproduction=reproduction,
        runtimes=runtimes,
        trainers=trainers,
        fought=choose_selftest(fought),
        attempts=choose_attempts(attempts),
        links=links | {name: quote(f"../{path.relative_to(results)}/") for name, path in folders.items()},
        counted=len(links),
        complaints=complaints,
    )


def newest_of_each(runs: Sequence[Run]) -> list[Run]:
    """Of runs that differ in nothing but when they were made the newest whole one; newest first, never a quick one."""
    shown: dict[tuple[str, ...], Run] = {}
    for run in sorted(runs, key=lambda one: (not one.missing, one.started_at)):
        release = str(run.packages.get("tensorflow"))
        if not run.quick:
            shown[str(run.machine.get("name")), run.dataset, run.device, run.backend, release, run.trainer] = run
    return sorted(shown.values(), key=lambda run: run.started_at, reverse=True)[:MOST_RUNS]
