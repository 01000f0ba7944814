"""Reports: the newest stored run becomes `results/tables/*.md` and the README's section. No framework is imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.datasets import DATASETS
from bench.errors import DensebenchError
from bench.files import write_atomically, write_page
from bench.records import DEFAULT_BACKEND
from bench.tables import caption, headline_table, latency_table, notices, training_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.records import Run

RESULTS_TABLE = "results table"
TRAINERS_TABLE = "trainers table"
SELFTEST_TABLE = "self-test table"
README_DATASET = "fashion_mnist"
DEFAULT_DEVICE = "cpu"


def choose_run(runs: Sequence[Run], dataset: str) -> Run | None:
    """The run of a data set that its tables show: the newest of those that cover most, on all cores if there is one.

    A run of chosen models or an interrupted one never takes the place of a whole one, nor one on an older TensorFlow
    of one on a newer; a quick run is never shown.
    """
    candidates = [run for run in runs if run.dataset == dataset and run.backend == DEFAULT_BACKEND and not run.quick]
    return max(
        candidates,
        key=lambda run: (_coverage(run), run.device == DEFAULT_DEVICE, _tensorflow(run), run.started_at),
        default=None,
    )


def headline_section(run: Run) -> str:
    """The results table with its caption and whatever must be known before believing it."""
    return "\n\n".join([*notices(run), headline_table(run), caption(run)])


def write_tables(runs: Sequence[Run], results: Path) -> list[Path]:
    """Write `tables/<dataset>.md` for every data set that has a full run; the paths written."""
    shown = {dataset: choose_run(runs, dataset) for dataset in DATASETS}
    return [write_page(results, dataset, tables_page(run)) for dataset, run in shown.items() if run]


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


def refresh_readme(readme: Path, name: str, section: str) -> None:
    """Put `section` between the README's markers of that name.

    Raises:
        DensebenchError: a marker is missing, or they stand in the wrong order; the file is left as it is.
    """
    text = readme.read_text(encoding="utf-8")
    first, last = readme_markers(name)
    start, end = text.find(first), text.find(last)
    for marker, place in ((first, start), (last, end)):
        if place < 0:
            raise DensebenchError(f"{readme}: the marker {marker!r} is missing; the {name} goes between the two.")
    if end < start:
        raise DensebenchError(f"{readme}: the marker {last!r} stands before {first!r}.")
    write_atomically(readme, f"{text[: start + len(first)]}\n\n{section}\n\n{text[end:]}".encode())


def readme_markers(name: str) -> tuple[str, str]:
    """The lines of the README between which a section of that name goes."""
    return (
        f"<!-- densebench: {name}, written by `python -m bench report --readme` -->",
        f"<!-- densebench: end of the {name} -->",
    )


def _coverage(run: Run) -> int:
    """How many kinds of valid rows a run has. Thread counts are left out, or the machine with more cores would win."""
    return len({(record.recipe, record.stage, record.batch_size) for record in run.records if not record.faults})


def _tensorflow(run: Run) -> tuple[int, ...]:
    """The release of TensorFlow, as something that orders: (2, 21)."""
    numbers = re.findall(r"\d+", str(run.packages.get("tensorflow") or ""))
    return tuple(int(number) for number in numbers[:2])
