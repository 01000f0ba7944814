"""One Dense layer, trained on the images that two successive splits leave (tutorial 002, section 17)."""

from __future__ import annotations

from dataclasses import replace

from models import single_dense
from models.published.tutorial import Figure, Published, epochs_of

PUBLISHED = (
    Published(
        recipe=replace(single_dense.RECIPE, name="t1_single_dense"),
        dataset="fashion_mnist",
        source="002, section 17",
        figures=(
            *epochs_of("loss", "training", "0.6326", "0.4910", "0.4656", "0.4512", "0.4417"),
            *epochs_of("accuracy", "training", "0.7853", "0.8344", "0.8444", "0.8499", "0.8526"),
            Figure("loss", "validation", "0.4335"),
            Figure("accuracy", "validation", "0.8590"),
        ),
    ),
)
