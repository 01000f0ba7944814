"""One Dense layer with softmax: logistic regression as a neural network (tutorial 002, section 17)."""

from __future__ import annotations

from typing import Any

from models.recipe import Holdout, Recipe, Training


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 7,850 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


RECIPE = Recipe(
    name="single_dense",
    summary="Dense(10, softmax)",
    layers="784-10",
    framework="keras",
    build=build,
    # RMSprop is what Keras takes when `compile` is given no optimizer, as in the tutorial, which splits twice.
    training=Training(
        optimizer="rmsprop",
        loss="sparse_categorical_crossentropy",
        epochs=5,
        batch_size=32,
        holdout=Holdout(times=2),
    ),
    accuracy_floors={"fashion_mnist": 0.82, "mnist": 0.90, "digits": 0.70},
)
