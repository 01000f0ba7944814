"""Shared parts of trainers of Keras models: building before, and predicting after training."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.trained import Diverged, Trained
from bench.training.backends import backend, backend_name, import_keras

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.data.splits import PixelScaling
    from models import Recipe, Training

SCORING_BATCH = 1000


def build_model(recipe: Recipe, training: Training, seed: int) -> Any:
    """The recipe's Keras model with the seed's initial weights, compiled with the protocol's optimizer and loss."""
    keras = import_keras()
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = recipe.build(keras)
    optimizer, loss = make_optimizer(keras, training), make_loss(keras, training)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=backend().jit_compile)
    return model


def make_optimizer(keras: Any, training: Training) -> Any:
    """The protocol's optimizer with its settings, new for each training."""
    return keras.optimizers.get({"class_name": training.optimizer, "config": dict(training.optimizer_settings)})


def make_loss(keras: Any, training: Training) -> Any:
    """The protocol's loss for Keras's `compile`: its name, or an object if the model's outputs are logits."""
    if not training.from_logits:
        return training.loss
    losses = {
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    }
    return losses[training.loss](from_logits=True)


def accept_published_losses() -> None:
    """Suppress Keras's warning of a `from_logits` loss that gets probabilities, as in one of the tutorials."""
    warnings.filterwarnings("ignore", message=".*received `from_logits=True`", category=UserWarning)


def make_callbacks(training: Training, on_epoch: Callable[[int], None]) -> list[Any]:
    """Keras callbacks: one that calls `on_epoch` with the finished epochs, and the protocol's early stopping."""
    callbacks = import_keras().callbacks
    chosen: list[Any] = [callbacks.LambdaCallback(on_epoch_end=lambda epoch, _logs: on_epoch(epoch + 1))]
    if training.early_stopping:
        patience = training.early_stopping.patience
        chosen.append(callbacks.EarlyStopping(patience=patience, restore_best_weights=True))
    return chosen


def as_trained(  # noqa: PLR0913  what a training was, and what it left
    recipe: Recipe,
    seed: int,
    *,
    trainer: str,
    model: Any,
    history: Mapping[str, Sequence[float]],
    scaling: PixelScaling | None = None,
) -> Trained:
    """Wrap a trained Keras model; it takes images in [0, 1] now, whatever it was trained on.

    Raises:
        Diverged: the loss is not a number.
    """
    losses = history["loss"]
    for epoch, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            raise Diverged(f"{recipe.name}, seed {seed}: the loss is {loss} from epoch {epoch} on")
    if scaling:
        fold_scaling(model, scaling)

    to_numpy = backend().to_numpy

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, len(images), SCORING_BATCH)
        return np.concatenate(
            [to_numpy(model(images[start : start + SCORING_BATCH], training=False)) for start in starts]
        )

    probe = np.zeros((1, *model.input_shape[1:]), np.float32)
    return Trained(
        recipe=recipe,
        seed=seed,
        trainer=trainer,
        backend=backend_name(),
        model=model,
        predict=predict,
        parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        epochs_run=len(losses),
        history={name: [float(value) for value in values] for name, values in sorted(history.items())},
        placed_on=backend().placement(model(probe, training=False)),
    )


def fold_scaling(model: Any, scaling: PixelScaling) -> None:
    """Fold the pixel scaling into the first Dense layer's weights, in float64: ``(x * s + o) @ k + b`` equals
    ``x @ (s * k) + (o @ k + b)``.
    """
    first = next(layer for layer in model.layers if layer.weights)
    kernel, bias = (np.asarray(weight, np.float64) for weight in first.get_weights())
    first.set_weights([kernel * scaling.slope[:, None], bias + scaling.offset @ kernel])
