"""The trainers' page: a stored run of `trainers` goes in, Markdown comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_accuracy, format_counted, format_duration, format_rate, percent
from bench.records.schema.trainers import TrainerRecord
from bench.records.trainers import (
    BASELINE,
    BATCH_LIMIT,
    PRODUCT_LIMIT,
    best_limits,
    best_rate,
    gigaflops,
    has_processes,
    is_limit,
    limit_rate,
    limits,
    mean_rate,
    ratio_to,
    same_as_best,
    until_accuracy,
)
from bench.report.latency_text import SAME
from bench.report.markdown import escape, markdown_table, provenance
from models import HEADLINE, RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.records.record import Run
    from bench.stats.visits import Figure

LOPSIDED = 0.25
"""Half-width of an interval, as a share, from which on its two ends are told: they are not equally far away."""
TIME_TO_ACCURACY = "Time to accuracy (epochs)"


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
        for record in best_limits(run, BATCH_LIMIT)
    ]
    large = limits(run, PRODUCT_LIMIT)
    best = f"{max(map(gigaflops, large)):.0f} GFLOP/s for large square matrices" if large else NOT_MEASURED
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
    lacking = any(one.values_s and not is_limit(one) and not has_processes(one) for one in run.of(TrainerRecord))
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
        *(_share(rate, limit_rate(run, record, limit)) for limit in (BATCH_LIMIT, PRODUCT_LIMIT)),
        _accuracy(record),
        time_to_accuracy(record),
    ]


def time_to_accuracy(record: TrainerRecord) -> str:
    """Training seconds until the test accuracy is first seen to be the recipe's floor, or more, and epochs in brackets.

    The tutorials print no accuracy on test images, so the target is the one below which a recipe's figures are not
    believed.
    """
    target = RECIPES[record.recipe].accuracy_floors.get(record.dataset) if record.recipe in RECIPES else None
    found = None if target is None else until_accuracy(record, target)
    return f"{format_duration(found[0])} ({found[1]:.0f})" if found else NOT_MEASURED


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
    return f"{gigaflops(record):.0f} GFLOP/s"
