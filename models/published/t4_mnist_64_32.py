"""MNIST with two hidden layers for 30 epochs (tutorial 003, chapter 4)."""

from __future__ import annotations

from typing import Any

from models.published.t4_fashion import TRAINING
from models.published.tutorial import Figure, Published
from models.recipe import Recipe


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 52,650 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


RECIPE = Recipe(
    name="t4_mnist_64_32",
    summary="Dense(64, relu), Dense(32, relu), Dense(10, softmax)",
    framework="keras",
    build=build,
    training=TRAINING,
    accuracy_floors={"mnist": 0.95},
)

PUBLISHED = (
    Published(
        recipe=RECIPE,
        dataset="mnist",
        source="003, chapter 4",
        figures=(
            Figure("loss", "training", "0.0081", epoch=30),
            Figure("accuracy", "training", "0.9977", epoch=30),
            Figure("loss", "validation", "0.1506"),
            Figure("accuracy", "validation", "0.9686"),
            Figure("loss", "test", "0.1319049060290734"),
            Figure("accuracy", "test", "0.9735"),
            Figure("macro F1", "test", "0.97"),
            Figure("probability", "test", "0.99999356", image=0, label=7),
        ),
    ),
)
