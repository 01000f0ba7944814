"""The deep MLP with dropout, trained until the validation loss stops falling (tutorial 002, section 19)."""

from __future__ import annotations

from typing import Any

from models.recipe import EarlyStopping, Holdout, Recipe, Training


def build(keras: Any) -> Any:
    """An uncompiled Keras model of 79,510 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(100, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


RECIPE = Recipe(
    name="dropout_mlp",
    summary="Dense(100, relu), Dropout(0.3), Dense(10, softmax), early stopping",
    layers="784-100-10, dropout",
    framework="keras",
    build=build,
    training=Training(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        epochs=20,
        batch_size=32,
        holdout=Holdout(),
        validate_each_epoch=True,
        early_stopping=EarlyStopping(patience=2),
    ),
    accuracy_floors={"fashion_mnist": 0.85, "mnist": 0.95, "digits": 0.80},
)
