"""The kinds of stored runs, and which runs of each are shown: the pinned ones, or those that one rule selects."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.data.datasets import DATASETS, PUBLISHED_DATASET
from bench.records.bisections import FOLDER as BISECTIONS
from bench.records.bisections import bisection_step, bisections
from bench.records.compatibility import FOLDER as COMPATIBILITY
from bench.records.compatibility import compatibility_of
from bench.records.explanations import FOLDER as EXPLANATIONS
from bench.records.explanations import explanation_of
from bench.records.record import SHAPE_ERRORS, Run, RunFileError, RunReader
from bench.records.releases import FOLDER as RELEASES
from bench.records.releases import ReleaseTrials, group_own
from bench.records.reproductions import FOLDER as REPRODUCTION
from bench.records.schema.reproductions import ReproductionRecord
from bench.records.schema.runtimes import RuntimeRecord, StartRecord
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.records.schema.trainers import TrainerRecord
from bench.records.selection import fullest, has_own_models, narrowed_by
from bench.records.selftests import FOLDER as SELFTEST
from bench.records.selftests import alike, selftest_trial
from bench.records.trainers import FOLDER as TRAINERS
from bench.records.trials import FOLDER as TRIALS
from bench.records.trials import trial_of
from bench.report.pages.bisection import bisections_page
from bench.report.pages.causes import causes_table
from bench.report.pages.compatibility import compatibility_page
from bench.report.pages.devices import devices_pages, select_device_runs
from bench.report.pages.duels import duels_page
from bench.report.pages.explanation import explanations_page
from bench.report.pages.releases import releases_page
from bench.report.pages.reproduction import reproduction_pages
from bench.report.pages.runtimes import FOLDER as RUNTIMES
from bench.report.pages.runtimes import runtimes_page
from bench.report.pages.selftest import selftest_page
from bench.report.pages.suite import tables_page
from bench.report.pages.trainers import trainer_page
from bench.report.pins import FILE, Pin, read_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bench.records.schema.rows import Record

LONGEST = 120
"""Characters of an error that are quoted."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stored run.

    Attributes:
        folder: subfolder of its run files under `raw/<machine>`.
        read: converts a run to the type that the pages need; raises RunFileError for a run of another kind.
        choose: selects those that are shown, in display order.
        pages: makes the Markdown pages, by name, from those that are shown.
        withdrawn: name and title of the page that gives the reason if the kind is withdrawn.
        whole: true if only runs that hold all that their command measures may be published.
    """

    folder: str
    read: Callable[[Run], Any]
    choose: Callable[[Sequence[Any]], Sequence[Any]]
    pages: Callable[[Sequence[Any]], Mapping[str, str]]
    withdrawn: tuple[str, str] = ("", "")
    whole: bool = True


def _with_rows(run: Run, kinds: tuple[type[Record], ...]) -> Run:
    """The run itself. Raises RunFileError where a row is of another kind."""
    for record in run.records:
        if not isinstance(record, kinds):
            raise RunFileError(
                f"{run.file}: {record.case[:80]}: a row of the kind {record.stage!r} lies in this folder"
            )
    return run


_of_suite = partial(_with_rows, kinds=(TrainRecord, InferRecord))


def _one_per_dataset(runs: Sequence[Run]) -> list[Run]:
    """The fullest run of each data set, and the newest with models of the user's own."""
    ladder = [run for run in runs if not has_own_models(run) and not run.quick]
    shown = [fullest(run for run in ladder if run.dataset == name) for name in DATASETS]
    return [run for run in (*shown, _newest_own(runs)) if run]


def _one(runs: Sequence[Run]) -> list[Run]:
    """The fullest run of the published data set, and the newest with models of the user's own."""
    ladder = [run for run in runs if not has_own_models(run) and not run.quick]
    shown = fullest(run for run in ladder if run.dataset == PUBLISHED_DATASET)
    return [run for run in (shown, _newest_own(runs)) if run]


def _newest_own(runs: Sequence[Run]) -> Run | None:
    return max(filter(has_own_models, runs), key=lambda run: run.started_at, default=None)


def _suite_pages(runs: Sequence[Run]) -> dict[str, str]:
    return {"own_models" if has_own_models(run) else run.dataset: tables_page(run) for run in runs}


def _runtimes_pages(runs: Sequence[Run]) -> dict[str, str]:
    return {"own_runtimes" if has_own_models(run) else "runtimes": runtimes_page(run) for run in runs}


def _one_reproduction(runs: Sequence[Run]) -> list[Run]:
    run = fullest(run for run in runs if run.complete and not run.quick)
    return [run] if run else []


def _releases_pages(shown: Sequence[ReleaseTrials]) -> dict[str, str]:
    return {"own_releases" if one.main.options.models else "releases": releases_page(one) for one in shown}


def _page(name: str, make: Callable[[Any], str], shown: Sequence[Any]) -> dict[str, str]:
    """A page made from a single run, if there is one."""
    return {name: make(shown[0])} if shown else {}


def _page_of_all(name: str, make: Callable[[Sequence[Any]], str], shown: Sequence[Any]) -> dict[str, str]:
    """A page made from all runs that are shown, if there are any."""
    return {name: make(shown)} if shown else {}


KINDS: dict[str, Kind] = {
    "suite": Kind(".", _of_suite, _one_per_dataset, _suite_pages),
    "devices": Kind(".", _of_suite, select_device_runs, devices_pages),
    "trainers": Kind(
        TRAINERS, partial(_with_rows, kinds=(TrainerRecord,)), _one, partial(_page, "trainers", trainer_page)
    ),
    "runtimes": Kind(
        RUNTIMES,
        partial(_with_rows, kinds=(RuntimeRecord, StartRecord)),
        _one,
        _runtimes_pages,
    ),
    "reproduction": Kind(
        REPRODUCTION,
        partial(_with_rows, kinds=(ReproductionRecord,)),
        _one_reproduction,
        lambda runs: reproduction_pages(runs[0]) if runs else {},
    ),
    "releases": Kind(
        RELEASES,
        trial_of,
        group_own,
        _releases_pages,
        ("releases", "Releases of TensorFlow"),
        whole=False,
    ),
    "compatibility": Kind(
        COMPATIBILITY,
        compatibility_of,
        list,
        partial(_page_of_all, "compatibility", compatibility_page),
        whole=False,
    ),
    "trials": Kind(TRIALS, trial_of, list, partial(_page_of_all, "trials", duels_page), whole=False),
    "bisections": Kind(
        BISECTIONS, bisection_step, bisections, partial(_page_of_all, "bisections", bisections_page), whole=False
    ),
    "explanations": Kind(
        EXPLANATIONS,
        explanation_of,
        list,
        partial(_page_of_all, "explanations", explanations_page),
        whole=False,
    ),
    "selftest": Kind(SELFTEST, selftest_trial, alike, partial(_page_of_all, "selftest", selftest_page), whole=False),
}
"""By the name that `published.toml` knows them by, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The runs that are shown of a folder of results; each run file is read once.

    Attributes:
        kinds: by kind, what its `read` made of the runs that are shown.
        candidates: by kind, the runs that it was chosen from: the pinned ones, or all.
        stored: by folder, every readable run, oldest first.
        pins: ``None`` where the folder has none, and one rule chose.
        warnings: a line for each file or pin that nothing can be made of.
    """

    results: Path
    kinds: Mapping[str, Sequence[Any]]
    candidates: Mapping[str, Sequence[Run]]
    stored: Mapping[str, Sequence[Run]]
    pins: Mapping[str, Pin] | None
    warnings: Sequence[str] = field(default_factory=list)

    def withdrawn(self, kind: str) -> str | None:
        """The reason that a kind was withdrawn; ``None`` where it was not."""
        return self.pins[kind].withdrawn if self.pins and kind in self.pins else None


def read_shown(results: Path, reader: RunReader, pins: Mapping[str, Pin] | None = None) -> Shown:
    """Read a folder of results, and select what is shown of it.

    Args:
        results: the folder that holds `raw`.
        reader: what the command reads run files with.
        pins: what is published of it; that of its `published.toml` where it is ``None``.

    Raises:
        DensebenchError: its `published.toml` cannot be read.
    """
    pins = read_pins(results) if pins is None else pins
    stored: dict[str, list[Run]] = {}
    warnings: list[str] = []
    for folder in dict.fromkeys(kind.folder for kind in KINDS.values()):
        stored[folder], more = reader.read_folder(results, folder)
        warnings += more
    kinds, candidates = {}, {}
    for name, kind in KINDS.items():
        runs = stored[kind.folder]
        measured = [run for run in runs if not (run.metadata.trial and run.metadata.trial.simulated)]
        candidates[name] = measured if pins is None else _pinned(measured, pins.get(name, Pin()))
        read, more = _read_all(kind, candidates[name])
        warnings += more
        try:
            kinds[name] = kind.choose(read)
        except SHAPE_ERRORS as error:
            kinds[name] = []
            warnings.append(_unexpected(name, error))
    warnings += [] if pins is None else _warnings_about_pins(pins, candidates)
    return Shown(results, kinds, candidates, stored, pins, list(dict.fromkeys(warnings)))


def make_pages(shown: Shown) -> tuple[dict[str, str], list[str]]:
    """Make all pages that the runs are enough for, by name; a warning for each kind that no page can be made of."""
    pages: dict[str, str] = {}
    warnings: list[str] = []
    for name, kind in KINDS.items():
        if reason := shown.withdrawn(name):
            page, title = kind.withdrawn
            pages[page or name] = f"# {title or name}\n\n**Withdrawn: {reason}**\n"
            continue
        try:
            pages |= kind.pages(shown.kinds[name])
        except SHAPE_ERRORS as error:
            warnings.append(_unexpected(name, error))
    ladder: list[ReleaseTrials] = [one for one in shown.kinds["releases"] if not one.main.options.models]
    if ladder and "explanations" in pages:
        title, _, rest = pages["explanations"].partition("\n\n")
        table = causes_table(ladder[0], shown.kinds["explanations"])
        pages["explanations"] = "\n\n".join(part for part in (title, table, rest) if part)
    return pages, warnings


def _unexpected(kind: str, error: Exception) -> str:
    return f"{kind}: a stored run holds something of an unexpected shape: {str(error)[:LONGEST]!r}"


def _pinned(runs: Sequence[Run], pin: Pin) -> list[Run]:
    return [] if pin.withdrawn else [run for run in runs if {run.name, run.series} & set(pin.runs)]


def _read_all(kind: Kind, runs: Sequence[Run]) -> tuple[list[Any], list[str]]:
    read, warnings = [], []
    for run in runs:
        try:
            read.append(kind.read(run))
        except RunFileError as error:
            warnings.append(str(error))
    return read, warnings


def _warnings_about_pins(pins: Mapping[str, Pin], candidates: Mapping[str, Sequence[Run]]) -> list[str]:
    lines = [f"{FILE}: unknown kind of run {name!r}. Known: {', '.join(KINDS)}." for name in pins if name not in KINDS]
    for name, kind in KINDS.items():
        runs = candidates[name]
        known = {text for run in runs for text in (run.name, run.series)}
        pin = pins.get(name, Pin())
        if not pin.withdrawn:
            lines += [
                f"{FILE}: [{name}] names {one!r}: no readable run file is that." for one in pin.runs if one not in known
            ]
        if kind.whole:
            lines += [
                f"{FILE}: [{name}] names {run.name!r}, which is only part of a run: {', '.join(reasons)}."
                for run in runs
                if (reasons := narrowed_by(run))
            ]
    return lines
