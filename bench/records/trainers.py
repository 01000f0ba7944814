"""What a stored run of `trainers` comes to: rates, ratios, limits, and the time to an accuracy."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.records.schema.trainers import TrainerRecord
from bench.stats.visits import Figure, geometric_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run

FOLDER = "trainers"
"""Where its run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""
BASELINE = "fit"
"""The trainer that the others are held against."""
BATCH_LIMIT = "limit at this batch size"
PRODUCT_LIMIT = "matrix product limit"
GIGA = 1e9

Blocks = dict[int, float]
"""Block number to what was reached in it."""


def flops_per_image(widths: Sequence[int]) -> int:
    """The floating-point operations of the matrix products that training a stack of Dense layers takes per image.

    A product over a kernel of w weights takes 2w: forward and the kernel's gradient in each layer, the gradient of the
    inputs in each but the first.
    """
    kernels = [inputs * units for inputs, units in pairwise(widths)]
    return 6 * sum(kernels) - 2 * kernels[0]


def is_limit(record: TrainerRecord, limit: str = "") -> bool:
    """Whether a row is a limit and no training; of this kind, whatever library multiplied."""
    names = (limit,) if limit else (BATCH_LIMIT, PRODUCT_LIMIT)
    return (record.trainer or "").startswith(names)


def repetition_rates(record: TrainerRecord) -> list[float]:
    """The images per second of each repetition."""
    if is_limit(record, PRODUCT_LIMIT):
        rate = (record.facts.flops or 0) / flops_per_image(record.widths)
        return [rate / value_s for value_s in record.values_s]
    images = record.train_images or 0
    timed = zip(record.epochs_run, record.values_s, strict=True)
    return [images * epochs / value_s for epochs, value_s in timed]


def rates(record: TrainerRecord) -> Blocks:
    """The images per second in each block: those of its fastest repetition."""
    found: dict[int, list[float]] = {}
    for block, rate in zip(record.blocks, repetition_rates(record), strict=True):
        found.setdefault(block, []).append(rate)
    return {block: max(values) for block, values in found.items()}


def mean_rate(record: TrainerRecord) -> Figure | None:
    """The images per second over all blocks."""
    return _middle(record, list(rates(record).values()))


def best_rate(record: TrainerRecord) -> float:
    """The images per second of the best repetition: what a limit is."""
    return max(repetition_rates(record))


def gigaflops(record: TrainerRecord) -> float:
    """Of the best repetition."""
    return (record.facts.flops or 0) / min(record.values_s) / GIGA


def rates_of(run: Run, like: TrainerRecord, trainer: str) -> Blocks:
    """The rates of another variant of the same model and batch size; none where it has no valid row."""
    same = (like.recipe, like.batch_size, trainer)
    for record in run.of(TrainerRecord):
        if (record.recipe, record.batch_size, record.trainer) == same and not record.faults:
            return rates(record)
    return {}


def ratio_to(run: Run, record: TrainerRecord, trainer: str) -> Figure | None:
    """The ratio of a row's rate to that of another variant of the same model and batch size, within blocks."""
    if record.trainer == trainer:
        return Figure(1.0)
    return _middle(record, _ratios(rates(record), rates_of(run, record, trainer)))


def same_as_best(run: Run, like: TrainerRecord) -> list[TrainerRecord]:
    """The trainings of a row's model and batch size whose rate cannot be told from the fastest one's; 2 or more."""
    found = [
        one
        for one in run.of(TrainerRecord)
        if (one.recipe, one.batch_size) == (like.recipe, like.batch_size) and not is_limit(one)
        if one.values_s and not one.faults and has_processes(one)
    ]
    best = max(found, key=lambda one: statistics.median(rates(one).values()), default=like)
    same = [one for one in found if one is best or not _is_below(geometric_mean(_ratios(rates(one), rates(best))))]
    return same if len(same) > 1 else []


def limit_rate(run: Run, record: TrainerRecord, limit: str) -> float | None:
    """The best rate that a limit reached over the run, for the shapes of a row; ``None`` where it was not measured."""
    found = limits(run, limit)
    if limit == PRODUCT_LIMIT:  # the same product for all: of the whole run
        return max(map(gigaflops, found)) * GIGA / flops_per_image(record.widths) if found else None
    own = [one for one in found if (one.recipe, one.batch_size) == (record.recipe, record.batch_size)]
    return max(map(best_rate, own), default=None)


def best_limits(run: Run, limit: str) -> list[TrainerRecord]:
    """The row of the best library, for each model and batch size."""
    best: dict[tuple[str, int], TrainerRecord] = {}
    for record in sorted(limits(run, limit), key=lambda one: one.position):
        key = record.recipe, record.batch_size
        best[key] = max((best.get(key, record), record), key=gigaflops)
    return list(best.values())


def until_accuracy(record: TrainerRecord, target: float) -> tuple[float, float] | None:
    """Training seconds and epochs until the test accuracy is first seen to be a target or more, the processes' median.

    Repetitions count whole, as accuracies are taken after them; the epochs that warmed the variant up are counted at
    its median time per epoch. ``None``: not reached by each process, or stored before accuracies were.
    """
    accuracies, warm_up = record.accuracies_by_block, record.warm_up_epochs
    if warm_up is None or len(accuracies) != len(record.values_s):
        return None
    found = [_until(record, places, target, warm_up) for places in _processes(record)]
    reached = [one for one in found if one]
    if len(reached) < len(found):
        return None
    training_s, epochs = (statistics.median(values) for values in zip(*reached, strict=True))
    return training_s, epochs


def limits(run: Run, limit: str) -> list[TrainerRecord]:
    """The valid rows of a limit, whatever library multiplied."""
    return [one for one in run.of(TrainerRecord) if is_limit(one, limit) and one.values_s and not one.faults]


def has_processes(record: TrainerRecord) -> bool:
    """Whether each block is a process of its own."""
    return record.epochs_trained < (record.warm_up_epochs or 0) + sum(record.epochs_run) or len(set(record.blocks)) == 1


def _processes(record: TrainerRecord) -> list[list[int]]:
    """The places of the repetitions of each process: those of a block; in older files all (see the schema)."""
    places = range(len(record.blocks))
    if not has_processes(record):
        return [list(places)]
    return [[place for place in places if record.blocks[place] == block] for block in dict.fromkeys(record.blocks)]


def _until(record: TrainerRecord, places: Sequence[int], target: float, warm_up: int) -> tuple[float, int] | None:
    """Seconds and epochs of a process's training until its accuracy is first seen to be the target."""
    reached = next((count for count, place in enumerate(places) if record.accuracies_by_block[place] >= target), None)
    if reached is None:
        return None
    epoch_s = statistics.median(record.values_s[place] / record.epochs_run[place] for place in places)
    taken = places[: reached + 1]
    training_s = warm_up * epoch_s + math.fsum(record.values_s[place] for place in taken)
    return training_s, warm_up + sum(record.epochs_run[place] for place in taken)


def _middle(record: TrainerRecord, values: Sequence[float]) -> Figure | None:
    """The mean of a value per block with its interval; the median alone where all blocks are of one process."""
    if has_processes(record) or not values:
        return geometric_mean(values)
    return Figure(statistics.median(values))


def _ratios(rates: Blocks, others: Blocks) -> list[float]:
    return [rate / others[block] for block, rate in rates.items() if block in others]


def _is_below(ratio: Figure | None) -> bool:
    return ratio is not None and ratio.high is not None and ratio.high < 1
