"""Models of kinds that the ladder has not, saved as their users would save them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FOREIGN = ("cnn", "gru", "two_inputs", "autoencoder", "mlp_bn")


def save(keras: Any, name: str, folder: Path) -> Path:
    """Save the model of a name, compiled; the folder gets ``NAME.keras``."""
    keras.utils.set_random_seed(7)
    path = folder / f"{name}.keras"
    globals()[f"_{name}"](keras).save(path)
    return path


def _cnn(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _gru(keras: Any) -> Any:
    tokens = keras.Input((20,), dtype="int32", name="tokens")
    read = keras.layers.GRU(32)(keras.layers.Embedding(1000, 16)(tokens))
    model = keras.Model(tokens, keras.layers.Dense(1, activation="sigmoid")(read))
    model.compile("rmsprop", "binary_crossentropy")
    return model


def _two_inputs(keras: Any) -> Any:
    layers = keras.layers
    left, right = keras.Input((8,), name="left"), keras.Input((4,), name="right")
    sides = [layers.Dense(16, activation="relu")(left), layers.Dense(16, activation="tanh")(right)]
    joined = layers.Concatenate()(sides)
    outputs = [layers.Dense(3, activation="softmax", name="kind")(joined), layers.Dense(1, name="amount")(joined)]
    model = keras.Model([left, right], outputs)
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "amount": "mse"})
    return model


def _autoencoder(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(16, activation="relu"), layers.Dense(64, activation="sigmoid")]
    )
    model.compile("adam", "mse")
    return model


def _mlp_bn(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32,)),
            layers.Dense(64),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile("sgd", "categorical_crossentropy")
    values = np.random.default_rng(0).normal(2, 3, (512, 32))
    model.fit(values, np.eye(5)[np.arange(512) % 5], epochs=1, verbose=0)
    return model
