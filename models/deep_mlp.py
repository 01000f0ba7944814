"""A hidden layer of 100 units (tutorial 002, section 18, with the 10 outputs that its model summary shows)."""

from __future__ import annotations

from typing import Any

from models.recipe import Holdout, Recipe, Training


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 79,510 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(100, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


RECIPE = Recipe(
    name="deep_mlp",
    summary="Dense(100, relu), Dense(10, softmax)",
    layers="784-100-10",
    framework="keras",
    build=build,
    training=Training(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        epochs=5,
        batch_size=32,
        holdout=Holdout(),
    ),
    accuracy_floors={"fashion_mnist": 0.85, "mnist": 0.95, "digits": 0.80},
)
