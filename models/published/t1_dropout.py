"""Dropout against over-fitting: with all 20 epochs, and with early stopping (tutorial 002, section 19)."""

from __future__ import annotations

from dataclasses import replace

from models import dropout_mlp
from models.published.t1_deep_mlp import FLAT
from models.published.tutorial import Published

PUBLISHED = (
    Published(
        recipe=replace(
            dropout_mlp.RECIPE,
            name="t1_dropout",
            summary="Dense(100, relu), Dropout(0.3), Dense(10, softmax); 20 epochs",
            training=replace(dropout_mlp.RECIPE.training, early_stopping=None),
        ),
        dataset="fashion_mnist",
        source="002, section 19",
        deviations=(FLAT,),
    ),
    Published(
        recipe=replace(dropout_mlp.RECIPE, name="t1_dropout_early_stopping"),
        dataset="fashion_mnist",
        source="002, section 19",
        deviations=(
            FLAT,
            "EarlyStopping alone brings the best epoch's weights back; the tutorial's ModelCheckpoint keeps the same.",
        ),
    ),
)
