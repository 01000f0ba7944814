"""The trainers' page: a stored run of `trainers` goes in, Markdown comes out."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_accuracy, format_counted, format_duration, format_rate, percent
from bench.records.record import Run
from bench.records.schema.trainers import TrainerRecord
from bench.report.latency_text import SAME
from bench.report.markdown import escape, markdown_table, provenance
from bench.stats.visits import Figure, geometric_mean
from models import HEADLINE, RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.records.record import Run

FOLDER = "trainers"
"""Where its run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""

BASELINE = "fit"
BATCH_LIMIT = "limit at this batch size"
PRODUCT_LIMIT = "matrix product limit"
GIGA = 1e9
LOPSIDED = 0.25
"""Half-width of an interval, as a share, from which on its two ends are told: they are not equally far away."""
TIME_TO_ACCURACY = "Time to accuracy (epochs)"

Blocks = dict[int, float]
"""Block number to what was reached in it."""


def trainer_page(run: Run) -> str:
    """The page of a run of `trainers`."""
    recipes = list(dict.fromkeys(record.recipe for record in run.of(TrainerRecord)))
    others = [recipe for recipe in recipes if recipe != HEADLINE]
    parts = [
        "# Trainers side by side",
        *trainer_notices(run),
        f"## {HEADLINE}",
        trainer_table(run, [HEADLINE]),
        "## The other models",
        trainer_table(run, others),
        trainer_explanation(run),
        trainer_caption(run),
    ]
    return "\n\n".join(parts) + "\n"


def trainer_table(run: Run, recipes: Sequence[str]) -> str:
    """A row per model, batch size and variant: rate, ratio to `fit`, shares of both limits, accuracy and time to it."""
    headers = [
        "Model",
        "Batch",
        "Trainer",
        "images/s",
        f"Ratio to {BASELINE}",
        f"of the {BATCH_LIMIT}",
        f"of the {PRODUCT_LIMIT}",
        "Test accuracy (epochs)",
        TIME_TO_ACCURACY,
    ]
    records = sorted(
        (one for one in run.of(TrainerRecord) if one.recipe in recipes), key=lambda record: record.position
    )
    return markdown_table(headers, [_row(run, record) for record in records], text_columns=(0, 2))


def trainer_notices(run: Run) -> list[str]:
    """Warnings above the tables: too few blocks, an early end, rows that are no result."""
    lines = []
    if run.quick:
        lines.append("**Quick run: too few blocks for a comparison.**")
    if not run.complete:
        lines.append("**Ended early: not all blocks were measured.**")
    reasons: dict[str, list[str]] = {}
    for record in sorted(run.of(TrainerRecord), key=lambda record: record.position):
        for fault in record.faults:
            reasons.setdefault(fault, []).append(f"{record.recipe}, batch {record.batch_size}, {trainer_title(record)}")
    lines += [f"{'; '.join(variants)}: {fault}." for fault, variants in reasons.items()]
    return [escape(line) for line in lines]


def trainer_explanation(run: Run) -> str:
    """Explanation below the tables, with the rates that NumPy's matrix products reached in the same blocks."""
    reached = [
        f"{_gigaflops(record)} for those of {record.recipe} at batch {record.batch_size}"
        for record in _best_limits(run, BATCH_LIMIT)
    ]
    large = _limits(run, PRODUCT_LIMIT)
    best = f"{max(map(_gigaflops_value, large)):.0f} GFLOP/s for large square matrices" if large else NOT_MEASURED
    return escape(
        "Each block has a fresh process per library, in which every row is measured, in a drawn order that is stored, "
        "one process at work at a time. A block tells the fastest of its repetitions, since cores have slow states; "
        "shown is the geometric mean of the blocks with its 95 % interval; ratios are taken within a block. "
        f"{_one_process(run)}"
        f"{SAME}: cannot be told from the fastest of its model and batch size. A training variant trains epochs on the "
        "same images, without validation and early stopping; data and compilation are ready before the clock starts, "
        "except that `fit` gets NumPy arrays, as its users call it. The limits are how many images per second could be "
        "trained on if training were nothing but the matrix products that it cannot do without (forward, gradient of "
        "each kernel, and gradient of the inputs of each layer but the first): the best of all tries over the whole "
        "run, of NumPy's library or PyTorch's, for large square matrices and for products of the training's shapes. "
        f"{_targets(run)} The best was {'; '.join([best, *reached])}."
    )


def _one_process(run: Run) -> str:
    """What a run of before 2026-11-28 lacks."""
    lacking = any(one.values_s and not is_limit(one) and not _has_processes(one) for one in run.of(TrainerRecord))
    return "In this run all blocks are of one process per library, which tells no interval. " if lacking else ""


def _targets(run: Run) -> str:
    """The explanation of the last column, time to accuracy."""
    recipes = dict.fromkeys(record.recipe for record in run.records)
    floors = [
        f"{RECIPES[name].accuracy_floors[run.dataset]} for {name}"
        for name in recipes
        if name in RECIPES and run.dataset in RECIPES[name].accuracy_floors
    ]
    return (
        f"The last column has the training time until the test accuracy, taken outside the clock after each "
        f"repetition, is first at least the recipe's floor ({', '.join(floors)}); the epochs that warmed a variant up "
        f"count as many of its own."
    )


def trainer_caption(run: Run) -> str:
    """Caption: data, device, blocks, machine, versions, date, command."""
    blocks = max((len(set(record.blocks)) for record in run.of(TrainerRecord)), default=0)
    parts = [
        run.dataset,
        f"{run.device} ({format_counted(run.threads, 'thread')} for each library, and as many CPUs for each process)",
        format_counted(blocks, "block"),
        *provenance(run, ("tensorflow", "jax", "torch", "numpy")),
    ]
    return escape("; ".join(parts))


def flops_per_image(widths: Sequence[int]) -> int:
    """The floating-point operations of the matrix products that training a stack of Dense layers takes per image.

    A product over a kernel of w weights takes 2w: forward and the kernel's gradient in each layer, the gradient of the
    inputs in each but the first.
    """
    kernels = [inputs * units for inputs, units in pairwise(widths)]
    return 6 * sum(kernels) - 2 * kernels[0]


def _row(run: Run, record: TrainerRecord) -> list[str]:
    start = [record.recipe, str(record.batch_size), trainer_title(record)]
    if record.faults or not record.values_s:
        return [*start, _status(record), *[NOT_MEASURED] * 5]
    if is_limit(record):
        return [*start, f"at best {format_rate(best_rate(record))}", *[NOT_MEASURED] * 5]
    rate, ratio = mean_rate(record), ratio_to(run, record, BASELINE)
    return [
        *start,
        f"{SAME} " * (record in same_as_best(run, record)) + _with_interval(rate, format_rate),
        _with_interval(ratio, "{:.2f}".format),
        *(_share(rate, _limit(run, record, limit)) for limit in (BATCH_LIMIT, PRODUCT_LIMIT)),
        _accuracy(record),
        time_to_accuracy(record),
    ]


def time_to_accuracy(record: TrainerRecord) -> str:
    """Training seconds until the test accuracy is first seen to be the recipe's floor, or more, and epochs in brackets.

    The tutorials print no accuracy on test images, so the target is the one below which a recipe's figures are not
    believed. Repetitions count whole, as accuracies are taken after them; the epochs that warmed the variant up are
    counted at its median time per epoch. A dash: not reached, or stored before accuracies were.
    """
    accuracies, warm_up = record.accuracies_by_block, record.warm_up_epochs
    target = RECIPES[record.recipe].accuracy_floors.get(record.dataset) if record.recipe in RECIPES else None
    if target is None or warm_up is None or len(accuracies) != len(record.values_s):
        return NOT_MEASURED
    found = [_until(record, places, target, warm_up) for places in _processes(record)]
    reached = [one for one in found if one]
    if len(reached) < len(found):
        return NOT_MEASURED
    training_s, epochs = (statistics.median(values) for values in zip(*reached, strict=True))
    return f"{format_duration(training_s)} ({epochs:.0f})"


def _processes(record: TrainerRecord) -> list[list[int]]:
    """The places of the repetitions of each process: those of a block; in older files all (see the schema)."""
    places = range(len(record.blocks))
    if not _has_processes(record):
        return [list(places)]
    return [[place for place in places if record.blocks[place] == block] for block in dict.fromkeys(record.blocks)]


def _has_processes(record: TrainerRecord) -> bool:
    """Whether each block is a process of its own."""
    return record.epochs_trained < (record.warm_up_epochs or 0) + sum(record.epochs_run) or len(set(record.blocks)) == 1


def _until(record: TrainerRecord, places: Sequence[int], target: float, warm_up: int) -> tuple[float, int] | None:
    """Seconds and epochs of a process's training until its accuracy is first seen to be the target."""
    reached = next((count for count, place in enumerate(places) if record.accuracies_by_block[place] >= target), None)
    if reached is None:
        return None
    epoch_s = statistics.median(record.values_s[place] / record.epochs_run[place] for place in places)
    taken = places[: reached + 1]
    training_s = warm_up * epoch_s + math.fsum(record.values_s[place] for place in taken)
    return training_s, warm_up + sum(record.epochs_run[place] for place in taken)


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


def _middle(record: TrainerRecord, values: Sequence[float]) -> Figure | None:
    """The mean of a value per block with its interval; the median alone where all blocks are of one process."""
    if _has_processes(record) or not values:
        return geometric_mean(values)
    return Figure(statistics.median(values))


def best_rate(record: TrainerRecord) -> float:
    """The images per second of the best repetition: what a limit is."""
    return max(repetition_rates(record))


def is_limit(record: TrainerRecord, limit: str = "") -> bool:
    """Whether a row is a limit and no training; of this kind, whatever library multiplied."""
    names = (limit,) if limit else (BATCH_LIMIT, PRODUCT_LIMIT)
    return (record.trainer or "").startswith(names)


def _limits(run: Run, limit: str) -> list[TrainerRecord]:
    """The valid rows of a limit, whatever library multiplied."""
    return [one for one in run.of(TrainerRecord) if is_limit(one, limit) and one.values_s and not one.faults]


def _limit(run: Run, record: TrainerRecord, limit: str) -> float | None:
    """The best rate that a limit reached over the run, for the shapes of a row; ``None`` where it was not measured."""
    found = _limits(run, limit)
    if limit == PRODUCT_LIMIT:  # the same product for all: of the whole run
        return max(map(_gigaflops_value, found)) * GIGA / flops_per_image(record.widths) if found else None
    own = [one for one in found if (one.recipe, one.batch_size) == (record.recipe, record.batch_size)]
    return max(map(best_rate, own), default=None)


def _best_limits(run: Run, limit: str) -> list[TrainerRecord]:
    """The row of the best library, for each model and batch size."""
    best: dict[tuple[str, int], TrainerRecord] = {}
    for record in sorted(_limits(run, limit), key=lambda one: one.position):
        key = record.recipe, record.batch_size
        best[key] = max((best.get(key, record), record), key=_gigaflops_value)
    return list(best.values())


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
        if one.values_s and not one.faults and _has_processes(one)
    ]
    best = max(found, key=lambda one: statistics.median(rates(one).values()), default=like)
    same = [one for one in found if one is best or not _is_below(geometric_mean(_ratios(rates(one), rates(best))))]
    return same if len(same) > 1 else []


def _is_below(ratio: Figure | None) -> bool:
    return ratio is not None and ratio.high is not None and ratio.high < 1


def _ratios(rates: Blocks, others: Blocks) -> list[float]:
    return [rate / others[block] for block, rate in rates.items() if block in others]


def _with_interval(figure: Figure | None, text: Callable[[float], str]) -> str:
    if figure is None:
        return NOT_MEASURED
    half = figure.half_width
    if half is None or figure.low is None or figure.high is None:
        return text(figure.value)
    told = f"± {percent(half)}" if half < LOPSIDED else f"({text(figure.low)}–{text(figure.high)})"
    return f"{text(figure.value)} {told}"


def _share(rate: Figure | None, limit: float | None) -> str:
    return f"{rate.value / limit:.0%}" if rate and limit else NOT_MEASURED


def _accuracy(record: TrainerRecord) -> str:
    accuracies = record.test_accuracies
    return f"{format_accuracy(accuracies[0])} ({record.epochs_trained})" if accuracies else NOT_MEASURED


def trainer_title(record: TrainerRecord) -> str:
    """The variant's name, with the number of steps that Keras takes per call where it was chosen."""
    steps = record.facts.steps_per_execution
    return f"{record.trainer}, {steps} steps per execution" if steps else str(record.trainer)


def _status(record: TrainerRecord) -> str:
    return "not installed" if record.status == "unavailable" else "INVALID"


def _gigaflops(record: TrainerRecord) -> str:
    return f"{_gigaflops_value(record):.0f} GFLOP/s"


def _gigaflops_value(record: TrainerRecord) -> float:
    """Of the best repetition."""
    return (record.facts.flops or 0) / min(record.values_s) / GIGA
