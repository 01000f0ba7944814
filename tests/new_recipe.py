"""A recipe as a contributor adds one: 784-64-64-10, tanh, RMSprop. `pytest bench/ -p tests.new_recipe` adds it."""

from __future__ import annotations

from typing import Any

import pytest

from models import RECIPES, Holdout, Recipe, Training


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 55,050 parameters."""
    layers = keras.layers
    hidden = [layers.Dense(64, activation="tanh") for _ in range(2)]
    return keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10, activation="softmax")])


NEW = Recipe(
    name="tanh_mlp",
    summary="Dense(64, tanh), Dense(64, tanh), Dense(10, softmax)",
    layers="784-64-64-10",
    framework="keras",
    build=build,
    training=Training(
        optimizer="rmsprop",
        loss="sparse_categorical_crossentropy",
        epochs=5,
        batch_size=32,
        holdout=Holdout(),
    ),
    accuracy_floors={"fashion_mnist": 0.85, "mnist": 0.95, "digits": 0.80},
)


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Add the recipe before the suite reads its options."""
    RECIPES[NEW.name] = NEW
