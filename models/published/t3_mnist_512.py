"""MNIST with one hidden layer of 512 units (tutorial 001)."""

from __future__ import annotations

from typing import Any

from models.published.tutorial import Figure, Published
from models.recipe import Recipe, Training


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 407,050 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


PUBLISHED = (
    Published(
        recipe=Recipe(
            name="t3_mnist_512",
            summary="Dense(512, relu), Dense(10, softmax)",
            framework="keras",
            build=build,
            training=Training(optimizer="rmsprop", loss="categorical_crossentropy", epochs=5, batch_size=128),
            accuracy_floors={"mnist": 0.96},
        ),
        dataset="mnist",
        source="001",
        figures=(
            Figure("loss", "test", "0.06420930474996567"),
            Figure("accuracy", "test", "0.9801000356674194"),
            Figure("probability", "training", "0.9999603", image=3, label=1),
        ),
        deviations=("The tutorial computed on the GPU of an Apple M1.",),
    ),
)
