"""A hidden layer of 128 units on all 60,000 training images (tutorial 004, its Fashion-MNIST network).

The tutorial declares the outputs of a softmax to be logits (`from_logits=True`) by mistake; this is kept as published,
beside a recipe with the corrected loss. Keras detects it: it warns, takes the logits from before the softmax, and so
trains the intended model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from models.published.tutorial import Figure, Published
from models.recipe import Recipe, Training


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 101,770 parameters; its `Flatten` has no effect, since the images are flat."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


RECIPE = Recipe(
    name="t5_mlp_128",
    summary="Flatten, Dense(128, relu), Dense(10, softmax); 10 epochs on every training image",
    framework="keras",
    build=build,
    training=Training(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        from_logits=True,
        epochs=10,
        batch_size=32,
    ),
    accuracy_floors={"fashion_mnist": 0.85, "mnist": 0.96, "digits": 0.85},
)
FIGURES = (
    Figure("loss", "training", "0.4966", epoch=1),
    Figure("loss", "training", "0.2401", epoch=10),
    Figure("accuracy", "training", "0.8267", epoch=1),
    Figure("accuracy", "training", "0.9104", epoch=10),
    Figure("loss", "test", "0.3328"),
    Figure("accuracy", "test", "0.8863"),
)

COST = (
    "The loss is told of logits and given probabilities, as published. It costs nothing: Keras takes the logits from "
    "before the softmax and warns, so that the corrected loss trains the same model. Had it taken probabilities for "
    "logits, no loss could be below 1.46, and 0.2401 was published."
)

PUBLISHED = (
    Published(recipe=RECIPE, dataset="fashion_mnist", source="004", figures=FIGURES, deviations=(COST,)),
    Published(
        recipe=replace(RECIPE, name="t5_mlp_128_corrected", training=replace(RECIPE.training, from_logits=False)),
        dataset="fashion_mnist",
        source="004",
        figures=FIGURES,
        deviations=("The loss is told of probabilities, which is what the softmax gives it.",),
    ),
)
