"""Runs of the suite on one release each, as they are stored under `results/raw/<machine>/versions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.records.known_releases import Release, find_release
from bench.records.record import Run, RunFileError, read_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FOLDER = "versions"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run on one release.

    Attributes:
        trouble: why there are no rows, or not all of them; empty where nothing went wrong.
    """

    release: Release
    run: Run
    trouble: str


def with_release(content: Mapping[str, Any], release: Release, trouble: str) -> dict[str, Any]:
    """A run file's content with the release that it is of."""
    own = {"release": release.name, "trouble": trouble}
    return {**content, "densebench": {**content["densebench"], "versions": own}}


def attempt_of(run: Run) -> Attempt:
    """The run of a release that a stored run is.

    Raises:
        RunFileError: it is none.
    """
    try:
        own = run.metadata["versions"]
        return Attempt(find_release(own["release"]), run, str(own["trouble"]))
    except DensebenchError as error:
        raise RunFileError(f"{run.file}: {error}") from error
    except (KeyError, TypeError) as error:
        raise RunFileError(f"{run.file}: not a run of a release: {error!r}") from error


def read_attempts(results: Path) -> tuple[list[Attempt], list[str]]:
    """Every readable run of a release, oldest first, and a line for each file that is not readable."""
    runs, warnings = read_runs(results, FOLDER)
    attempts = []
    for run in runs:
        try:
            attempts.append(attempt_of(run))
        except RunFileError as error:
            warnings.append(str(error))
    return attempts, warnings


def select_attempts(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those that the page shows, oldest first.

    Of one machine, data set and device: those of the newest run that is not quick. A release that failed is shown until
    it has run with the same trainer.
    """
    ran = [one for one in attempts if one.run.records]
    newest = max(ran, key=lambda one: (not one.run.quick, one.run.started_at), default=None)
    alike = [one for one in ran if newest and _alike(one.run) == _alike(newest.run)]
    last = {(one.release, one.run.trainer): one.run.started_at for one in alike}
    return [
        one
        for one in attempts
        if one in alike or (not one.run.records and one.run.started_at > last.get((one.release, one.run.trainer), ""))
    ]


def _alike(run: Run) -> tuple[Any, ...]:
    return run.machine.get("name"), run.dataset, run.device, run.threads, run.quick
