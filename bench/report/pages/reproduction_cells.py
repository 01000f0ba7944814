"""Table cells of a published figure and of our own values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_accuracy
from bench.records.published_figures import SEEDS_NEEDED, equivalence

if TYPE_CHECKING:
    from bench.records.published_figures import Sample
    from models.published import Figure

PROBABILITY_DIGITS = 6


def figure_name(figure: Figure) -> str:
    """A figure's name: ``test accuracy``, ``training loss, epoch 5``, ``probability of class 7, test image 0``."""
    if figure.metric == "probability":
        return f"probability of class {figure.label}, {figure.part} image {figure.image}"
    return f"{figure.part} {figure.metric}" + (f", epoch {figure.epoch}" if figure.epoch else "")


def spread(figure: Figure, ours: Sample | None) -> str:
    """The mean and standard deviation as text: ``0.8591 ± 0.0031``."""
    if ours is None:
        return NOT_MEASURED
    return _number(figure, ours.mean) + (f" ± {_number(figure, ours.sd)}" if ours.sd is not None else "")


def closeness(figure: Figure, ours: Sample | None) -> str:
    """Within which distance of the published figure our mean lies, with 95 % confidence: ``± 0.42 points``."""
    near = equivalence(figure, ours)
    if near is None:
        return NOT_MEASURED
    return f"± {_number(figure, near)}" if figure.metric in {"loss", "probability"} else f"± {100 * near:.2f} points"


def interval(figure: Figure, ours: Sample | None) -> str:
    """The prediction interval of a single new run, clipped to possible values: ``0.8496 to 0.8686``."""
    if ours is None:
        return NOT_MEASURED
    ends = ours.interval
    if ends is None:
        return f"n/a (needs {SEEDS_NEEDED} seeds)"
    possible = (0.0, math.inf if figure.metric == "loss" else 1.0)
    return " to ".join(_number(figure, min(max(end, possible[0]), possible[1])) for end in ends)


def _number(figure: Figure, value: float) -> str:
    return f"{value:.{PROBABILITY_DIGITS}f}" if figure.metric == "probability" else format_accuracy(value)
