"""The deep MLP over-fitted for 20 epochs, in which its validation loss begins to rise (tutorial 002, section 19)."""

from __future__ import annotations

from dataclasses import replace

from models import deep_mlp
from models.published.t1_deep_mlp import FLAT
from models.published.tutorial import Published

PUBLISHED = (
    Published(
        recipe=replace(
            deep_mlp.RECIPE,
            name="t1_overfit",
            summary=f"{deep_mlp.RECIPE.summary}; 20 epochs",
            training=replace(deep_mlp.RECIPE.training, epochs=20, validate_each_epoch=True),
        ),
        dataset="fashion_mnist",
        source="002, section 19",
        deviations=(FLAT,),
    ),
)
