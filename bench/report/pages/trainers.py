"""The trainers' page: a stored run of `trainers` goes in, Markdown comes out."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_accuracy, format_counted, format_duration, format_rate
from bench.records.record import Run
from bench.records.schema import TrainerRecord
from bench.report.markdown import escape, markdown_table, provenance
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
        f"ratio to {BASELINE} (min–max)",
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
        for record in sorted(run.of(TrainerRecord), key=lambda record: record.position)
        if record.trainer == BATCH_LIMIT and record.values_s and not record.faults
    ]
    large = [record for record in run.of(TrainerRecord) if record.trainer == PRODUCT_LIMIT and record.values_s]
    best = f"{max(map(_gigaflops_value, large)):.0f} GFLOP/s for large square matrices" if large else NOT_MEASURED
    return escape(
        "Medians over the blocks; each block measures every row once, in a random order that is stored, one process "
        "at work at a time. Ratios and shares are taken within a block. A training variant trains epochs on the same "
        "images, without validation and early stopping; data and compilation are ready before the clock starts, "
        "except that `fit` gets NumPy arrays, as its users call it. The limits are how many images per second NumPy "
        "could train on if training were nothing but the matrix products that it cannot do without (forward, "
        "gradient of each kernel, and gradient of the inputs of each layer but the first): at the rate of large "
        "square matrices, and at that of products of the training's own shapes. More than 100% means that a variant's "
        f"own library multiplies such matrices faster than NumPy's. {_targets(run)} NumPy reached "
        f"{'; '.join([best, *reached])}."
    )


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
    blocks = max((len(record.values_s) for record in run.records), default=0)
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
    reached = rates(record)
    return [
        *start,
        format_rate(statistics.median(reached.values())),
        _compare(reached, rates_of(run, record, BASELINE), _spread),
        *(_compare(reached, rates_of(run, record, limit), _percent) for limit in (BATCH_LIMIT, PRODUCT_LIMIT)),
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
    reached = next((count for count, accuracy in enumerate(accuracies, start=1) if accuracy >= target), None)
    if reached is None:
        return NOT_MEASURED
    epoch_s = statistics.median(
        value_s / epochs for value_s, epochs in zip(record.values_s, record.epochs_run, strict=True)
    )
    training_s = warm_up * epoch_s + math.fsum(record.values_s[:reached])
    return f"{format_duration(training_s)} ({warm_up + sum(record.epochs_run[:reached])})"


def rates(record: TrainerRecord) -> Blocks:
    """The images per second in each block."""
    if record.trainer == PRODUCT_LIMIT:
        rate = (record.facts.flops or 0) / flops_per_image(record.widths)
        return {block: rate / value_s for block, value_s in zip(record.blocks, record.values_s, strict=True)}
    images = record.train_images or 0
    timed = zip(record.blocks, record.epochs_run, record.values_s, strict=True)
    return {block: images * epochs / value_s for block, epochs, value_s in timed}


def rates_of(run: Run, like: TrainerRecord, trainer: str) -> Blocks:
    """The rates of another variant of the same model and batch size; none where it has no valid row."""
    same = (like.recipe, like.batch_size, trainer)
    for record in run.of(TrainerRecord):
        if (record.recipe, record.batch_size, record.trainer) == same and not record.faults:
            return rates(record)
    return {}


def _compare(rates: Blocks, others: Blocks, text: Callable[[list[float]], str]) -> str:
    """The ratios of the rates in common blocks, formatted by `text`; a dash without common blocks."""
    ratios = [rate / others[block] for block, rate in rates.items() if block in others]
    return text(ratios) if ratios else NOT_MEASURED


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def _percent(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.0%}"


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
    return (record.facts.flops or 0) / statistics.median(record.values_s) / GIGA
