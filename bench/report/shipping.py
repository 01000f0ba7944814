"""What to ship: of each model its quickest runtime, and of these what nothing beats on both accuracy and time."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.formats import format_duration, format_rate
from bench.records import latency
from bench.records.cases import BATCH_SIZES
from bench.records.schema.runtimes import RuntimeRecord, StartRecord
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.records.trials import MARGINS, TYPICAL
from bench.stats.estimate import student_quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.record import Run
    from bench.records.schema.rows import Record

SINGLE, BULK, COLD = "single", "bulk", "cold"
SITUATIONS = {SINGLE: "One image at a time", BULK: "In bulk", COLD: "From a cold start"}
"""How a model is asked, and what that is called."""
RUNTIME = "ONNX Runtime"
"""That of the suite's own runs."""
QUICKER = 1 - MARGINS[TYPICAL]
SEED_ERROR = 0.05
"""Probability that two models of equal accuracy are told apart."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model in a runtime, on one thread.

    Attributes:
        accuracies: of the trained model, by seed (0-1).
        change: what the runtime adds to them.
        seconds: for one image, or from the start of a process to its first answer.
        file: the run file of the time.
    """

    model: str
    runtime: str
    accuracies: Sequence[float]
    change: float
    seconds: float
    file: str

    @property
    def accuracy(self) -> float:
        """The mean over the seeds, in this runtime."""
        return statistics.fmean(self.accuracies) + self.change


def choices(suite: Run | None, runtimes: Run | None, situation: str) -> list[Choice]:
    """Every valid model in every valid runtime; in the suite's runtime alone where no run of runtimes is stored.

    Args:
        suite: tells the accuracies; without them, nothing is known.
        runtimes: a run of all runtimes.
        situation: a key of `SITUATIONS`.
    """
    if suite is None:
        return []
    timed, found = runtimes or suite, list[Choice]()
    for model, accuracies in _accuracies(suite).items():
        rows = fitting(timed, model, situation)
        for row in rows:
            change = (
                row.parity.accuracy_change if isinstance(row, (RuntimeRecord, StartRecord)) and row.parity else None
            )
            time_s = seconds(row, situation)
            if math.isfinite(time_s):
                found.append(Choice(model, runtime_of(row), accuracies, change or 0.0, time_s, timed.file))
    return found


def front(found: Sequence[Choice]) -> list[Choice]:
    """What nothing beats on both accuracy and time, each model in its quickest runtime; the most accurate first.

    The runtime is chosen by its time alone: what it changes of the accuracy is less than what a seed does. A model that
    is less accurate must be quicker by more than what counts as the same.
    """
    quickest = [min((one for one in found if one.model == model), key=_time) for model in {one.model for one in found}]
    kept: list[Choice] = []
    for one in sorted(quickest, key=lambda each: (-each.accuracy, each.seconds)):
        if not kept or one.seconds < QUICKER * kept[-1].seconds:
            kept.append(one)
    return kept


def told_apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two models' accuracies over the seeds differ by more than chance (Welch's t, 5 %)."""
    parts = [statistics.variance(side) / len(side) if len(side) > 1 else math.inf for side in (one, other)]
    freedom = min(len(one), len(other)) - 1
    if math.isinf(sum(parts)):
        return False
    gap = abs(statistics.fmean(one) - statistics.fmean(other))
    return gap > student_quantile(SEED_ERROR, freedom) * math.sqrt(sum(parts))


def close_to(best: Choice, found: Sequence[Choice]) -> list[str]:
    """The other models whose accuracy these seeds do not tell from the best one's."""
    others = {one.model: one.accuracies for one in found if one.model != best.model}
    return [name for name, accuracies in others.items() if not told_apart(best.accuracies, accuracies)]


def time_text(one: Choice, situation: str) -> str:
    """A choice's time as people say it: a rate where images come in bulk."""
    return f"{format_rate(1 / one.seconds)} images/s" if situation == BULK else format_duration(one.seconds)


def quickest_line(run: Run, model: str) -> str:
    """In which runtime a model is quickest, asked in each way; empty where nothing is known."""
    told = []
    for situation, title in SITUATIONS.items():
        rows = fitting(run, model, situation)
        best = min(rows, key=lambda row: seconds(row, situation), default=None)
        if best is None or not math.isfinite(seconds(best, situation)):
            continue
        one = Choice(model, runtime_of(best), (), 0.0, seconds(best, situation), run.file)
        same = [runtime_of(row) for row in latency.same_as_best(rows) if row is not best] if situation == SINGLE else []
        like = f"; {', '.join(same)} cannot be told from it" if same else ""
        told.append(f"{title.lower()} {one.runtime} ({time_text(one, situation)}{like})")
    return f"Quickest for {model} on one thread: {', '.join(told)}." if told else ""


def _time(one: Choice) -> float:
    return one.seconds


def _accuracies(run: Run) -> Mapping[str, Sequence[float]]:
    """The accuracies by seed of each model that is valid."""
    bad = {row.recipe for row in run.records if row.faults}
    return {
        row.recipe: row.test_accuracies for row in run.of(TrainRecord) if row.test_accuracies and row.recipe not in bad
    }


def fitting(run: Run, model: str, situation: str) -> list[Record]:
    """The valid rows of a model on one thread that tell of a situation, a row per runtime."""
    return [row for row in run.records if row.recipe == model and _fits(row, situation)]


def _fits(row: Record, situation: str) -> bool:
    """Whether a valid row on one thread tells of a situation."""
    if row.faults or not row.values_s or row.threads != 1:
        return False
    if situation == COLD:
        return isinstance(row, StartRecord)
    size = BATCH_SIZES[0] if situation == SINGLE else BATCH_SIZES[2]
    return isinstance(row, (RuntimeRecord, InferRecord)) and row.batch_size == size


def runtime_of(row: Record) -> str:
    """The runtime that a row is of."""
    return row.runtime if isinstance(row, (RuntimeRecord, StartRecord)) else RUNTIME


def seconds(row: Record, situation: str) -> float:
    """Seconds of a typical call of one image, of an image among many, or of a start."""
    if situation == COLD:
        return statistics.median(row.values_s)
    if situation == BULK:
        rate = latency.images_per_s(row)
        return 1 / rate if rate else math.inf
    typical = latency.typical(row)
    return typical.value if typical else math.inf
