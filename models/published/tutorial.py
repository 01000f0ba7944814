"""The nouns of reproduction: what a tutorial trained, and what it printed."""

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
        metric: what was measured.
        part: on which images.
        text: the number as it was printed, every digit of it.
        epoch: after which epoch, from 1; ``None`` is after the whole training.
        image: of a probability: the image's place in its part, from 0.
        label: of a probability: the class that it is the probability of.
    """

    metric: Metric
    part: Part
    text: str
    epoch: int | None = None
    image: int | None = None
    label: int | None = None

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)

    @property
    def rounding(self) -> float:
        """Half a unit of the last printed digit: how far off the printed number may be from what was computed."""
        return 0.5 * 10.0 ** -len(self.text.partition(".")[2])

    @property
    def higher_is_better(self) -> bool:
        """False for losses only."""
        return self.metric != "loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A recipe of a tutorial, with what the tutorial printed about it.

    Attributes:
        recipe: its name is what users type.
        dataset: the data set that the tutorial trained on.
        source: the tutorial's file number and section.
        figures: all that it printed; empty where it showed pictures only.
        deviations: what is done otherwise here than there, each with its reason, and what else a reader must know.
        cross_validation_folds: 0 where the tutorial does not cross-validate.
    """

    recipe: Recipe
    dataset: str
    source: str
    figures: tuple[Figure, ...] = ()
    deviations: tuple[str, ...] = ()
    cross_validation_folds: int = 0


def epochs_of(metric: Metric, part: Part, *texts: str) -> tuple[Figure, ...]:
    """One figure per epoch, from the first on."""
    return tuple(Figure(metric, part, text, epoch) for epoch, text in enumerate(texts, start=1))
