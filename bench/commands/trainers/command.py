"""`python -m bench trainers`: every way to train side by side.

A block is a fresh process per backend, and every variant in drawn order, one at work at a time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import secrets
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.arguments import add_common, command_line
from bench.commands.trainers.variants import BACKENDS, COMPARED, LIMITS, VARIANTS, WIDTHS
from bench.data.datasets import Dataset, load_dataset
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.files import short
from bench.host.devices import Device, claim_device, parse_device
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.host.process import Asked, Worker, WorkerError, on_cpus, own_cpus
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.cases import case_name
from bench.records.record import RunReader
from bench.records.run_file import DEFAULT_RESULTS, RunWriter, reserve_run_path, round_timings
from bench.records.schema.rows import Interference
from bench.records.schema.run import convert, make_metadata
from bench.records.schema.trainers import TrainerFacts, TrainerRecord
from bench.records.trainers import FOLDER
from bench.report.own_pages import refresh_pages
from bench.report.pages.trainers import trainer_page
from models import RECIPES
from models.recipe import QUICK_FLOOR

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bench.records.run_file import Content
    from bench.records.schema.run import Metadata

DEFAULT_BLOCKS = 5
REPETITIONS = 3
"""Of every variant in each block, in turns with all others: the fastest one tells, since cores have slow states."""
DATASETS = ("fashion_mnist", "mnist")
"""Those whose images fill whole batches."""
MEMORY_BYTES = {
    "tensorflow": 3_200_000_000,
    "jax": 1_000_000_000,
    "torch": 1_000_000_000,
    "numpy": 300_000_000,
}
"""Of each backend's worker with all its variants; they are there at the same time."""
SETTLE_S = 0.3
"""Before each repetition: idle threads of the process that worked last may still spin."""


@dataclass
class Case:
    """One row while it is measured.

    Attributes:
        position: its place in the tables.
        blocks: which block each of `values_s` belongs to.
        epochs: how many epochs each of them was.
        accuracies: the test accuracy (0-1) after each repetition; empty for a limit.
        prepared: the worker's answer once the variant is ready: `epochs` per repetition, `warm_up_epochs` before them,
            `train_images`, `facts`.
        unavailable: why this machine cannot measure it, though nothing is broken.
        failed: what went wrong.
        invalid: whether that is a model that has not learnt enough.
    """

    position: int
    variant: str
    recipe: str
    batch_size: int
    values_s: list[float] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    interference: list[Any] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    prepared: Mapping[str, Any] = field(default_factory=dict)
    unavailable: str | None = None
    failed: str | None = None
    invalid: bool = False

    @property
    def name(self) -> str:
        """``trainer[deep_mlp,trainer=compiled,batch=32]``."""
        return case_name("trainer", self.recipe, trainer=self.variant, batch=self.batch_size)

    @property
    def measurable(self) -> bool:
        """Whether nothing has gone wrong with it so far."""
        return self.unavailable is None and self.failed is None


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
    reader = RunReader()
    stored = reader.read(path)
    written = [short(path), *refresh_pages(arguments.results, "trainers", reader, stored)]
    for line in [trainer_page(stored), "Wrote:", *(f"  {one}" for one in written)]:
        progress.done(line)
    if any(case.invalid for case in cases):
        return ALARM
    return FAILED if any(case.failed for case in cases) else FINE


def plan_cases() -> list[Case]:
    """Plan all cases, in table order."""
    named = [(variant, *model_store) for model_store, variants in COMPARED.items() for variant in variants]
    return [Case(position, *each) for position, each in enumerate(named)]


def plan_orders(blocks: int, seed: int, repetitions: int = REPETITIONS) -> list[list[int]]:
    """For each block the positions of all cases, shuffled anew for each repetition."""
    source = random.Random(seed)
    positions = range(len(plan_cases()))
    return [
        [place for _ in range(repetitions) for place in source.sample(positions, len(positions))] for _ in range(blocks)
    ]


def mark_missing(cases: Sequence[Case], find: Callable[[str], object | None] = importlib.util.find_spec) -> None:
    """Mark the cases whose backend's packages are not installed; nothing is imported for that."""
    for case in cases:
        backend = VARIANTS[case.variant].backend
        if missing := [package for package in BACKENDS[backend] if find(package) is None]:
            case.unavailable = f"not installed: {', '.join(missing)} (`tox -e trainers` has everything)"


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


def measure(  # noqa: PLR0913  who takes part, in which order, and what a test replaces
    cases: Sequence[Case],
    start: Callable[[], AbstractContextManager[Mapping[str, Asked]]],
    orders: Sequence[Sequence[int]],
    *,
    dataset: str,
    progress: Progress,
    save: Callable[[], None],
    settle: Callable[[], None] = lambda: time.sleep(SETTLE_S),
) -> None:
    """In each block, prepare all cases in fresh processes and repeat each in turns; `save` after each block.

    A case that fails is left out from then on; all others are measured. At the end, what they have trained is judged.
    """
    for block, order in enumerate(orders):
        where = f"[block {block + 1}/{len(orders)}]"
        with start() as workers:
            for case in cases:
                progress.update(f"{where} preparing {case.name}")
                request = {"variant": case.variant, "recipe": case.recipe, "batch_size": case.batch_size}
                case.prepared = _ask(case, workers, {"do": "prepare", "case": case.name, **request}) or case.prepared
            for position in order:
                case = cases[position]
                progress.update(f"{where} {case.name}")
                settle()
                if answer := _ask(case, workers, {"do": "repeat", "case": case.name}):
                    case.values_s.append(answer["value_s"])
                    case.blocks.append(block)
                    case.epochs.append(int(case.prepared["epochs"]))
                    case.interference.append(answer["contamination"])
                    case.accuracies += [] if answer["test_accuracy"] is None else [answer["test_accuracy"]]
        save()
    for case in cases:
        if case.measurable:
            case.failed = accuracy_fault(case, dataset)
            case.invalid = case.failed is not None


def accuracy_fault(case: Case, dataset: str) -> str | None:
    """The reason that a trained case is INVALID; ``None`` where it is valid, and for limits."""
    if case.variant in LIMITS:
        return None
    recipe = RECIPES[case.recipe]
    floor = recipe.accuracy_floors[dataset] if epochs_trained(case) >= recipe.training.epochs else QUICK_FLOOR
    if case.accuracies and case.accuracies[-1] >= floor:
        return None
    return f"test accuracy {case.accuracies[-1] if case.accuracies else None} is below the floor of {floor}"


def epochs_trained(case: Case) -> int:
    """Epochs of the warm-up and of the timed repetitions of the last process together."""
    last = [epochs for block, epochs in zip(case.blocks, case.epochs, strict=True) if block == case.blocks[-1]]
    return int(case.prepared.get("warm_up_epochs", 0)) + sum(last)


def run_content(cases: Sequence[Case], metadata: Mapping[str, Any], *, complete: bool) -> Content:
    """The run file: a row per case."""
    own = make_metadata(metadata, complete=complete, cases_planned=[case.name for case in cases])
    return own, [_record(case, own) for case in cases]


def _record(case: Case, metadata: Metadata) -> TrainerRecord:
    return TrainerRecord(
        case=case.name,
        status="failed" if case.failed else "unavailable" if case.unavailable else "valid",
        faults=tuple(fault for fault in (case.failed, case.unavailable) if fault),
        values_s=round_timings(case.values_s),
        position=case.position,
        recipe=case.recipe,
        batch_size=case.batch_size,
        trainer=case.variant,
        backend=VARIANTS[case.variant].backend,
        dataset=metadata.dataset,
        dataset_sha256=metadata.dataset_sha256 if isinstance(metadata.dataset_sha256, str) else None,
        device=metadata.device,
        threads=metadata.threads,
        widths=tuple(WIDTHS[case.recipe]),
        train_images=case.prepared.get("train_images"),
        facts=convert(case.prepared.get("facts", {}), TrainerFacts),
        blocks=tuple(case.blocks),
        epochs_run=tuple(case.epochs),
        epochs_trained=epochs_trained(case),
        warm_up_epochs=case.prepared.get("warm_up_epochs"),
        test_accuracies=tuple(case.accuracies[-1:]),
        accuracies_by_block=tuple(case.accuracies),
        interference=tuple(convert(one, Interference) for one in case.interference),
    )


def _ask(case: Case, workers: Mapping[str, Asked], request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer; ``None`` where the case is out already, or is from now on, with the reason in it."""
    if not case.measurable:
        return None
    try:
        answer = workers[VARIANTS[case.variant].backend].ask(request)
    except WorkerError as error:
        case.failed = str(error)
        return None
    case.failed, case.unavailable = answer.get("failed"), answer.get("unavailable")
    return answer if case.measurable else None


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
