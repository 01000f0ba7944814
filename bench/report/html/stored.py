"""Data of the HTML page: the published runs and the reader's own."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bench.data.datasets import PUBLISHED_DATASET
from bench.records.record import Run
from bench.records.run_file import run_file_name, run_paths
from bench.records.selection import has_own_models, is_whole
from bench.report.html.view import YOURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.records.bisections import Bisection
    from bench.records.compatibility import StoredCompatibility
    from bench.records.releases import ReleaseTrials
    from bench.records.trials import StoredTrial
    from bench.report.registry import Shown

MOST_RUNS = 48
"""Runs of the suite of which the page has figures."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored runs that the page shows.

    Attributes:
        main: runs of the suite, newest first: of each machine, data set, device, backend, release and trainer the
            newest that is whole, at most `MOST_RUNS`; published ones and the reader's own.
        headline: the one that the README shows.
        devices: those of the machine that has most devices and backends.
        withdrawn: why there are no published runs of a kind.
        links: run file, or ``machine/kind`` for a folder of them, to its place, seen from the page.
        counted: run files that were read, whether they are shown or not.
        warnings: a line for each file that could not be read.
    """

    main: Sequence[Run]
    headline: Run | None
    devices: Sequence[Run]
    reproduction: Run | None
    runtimes: Run | None
    trainers: Run | None
    selftest: Sequence[StoredTrial]
    releases: Sequence[ReleaseTrials]
    trials: Sequence[StoredTrial]
    compatibility: Sequence[StoredCompatibility]
    bisections: Sequence[Bisection]
    explanations: Sequence[StoredTrial]
    withdrawn: Mapping[str, str]
    links: Mapping[str, str]
    counted: int
    warnings: Sequence[str]


def make_stored(published: Shown, own: Shown | None = None, *, page: Path | None = None) -> Stored:
    """Choose what the page shows of the published runs and of the reader's own.

    Args:
        published: the runs of the project, or of any folder of results.
        own: runs that nobody published; one of them that is published as well counts as published.
        page: the folder of the page, from which links lead to run files; there are none where it is ``None``.
    """
    public = {run.file for runs in published.stored.values() for run in runs}
    mine = [replace(run, origin=YOURS) for run in (own.stored["."] if own else []) if run.file not in public]
    main = newest_of_each([*published.candidates["suite"], *published.candidates["devices"], *mine])
    headline = next((run for run in published.kinds["suite"] if run.dataset == PUBLISHED_DATASET), None)
    folders = [shown.results for shown in (own, published) if shown]
    stored = [run for shown in (published, own) if shown for runs in shown.stored.values() for run in runs]
    return Stored(
        main=main,
        headline=headline or next((run for run in main if run.dataset == PUBLISHED_DATASET), None),
        devices=_chosen("devices", published, own),
        reproduction=next(iter(_chosen("reproduction", published, own)), None),
        runtimes=next(iter(_chosen("runtimes", published, own)), None),
        trainers=next(iter(_chosen("trainers", published, own)), None),
        selftest=_chosen("selftest", published, own),
        releases=_chosen_releases(published, own),
        trials=[*(own.kinds["trials"] if own else []), *published.kinds["trials"]],
        compatibility=_chosen("compatibility", published, own),
        bisections=[*(own.kinds["bisections"] if own else []), *published.kinds["bisections"]],
        explanations=[*(own.kinds["explanations"] if own else []), *published.kinds["explanations"]],
        withdrawn={name: pin.withdrawn for name, pin in (published.pins or {}).items() if pin.withdrawn},
        links=_links(folders, page) if page else {},
        counted=len({run.file for run in stored}),
        warnings=[*published.warnings, *(own.warnings if own else [])],
    )


def newest_of_each(runs: Sequence[Run]) -> list[Run]:
    """The newest whole run of each machine, data set, device and so on, without quick runs; newest first."""
    shown: dict[tuple[str, ...], Run] = {}
    for run in sorted(runs, key=lambda one: (is_whole(one), one.started_at)):
        release = str(run.packages.get("tensorflow"))
        if not run.quick:
            key = (str(run.machine.name), run.dataset, run.device, run.backend, release, run.trainer, run.origin)
            shown[key] = run
    return sorted(shown.values(), key=lambda run: run.started_at, reverse=True)[:MOST_RUNS]


def _chosen(kind: str, published: Shown, own: Shown | None) -> Sequence[Any]:
    """The reader's own runs of a kind if they are whole, or else the published ones, or else any own ones."""
    found = own.kinds[kind] if own else []
    mine = [one for one in found if not (isinstance(one, Run) and has_own_models(one))]
    public = published.kinds[kind]
    if mine and (not public or all(is_whole(one) for one in mine if isinstance(one, Run))):
        return [replace(one, origin=YOURS) if isinstance(one, Run) else one for one in mine]
    return public


def _chosen_releases(published: Shown, own: Shown | None) -> Sequence[ReleaseTrials]:
    """The reader's own trial of releases or the published one, and the reader's own models' trial beside it."""
    found: Sequence[ReleaseTrials] = own.kinds["releases"] if own else []
    ladder = [one for one in found if not one.main.options.models]
    return [*(ladder or published.kinds["releases"]), *(one for one in found if one.main.options.models)]


def _links(folders: Sequence[Path], page: Path) -> dict[str, str]:
    """Links from the page to run files and their folders; of equal names the last folder's counts."""
    links: dict[str, str] = {}
    for results in folders:
        for path in (results / "raw").glob("*/*/"):
            links[f"{path.parent.name}/{path.name}"] = quote(f"{os.path.relpath(path, page)}/")
        for path in run_paths(results / "raw"):
            links[run_file_name(path)] = quote(os.path.relpath(path, page))
    return links
