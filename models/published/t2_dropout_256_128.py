"""Two hidden layers with dropout between them (tutorial 000, its Fashion-MNIST exercise)."""

from __future__ import annotations

from typing import Any

from models.published.tutorial import Published
from models.recipe import Holdout, Recipe, Training


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 235,146 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


PUBLISHED = (
    Published(
        recipe=Recipe(
            name="t2_dropout_256_128",
            summary="Dense(256, relu), Dropout(0.3), Dense(128, relu), Dense(10, softmax)",
            framework="keras",
            build=build,
            training=Training(
                optimizer="adam",
                loss="categorical_crossentropy",
                epochs=10,
                batch_size=128,
                holdout=Holdout(fraction=0.2, random_state=None),
                validate_each_epoch=True,
            ),
            accuracy_floors={"fashion_mnist": 0.85},
        ),
        dataset="fashion_mnist",
        source="000, the Fashion-MNIST exercise",
    ),
)
