"""Runs of the suite on one release each, as they are stored under `results/raw/<machine>/versions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import DensebenchError
from bench.records.known_releases import Release, find_release
from bench.records.record import Run, RunFileError
from bench.records.schema import ReleaseOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.records.record import RunReader
    from bench.records.schema import Metadata

FOLDER = "versions"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the suite on one release.

    Attributes:
        trouble: why all or some rows are missing; empty where nothing failed.
    """

    release: Release
    run: Run
    trouble: str


def with_release(metadata: Metadata, release: Release, trouble: str) -> Metadata:
    """A copy of a run's metadata, with its release and the reason for missing rows added."""
    return msgspec.structs.replace(metadata, release=ReleaseOptions(release=release.name, trouble=trouble))


def attempt_of(run: Run) -> Attempt:
    """The attempt that is stored in a run.

    Raises:
        RunFileError: the run is not of a known release.
    """
    own = run.metadata.release
    if own is None:
        raise RunFileError(f"{run.file}: not a run of a release")
    try:
        return Attempt(find_release(own.release), run, own.trouble)
    except DensebenchError as error:
        raise RunFileError(f"{run.file}: {error}") from error


def read_attempts(results: Path, reader: RunReader) -> tuple[list[Attempt], list[str]]:
    """The readable runs of releases, oldest first, and a warning for each file that is not readable."""
    runs, warnings = reader.read_folder(results, FOLDER)
    attempts = []
    for run in runs:
        try:
            attempts.append(attempt_of(run))
        except RunFileError as error:
            warnings.append(str(error))
    return attempts, warnings


def select_attempts(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Select the attempts that the page shows, oldest first.

    They are of the same machine, data set, device, threads and protocol as the newest run, full runs before quick ones.
    A release that failed is shown until it has run with the same trainer.
    """
    ran = [one for one in attempts if one.run.records]
    newest = max(ran, key=lambda one: (not one.run.quick, one.run.started_at), default=None)
    alike = [one for one in ran if newest and _alike(one.run) == _alike(newest.run)]
    files = {one.run.file for one in alike}
    last = {(one.release, one.run.trainer): one.run.started_at for one in alike}
    return [
        one
        for one in attempts
        if one.run.file in files
        or (not one.run.records and one.run.started_at > last.get((one.release, one.run.trainer), ""))
    ]


def _alike(run: Run) -> tuple[Any, ...]:
    return run.machine.name, run.dataset, run.device, run.threads, run.quick
