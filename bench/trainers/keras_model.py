"""What every trainer of Keras models has in common: the model before its training, and the answer after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.devices import placement
from bench.trained import Diverged, Trained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models import Recipe, Training

SCORING_BATCH = 1000


def build_model(recipe: Recipe, training: Training, seed: int) -> Any:
    """The recipe's Keras model with the seed's initial weights, compiled with the protocol's optimizer and loss."""
    import tensorflow as tf  # noqa: PLC0415  seconds to import, so only where it trains

    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(seed)
    model = recipe.build(tf.keras)
    loss = make_loss(tf.keras, training)
    model.compile(optimizer=training.optimizer, loss=loss, metrics=["accuracy"], jit_compile=False)
    return model


def make_loss(keras: Any, training: Training) -> Any:
    """The protocol's loss as Keras's `compile` takes it: its name, or an object where it is told of logits."""
    if not training.from_logits:
        return training.loss
    losses = {
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    }
    return losses[training.loss](from_logits=True)


def make_callbacks(training: Training, on_epoch: Callable[[int], None]) -> list[Any]:
    """Keras's callbacks for the protocol's early stopping, and one that tells how many epochs are over."""
    import tensorflow as tf  # noqa: PLC0415

    callbacks = tf.keras.callbacks
    chosen: list[Any] = [callbacks.LambdaCallback(on_epoch_end=lambda epoch, _logs: on_epoch(epoch + 1))]
    if training.early_stopping:
        patience = training.early_stopping.patience
        chosen.append(callbacks.EarlyStopping(patience=patience, restore_best_weights=True))
    return chosen


def as_trained(
    recipe: Recipe, seed: int, *, trainer: str, model: Any, history: Mapping[str, Sequence[float]]
) -> Trained:
    """What a trained Keras model has become.

    Raises:
        Diverged: the loss is not a number.
    """
    losses = history["loss"]
    for epoch, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            raise Diverged(f"{recipe.name}, seed {seed}: the loss is {loss} from epoch {epoch} on")

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, len(images), SCORING_BATCH)
        return np.concatenate(
            [np.asarray(model(images[start : start + SCORING_BATCH], training=False)) for start in starts]
        )

    probe = np.zeros((1, *model.input_shape[1:]), np.float32)
    return Trained(
        recipe=recipe,
        seed=seed,
        trainer=trainer,
        backend="tensorflow",
        model=model,
        predict=predict,
        parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        epochs_run=len(losses),
        history={name: [float(value) for value in values] for name, values in sorted(history.items())},
        placed_on=placement(model(probe, training=False)),
    )
