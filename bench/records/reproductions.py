"""Run file of a reproduction: rewritten whole after each training, and read to resume a stopped run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import DensebenchError
from bench.records import cases
from bench.records.record import Run, RunFileError, read_run
from bench.records.run_file import round_timings
from bench.records.schema.reproductions import ReproductionRecord
from bench.records.schema.run import facts_of, make_metadata
from bench.records.seed_runs import Result, read_result
from models.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.data.datasets import Dataset
    from bench.records.run_file import Content
    from bench.records.schema.run import Metadata

FOLDER = "reproduction"
"""Where the run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""

SAME_TO_RESUME = ("commit", "packages", "threads", "dataset_sha256")
"""The other options are taken from the run that was stopped."""


def case_name(recipe: str) -> str:
    """The case of a recipe: ``reproduce[t4_mnist_64_32]``."""
    return cases.case_name("reproduce", recipe)


def run_content(
    results: Mapping[str, Result], datasets: Mapping[str, Dataset], metadata: Mapping[str, Any], *, complete: bool
) -> Content:
    """The metadata and the rows of a reproduction's run file."""
    own = make_metadata(metadata, complete=complete, cases_planned=[case_name(name) for name in results])
    done = {name: result for name, result in results.items() if result.seed_runs or result.faults}
    return own, [_record(name, result, datasets, own) for name, result in done.items()]


def read_results(run: Run) -> dict[str, Result]:
    """The stored result of each published recipe, by name."""
    found = {record.recipe: read_result(record) for record in run.of(ReproductionRecord)}
    return {name: found[name] for name in PUBLISHED if name in found}


@dataclass(frozen=True, slots=True)
class Stopped:
    """A reproduction that was stopped before its end.

    Attributes:
        metadata: what was known before it, as `make_metadata` takes it.
        recipes: names of the recipes that were planned.
    """

    path: Path
    run: Run
    metadata: dict[str, Any]
    recipes: Sequence[str]


def find_unfinished(folder: Path) -> Stopped:
    """The newest run in a folder that was stopped before its end.

    Raises:
        DensebenchError: there is none.
    """
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            run = read_run(path)
        except RunFileError:
            continue
        if not run.complete:
            planned = [name for name in PUBLISHED if case_name(name) in run.metadata.cases_planned]
            return Stopped(path, run, facts_of(run.metadata), planned)
    raise DensebenchError(
        f"--resume: {folder} holds no reproduction that was stopped; leave --resume out to begin one."
    )


def check_same(stopped: Stopped, now: Mapping[str, Any]) -> None:
    """Check that further trainings would be made like those of the stopped run.

    Raises:
        DensebenchError: a field of `SAME_TO_RESUME` differs; the message names it.
    """
    for name in SAME_TO_RESUME:
        before = stopped.metadata.get(name)
        if before != now[name]:
            raise DensebenchError(
                f"--resume: {stopped.path} was made with {name} {before!r}, now it is {now[name]!r}. "
                f"Leave --resume out to begin anew."
            )


def count_trainings(results: Mapping[str, Result]) -> int:
    """The number of trainings in all results."""
    return sum(len(result.seed_runs) for result in results.values())


def _record(name: str, result: Result, datasets: Mapping[str, Dataset], metadata: Metadata) -> ReproductionRecord:
    published = PUBLISHED[name]
    first = result.seed_runs[0] if result.seed_runs else None
    dataset = datasets.get(published.dataset)
    return ReproductionRecord(
        case=case_name(name),
        status="unavailable" if not result.available else "invalid" if result.faults else "valid",
        faults=tuple(result.faults),
        values_s=round_timings([one.fit_s or 0 for one in result.seed_runs]),
        recipe=name,
        source=published.source,
        dataset=published.dataset,
        dataset_sha256=dataset.sha256 if dataset else None,
        device=metadata.device,
        threads=metadata.threads,
        batch_size=published.recipe.training.batch_size,
        trainer=first.trainer if first else None,
        parameters=first.parameters if first else None,
        train_images=first.train_images if first else None,
        first_model=result.first_model,
        seed_runs=tuple(msgspec.structs.replace(one, fit_s=None) for one in result.seed_runs),
    )
