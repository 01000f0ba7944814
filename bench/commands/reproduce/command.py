"""`python -m bench reproduce`: train each tutorial recipe from several seeds, and compare with published figures."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.arguments import add_common, command_line
from bench.commands.cluster import add_cluster_options, elsewhere
from bench.commands.reproduce.reproduction import Reproduction
from bench.commands.suite.model_store import ModelStore
from bench.data.datasets import Dataset, load_dataset
from bench.errors import ALARM, FAILED, FINE, DensebenchError, unknown_name
from bench.files import short
from bench.formats import format_counted
from bench.host.devices import Device, claim_device, parse_device, start_tensorflow
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt, logging_to
from bench.records.record import RunReader
from bench.records.reproductions import (
    FOLDER,
    Stopped,
    check_same,
    count_trainings,
    find_unfinished,
    read_results,
)
from bench.records.run_file import DEFAULT_RESULTS, RunWriter, reserve_run_path
from bench.records.seed_runs import Result
from bench.report.own_pages import refresh_pages
from bench.report.pages.reproduction import reproduction_page
from bench.report.pages.reproduction_details import details_page
from bench.training import KERAS_TRAINERS
from bench.training.keras_model import accept_published_losses
from models.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEEDS, FEW_SEEDS = 30, 5
"""Trainings of a recipe with published figures, and of one without."""
MEMORY_BYTES = 3_000_000_000
"""Of the one process, whose trainings run side by side."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options; `run` checks them."""
    parser.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help=f"a recipe, or how several begin (t4) (default: all): {', '.join(PUBLISHED)}",
    )
    seeds_help = f"trainings per recipe (default: {SEEDS} where figures are published, else {FEW_SEEDS})"
    parser.add_argument("--seeds", type=int, metavar="N", help=seeds_help)
    parser.add_argument("--resume", action="store_true", help="go on with the newest run that was stopped")
    parser.add_argument("--details", action="store_true", help="print everything that the tutorials show, too")
    parser.add_argument("--trainer", default=KERAS_TRAINERS[0], help="as for pytest (default: %(default)s)")
    add_common(parser, "device", "data-dir")
    parser.add_argument("--quick", action="store_true", help="protocols cut down to seconds; the figures mean nothing")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reproduce, store and print.

    Returns:
        `FINE` where every recipe was trained as it should; `ALARM` where one is INVALID, else `FAILED` where the data
        of one cannot be had.

    Raises:
        DensebenchError: an option is wrong, no data can be had, or there is nothing to resume.
    """
    if (status := elsewhere(arguments, "reproduce")) is not None:
        return status
    progress = Progress(sys.stdout)
    with logging_to(progress):
        reproduction = prepare(arguments, progress)
        with kept_on_interrupt(progress, lambda: _stored(reproduction)):
            reproduction.train()
            saved = reproduction.save(complete=True)
    return tell(reproduction, arguments.results, details=arguments.details) if saved else FAILED


def prepare(arguments: argparse.Namespace, progress: Progress) -> Reproduction:
    """Everything that can go wrong before the first training."""
    folder = f"{machine_name()}/{FOLDER}"
    stopped = find_unfinished(arguments.results / "raw" / folder) if arguments.resume else None
    if stopped:
        arguments = _options_of(stopped, arguments)
    _check(arguments)
    names, device = choose(arguments.ids), parse_device(arguments.device)
    say_needs(progress, memory_bytes=MEMORY_BYTES, results=arguments.results)
    claim_device(device)
    datasets, missing = load_datasets(names, arguments.data_dir)
    for reason in missing.values():
        progress.done(reason)
    started_at = datetime.now(timezone.utc)
    metadata = _metadata(arguments, device, datasets, started_at)
    results = {name: _begin(name, missing) for name in names}
    if stopped:
        check_same(stopped, metadata)
        path, metadata = stopped.path, stopped.metadata
        results |= read_results(stopped.run)
        progress.done(f"going on with {path}")
    else:
        label = f"{FOLDER}{'-quick' if arguments.quick else ''}"
        path = reserve_run_path(arguments.results, folder, label, started_at)
    progress.update("starting TensorFlow")
    start_tensorflow(device)
    accept_published_losses()
    model_stores = {
        name: ModelStore(dataset, device, quick=arguments.quick, seeds=(0,), trainer=arguments.trainer)
        for name, dataset in datasets.items()
    }
    exports = arguments.results / "onnx" / path.stem
    return Reproduction(
        {name: count_seeds(name, arguments.seeds) for name in names},
        results,
        model_stores,
        metadata,
        RunWriter(path, progress),
        exports,
        progress,
        stored=count_trainings(results),
    )


def choose(ids: Sequence[str]) -> list[str]:
    """The recipes that `ids` name, in table order: ``t5_mlp_128`` or ``T5-mlp-128``; ``t4`` is all of that tutorial.

    Raises:
        DensebenchError: one of them names none.
    """
    wanted: set[str] = set()
    for text in ids:
        name = text.lower().replace("-", "_")
        matches = {name} & PUBLISHED.keys() or {known for known in PUBLISHED if known.startswith(f"{name}_")}
        if not matches:
            raise unknown_name("recipe", text, PUBLISHED)
        wanted |= matches
    return [name for name in PUBLISHED if name in wanted or not ids]


def count_seeds(name: str, asked: int | None) -> int:
    """How many trainings a recipe gets: what the user asked for, else `SEEDS` where it has published figures."""
    return asked or (SEEDS if PUBLISHED[name].figures else FEW_SEEDS)


def load_datasets(names: Sequence[str], data_dir: Path | None) -> tuple[dict[str, Dataset], dict[str, str]]:
    """The data sets that recipes need, by name, and why one that is missing could not be had.

    Raises:
        DensebenchError: not one of them can be had.
    """
    found, missing = {}, {}
    for name in dict.fromkeys(PUBLISHED[recipe].dataset for recipe in names):
        try:
            found[name] = load_dataset(name, data_dir)
        except DensebenchError as error:
            missing[name] = str(error)
    if not found:
        raise DensebenchError("\n".join(missing.values()))
    return found, missing


def tell(reproduction: Reproduction, results: Path, *, details: bool) -> int:
    """Print what came out and write the pages; the exit status."""
    reader = RunReader()
    run = reader.read(reproduction.writer.path)
    lines = [reproduction_page(run)]
    if details:
        lines.append(details_page(run))
    written = [short(reproduction.writer.path), short(reproduction.exports)]
    written += refresh_pages(results, "reproduction", reader, run)
    lines += ["Wrote:", *(f"  {one}" for one in written)]
    for line in lines:
        reproduction.progress.done(line)
    found = reproduction.results.values()
    if any(result.faults and result.available for result in found):
        return ALARM
    return FAILED if any(result.faults for result in found) else FINE


def _begin(name: str, missing: dict[str, str]) -> Result:
    reason = missing.get(PUBLISHED[name].dataset)
    if reason is None:
        return Result()
    return Result(faults=[reason.splitlines()[0].rstrip(":")], available=False)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.seeds is not None and arguments.seeds < 1:
        raise DensebenchError(f"--seeds {arguments.seeds} is not a number of trainings: a whole number from 1 up is.")
    if arguments.trainer not in KERAS_TRAINERS:
        raise unknown_name("trainer", arguments.trainer, KERAS_TRAINERS)


def _options_of(stopped: Stopped, arguments: argparse.Namespace) -> argparse.Namespace:
    """The stopped run's options, but for the folders of data and results."""
    seeds = len(stopped.metadata["seeds"])
    chosen = {"ids": stopped.recipes, "seeds": None if seeds == SEEDS else seeds}
    chosen |= {name: stopped.metadata[name] for name in ("trainer", "device", "quick")}
    return argparse.Namespace(**{**vars(arguments), **chosen})


def _metadata(
    arguments: argparse.Namespace, device: Device, datasets: Mapping[str, Dataset], started_at: datetime
) -> dict[str, Any]:
    return collect_metadata(
        device,
        started_at,
        command=command_line(arguments),
        dataset=", ".join(datasets),
        dataset_sha256={name: dataset.sha256 for name, dataset in datasets.items()},
        dataset_source=", ".join(dict.fromkeys(dataset.source for dataset in datasets.values())),
        trainer=arguments.trainer,
        quick=arguments.quick,
        seeds=list(range(arguments.seeds or SEEDS)),
    )


def _stored(reproduction: Reproduction) -> str:
    if not reproduction.stored:
        return "Nothing was stored yet."
    done = format_counted(reproduction.stored, "training")
    return f"Stored so far: {done}, in {reproduction.writer.path}; `--resume` goes on from there."
