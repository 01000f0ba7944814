"""Types of published results: the recipes of a tutorial and the figures that it printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from models.recipe import Recipe

Metric = Literal["loss", "accuracy", "macro F1", "probability"]
Part = Literal["training", "validation", "test", "cross-validation"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One published number.

    Attributes:
        metric: the metric of the number.
        part: the images that it was computed on.
        text: the number as it was printed, with all digits.
        epoch: the epoch after which it was computed, from 1; ``None`` is after the whole training.
        image: for a probability, the image's index in its part, from 0.
        label: for a probability, the class that it belongs to.
    """

    metric: Metric
    part: Part
    text: str
    epoch: int | None = None
    image: int | None = None
    label: int | None = None

    @property
    def value(self) -> float:
        """The number as a float."""
        return float(self.text)

    @property
    def rounding(self) -> float:
        """Half a unit of the last printed digit, the largest rounding error of the printed number."""
        return 0.5 * 10.0 ** -len(self.text.partition(".")[2])

    @property
    def higher_is_better(self) -> bool:
        """True for all metrics but the loss."""
        return self.metric != "loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A recipe of a tutorial with its published figures.

    Attributes:
        recipe: the recipe; users select it by its name.
        dataset: the data set that the tutorial trained on.
        source: the tutorial's file number and section.
        figures: all printed numbers; empty where the tutorial shows pictures only.
        deviations: differences from the tutorial, each with its reason, and other remarks for readers.
        cross_validation_folds: number of folds; 0 where the tutorial does not cross-validate.
    """

    recipe: Recipe
    dataset: str
    source: str
    figures: tuple[Figure, ...] = ()
    deviations: tuple[str, ...] = ()
    cross_validation_folds: int = 0


def epochs_of(metric: Metric, part: Part, *texts: str) -> tuple[Figure, ...]:
    """Figures of successive epochs, the first text being of epoch 1."""
    return tuple(Figure(metric, part, text, epoch) for epoch, text in enumerate(texts, start=1))
