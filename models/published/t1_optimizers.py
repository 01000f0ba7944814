"""The deep MLP with four optimizers (tutorial 002, section 18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from models import deep_mlp
from models.published.t1_deep_mlp import FLAT
from models.published.tutorial import Published

OPTIMIZERS: dict[str, tuple[str, Mapping[str, float | bool]]] = {
    "t1_optimizers_sgd": ("sgd", {}),
    "t1_optimizers_sgd_fast": ("sgd", {"learning_rate": 0.1}),
    "t1_optimizers_nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    "t1_optimizers_adam": ("adam", {}),
}


def _publish(name: str) -> Published:
    optimizer, settings = OPTIMIZERS[name]
    words = ", ".join(f"{setting}={value}" for setting, value in settings.items())
    return Published(
        recipe=replace(
            deep_mlp.RECIPE,
            name=name,
            summary=f"{deep_mlp.RECIPE.summary}; {optimizer}({words})",
            training=replace(deep_mlp.RECIPE.training, optimizer=optimizer, optimizer_settings=settings),
            accuracy_floors={"fashion_mnist": 0.75},  # plain SGD is far from done after 5 epochs
        ),
        dataset="fashion_mnist",
        source="002, section 18",
        deviations=(FLAT,),
    )


PUBLISHED = tuple(_publish(name) for name in OPTIMIZERS)
