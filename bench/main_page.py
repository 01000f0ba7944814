"""The main job's pages: the newest stored run of a data set as tables. No framework is imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.datasets import DATASETS
from bench.records import DEFAULT_BACKEND, read_runs
from bench.tables import caption, headline_table, latency_table, notices, training_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.files import Pages
    from bench.records import Run

DEFAULT_DEVICE = "cpu"
ENOUGH_SEEDS = 3
"""With fewer there is hardly a spread; a run of more is not preferred to a newer one."""


def choose_run(runs: Sequence[Run], dataset: str) -> Run | None:
    """The run of a data set that its tables show: the newest of those that cover most, on all cores if there is one.

    A run of chosen models or an interrupted one never takes the place of a whole one, nor one on an older TensorFlow
    of one on a newer, nor one of a single seed of one of several; a quick run is never shown.
    """
    candidates = [run for run in runs if run.dataset == dataset and run.backend == DEFAULT_BACKEND and not run.quick]
    return max(
        candidates,
        key=lambda run: (
            _coverage(run),
            run.device == DEFAULT_DEVICE,
            _tensorflow(run),
            min(_trainings(run), ENOUGH_SEEDS),
            run.started_at,
        ),
        default=None,
    )


def headline_section(run: Run) -> str:
    """The results table with its caption and whatever must be known before believing it."""
    return "\n\n".join([*notices(run), headline_table(run), caption(run)])


def make_tables(results: Path) -> Pages:
    """A page for every data set that has a full run."""
    runs, complaints = read_runs(results)
    shown = {dataset: choose_run(runs, dataset) for dataset in DATASETS}
    return {dataset: tables_page(run) for dataset, run in shown.items() if run}, complaints


def tables_page(run: Run) -> str:
    """All tables of one run as a Markdown page."""
    return (
        "\n\n".join(
            [
                f"# {run.dataset}",
                headline_section(run),
                "## Training, seed by seed",
                training_table(run),
                "## ONNX Runtime latency",
                latency_table(run),
            ]
        )
        + "\n"
    )


def _coverage(run: Run) -> int:
    """How many kinds of valid rows a run has. Thread counts are left out, or the machine with more cores would win."""
    return len({(record.recipe, record.stage, record.batch_size) for record in run.records if not record.faults})


def _trainings(run: Run) -> int:
    """How many seeds each model of a run was trained from."""
    return min((len(record.values_s) for record in run.records if record.stage == "train"), default=0)


def _tensorflow(run: Run) -> tuple[int, ...]:
    """The release of TensorFlow, as something that orders: (2, 21)."""
    numbers = re.findall(r"\d+", str(run.packages.get("tensorflow") or ""))
    return tuple(int(number) for number in numbers[:2])
