"""Two models of different depth on Fashion-MNIST, whose learning curves diverge (tutorial 003, chapter 4)."""

from __future__ import annotations

from typing import Any

from models.published.tutorial import Published
from models.recipe import Holdout, Recipe, Training

TRAINING = Training(
    optimizer="adam",
    loss="categorical_crossentropy",
    epochs=30,
    batch_size=128,
    holdout=Holdout(fraction=0.3, random_state=777),
    validate_each_epoch=True,
)


def build_first(keras: Any) -> Any:
    """An uncompiled Keras model of 52,650 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def build_second(keras: Any) -> Any:
    """An uncompiled Keras model of 121,450 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


PUBLISHED = (
    Published(
        recipe=Recipe(
            name="t4_fashion_first",
            summary="Flatten, Dense(64, relu), Dense(32, relu), Dense(10, softmax)",
            framework="keras",
            build=build_first,
            training=TRAINING,
            accuracy_floors={"fashion_mnist": 0.85},
        ),
        dataset="fashion_mnist",
        source="003, chapter 4",
    ),
    Published(
        recipe=Recipe(
            name="t4_fashion_second",
            summary="Flatten, Dense(128, relu), Dense(128, relu), Dense(32, relu), Dense(10, softmax)",
            framework="keras",
            build=build_second,
            training=TRAINING,
            accuracy_floors={"fashion_mnist": 0.85},
        ),
        dataset="fashion_mnist",
        source="003, chapter 4",
    ),
)
