"""`python -m bench trainers`: every way to train side by side.

A block is a fresh process per backend, and every variant in drawn order, one at work at a time.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.arguments import add_common, command_line
from bench.commands.trainers.measure import (
    REPETITIONS,
    Case,
    mark_missing,
    measure,
    plan_cases,
    plan_orders,
    run_content,
)
from bench.commands.trainers.variants import VARIANTS
from bench.data.datasets import Dataset, load_dataset
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.host.devices import Device, claim_device, parse_device
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.host.process import Worker, on_cpus, own_cpus
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.run_file import DEFAULT_RESULTS, RunWriter, reserve_run_path
from bench.records.trainers import FOLDER
from bench.report.own_pages import print_stored
from bench.report.pages.trainers import trainer_page

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from bench.records.run_file import Content

DEFAULT_BLOCKS = 5
DATASETS = ("fashion_mnist", "mnist")
"""Those whose images fill whole batches."""
MEMORY_BYTES = {
    "tensorflow": 3_200_000_000,
    "jax": 1_000_000_000,
    "torch": 1_000_000_000,
    "numpy": 300_000_000,
}
"""Of each backend's worker with all its variants; they are there at the same time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--blocks", type=int, default=DEFAULT_BLOCKS, metavar="N", help="fresh processes of each")
    add_common(parser, "device", "data-dir")
    parser.add_argument("--dataset", default=DATASETS[0], choices=DATASETS)
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")


def run(arguments: argparse.Namespace) -> int:
    """Measure all variants, store them, write their page and print it.

    Returns:
        `ALARM` where a variant trained no valid model; else `FAILED` where one failed, and `FINE` where none did.

    Raises:
        DensebenchError: an option is wrong, or the data cannot be had.
    """
    device = parse_device(arguments.device)
    if device.kind != "cpu":
        raise DensebenchError(f"--device {arguments.device!r}: the trainers are compared on cpu or cpu:N only.")
    if arguments.blocks < 1:
        raise DensebenchError(f"--blocks {arguments.blocks} is not a number of processes: a whole number from 1 up.")
    started_at = datetime.now(timezone.utc)
    progress = Progress(sys.stdout)
    cases = plan_cases()
    mark_missing(cases)
    backends = {VARIANTS[case.variant].backend for case in cases if case.measurable}
    say_needs(progress, memory_bytes=sum(MEMORY_BYTES[one] for one in backends), results=arguments.results)
    dataset = load_dataset(arguments.dataset, arguments.data_dir)
    label = f"{dataset.name}-{device.name.replace(':', '')}-trainers"
    path = reserve_run_path(arguments.results, f"{machine_name()}/{FOLDER}", label, started_at)
    orders = plan_orders(arguments.blocks, seed := secrets.randbelow(2**32))
    metadata = _metadata(arguments, dataset, device, started_at) | {"order_seed": seed, "orders": orders}

    writer = RunWriter(path, progress)

    def content(*, complete: bool) -> Content:
        return run_content(cases, metadata, complete=complete)

    def kept() -> str:
        blocks = min((len(case.values_s) // REPETITIONS for case in cases if case.measurable), default=0)
        if not blocks:
            return "No block was complete, so nothing is kept."
        return f"Kept: {blocks} of {arguments.blocks} blocks, in {path}; the same command begins anew."

    with kept_on_interrupt(progress, kept):
        measure(
            cases,
            lambda: open_workers(cases, arguments, device, progress),
            orders,
            dataset=dataset.name,
            progress=progress,
            save=lambda: writer.save(content(complete=False)),
        )
    if not writer.finish(content(complete=True)):
        return FAILED
    print_stored(path, arguments.results, "trainers", trainer_page, progress)
    if any(case.invalid for case in cases):
        return ALARM
    return FAILED if any(case.failed for case in cases) else FINE


@contextmanager
def open_workers(
    cases: Sequence[Case], arguments: argparse.Namespace, device: Device, progress: Progress
) -> Iterator[dict[str, Worker]]:
    """A fresh worker for each backend that has a case to measure, all on the same CPUs and with as many threads.

    What those that failed wrote to standard error is printed at the end of the block.
    """
    claim_device(device)
    os.environ["JAX_PLATFORMS"] = "cpu"
    settings = {
        "dataset": arguments.dataset,
        "data_dir": arguments.data_dir and str(arguments.data_dir.absolute()),
        "threads": device.threads,
    }
    command = [sys.executable, "-m", "bench.commands.trainers.worker", json.dumps(settings)]
    wanted = dict.fromkeys(VARIANTS[case.variant].backend for case in cases if case.measurable)
    workers: dict[str, Worker] = {}
    try:
        # JAX's thread pool is as large as the number of CPUs that it may use.
        with on_cpus(own_cpus()[: device.threads]):
            for backend in wanted:
                workers[backend] = Worker(command)
        measurable = [case for case in cases if case.measurable]
        yield workers
        _show_errors(measurable, workers, progress)
    finally:
        for worker in workers.values():
            worker.close()


def _metadata(arguments: argparse.Namespace, dataset: Dataset, device: Device, started_at: datetime) -> dict[str, Any]:
    return collect_metadata(
        device,
        started_at,
        command=command_line(arguments),
        more_packages=("jax", "jaxlib", "optax", "torch"),
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        dataset_source=dataset.source,
        trainer="all",
        quick=arguments.blocks < DEFAULT_BLOCKS,
    )


def _show_errors(cases: Sequence[Case], workers: Mapping[str, Worker], progress: Progress) -> None:
    """Print the failed cases with what their workers wrote to standard error."""
    for backend, worker in workers.items():
        failed = [case for case in cases if case.failed and VARIANTS[case.variant].backend == backend]
        for case in failed:
            progress.done(f"FAILED {case.name}: {case.failed}")
        if failed and (text := worker.errors()):
            progress.done(text)
