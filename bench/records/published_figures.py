"""Comparison of a published figure with the values of our own seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.records.seed_runs import macro_f1
from bench.stats.estimate import student_quantile

if TYPE_CHECKING:
    from bench.records.schema.reproductions import SeedRun
    from models.published import Figure

COVERAGE = 0.95
SEEDS_NEEDED = 3
"""Of two values the interval reaches 16 standard deviations to either side, and agrees with everything."""

REPRODUCED, BETTER, WORSE, CANNOT_TELL = "reproduced", "better", "worse", "cannot tell"
NOTHING_PUBLISHED = "no figure published"


@dataclass(frozen=True, slots=True)
class Sample:
    """Our values of one published figure, one per seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """The standard deviation over the seeds (n - 1); ``None`` for a single seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def mean_interval(self) -> tuple[float, float] | None:
        """Student's 95 % interval of the mean over all seeds that there could be; ``None`` for too few runs."""
        if self.sd is None or len(self.values) < SEEDS_NEEDED:
            return None
        reach = student_quantile(1 - COVERAGE, len(self.values) - 1) * self.sd / math.sqrt(len(self.values))
        return self.mean - reach, self.mean + reach

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % prediction interval of one more run; ``None`` for too few runs."""
        if self.sd is None or len(self.values) < SEEDS_NEEDED:
            return None
        reach = prediction_factor(len(self.values)) * self.sd
        return self.mean - reach, self.mean + reach


def prediction_factor(count: int) -> float:
    """Half-width of the 95 % prediction interval of one more value, in standard deviations of `count` values.

    Normal values: t(0.975, n - 1) x sqrt(1 + 1/n) (Hahn, "Factors for calculating two-sided prediction intervals for
    samples from a normal distribution", Journal of the American Statistical Association 64, 1969).
    """
    from scipy.stats import t

    return float(t.ppf((1 + COVERAGE) / 2, count - 1)) * math.sqrt(1 + 1 / count)


def sample(figure: Figure, seed_runs: Sequence[SeedRun]) -> Sample | None:
    """Our own values of a figure; ``None`` if a seed has none (as in a shortened run)."""
    values = [_value(figure, seed_run) for seed_run in seed_runs]
    known = tuple(value for value in values if value is not None)
    return Sample(known) if known and len(known) == len(values) else None


def judge(figure: Figure, ours: Sample | None) -> str:
    """The verdict: ``reproduced``, else ``better`` or ``worse`` (ours than the published one), or ``cannot tell``.

    The figure counts with the width of its rounding: 0.97 stands for anything from 0.965 to 0.975.
    """
    interval = ours.interval if ours else None
    if ours is None or interval is None:
        return CANNOT_TELL
    low, high = interval
    if figure.value + figure.rounding >= low and figure.value - figure.rounding <= high:
        return REPRODUCED
    return BETTER if (ours.mean > figure.value) == figure.higher_is_better else WORSE


def equivalence(figure: Figure, ours: Sample | None) -> float | None:
    """The distance from the published figure within which our mean lies with 95 % confidence; ``None`` if unknown.

    Our mean may be anywhere in its interval, and the published figure anywhere in the width of its rounding.
    """
    ends = ours.mean_interval if ours else None
    if ends is None:
        return None
    return max(ends[1] - figure.value + figure.rounding, figure.value + figure.rounding - ends[0])


def _value(figure: Figure, seed_run: SeedRun) -> float | None:
    if figure.metric == "macro F1":
        return macro_f1(seed_run)
    if figure.metric == "probability":
        row = seed_run.probabilities.get(f"{figure.part}:{figure.image}", ())
        return row[figure.label] if figure.label is not None and figure.label < len(row) else None
    if figure.part == "training":
        epochs = seed_run.history.get(figure.metric, ())
        return epochs[figure.epoch - 1] if figure.epoch and figure.epoch <= len(epochs) else None
    if figure.part == "cross-validation":
        return statistics.fmean(seed_run.folds) if seed_run.folds else None
    return seed_run.scores.get(f"{figure.part} {figure.metric}")
