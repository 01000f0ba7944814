"""The rows of `trainers`: planned, measured block by block, judged, and turned into a run file."""

from __future__ import annotations

import importlib.util
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.commands.trainers.variants import BACKENDS, COMPARED, LIMITS, VARIANTS, WIDTHS
from bench.host.process import Asked, WorkerError
from bench.records.cases import case_name
from bench.records.run_file import round_timings
from bench.records.schema.rows import Interference
from bench.records.schema.run import convert, make_metadata
from bench.records.schema.trainers import TrainerFacts, TrainerRecord
from models import RECIPES
from models.recipe import QUICK_FLOOR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bench.progress import Progress
    from bench.records.run_file import Content
    from bench.records.schema.run import Metadata

REPETITIONS = 3
"""Of every variant in each block, in turns with all others: the fastest one tells, since cores have slow states."""
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
