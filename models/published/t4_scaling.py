"""The same MLP with three scalings of the pixels (tutorial 003, chapter 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.published.t4_mnist_64_32 import RECIPE
from models.published.tutorial import Published

if TYPE_CHECKING:
    from models.recipe import Scaling

SCALINGS: dict[str, Scaling] = {
    "t4_scaling_min_max": "min-max",
    "t4_scaling_robust": "robust",
    "t4_scaling_standard": "standard",
}
DEVIATION = (
    "The tutorial gives the formulas and trains none of them. Here scikit-learn's scalers apply them pixel by pixel, "
    "fitted on the training images; over all pixels at once the quartiles of MNIST coincide, and robust scaling would "
    "divide by 0."
)

PUBLISHED = tuple(
    Published(
        recipe=replace(
            RECIPE,
            name=name,
            summary=f"{RECIPE.summary}; {scaling} scaling",
            training=replace(RECIPE.training, scaling=scaling),
        ),
        dataset="mnist",
        source="003, chapter 4",
        deviations=(DEVIATION,),
    )
    for name, scaling in SCALINGS.items()
)
