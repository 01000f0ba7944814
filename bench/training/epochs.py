"""Shared parts of loops over epochs: history, callbacks, and stopping when a callback asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_epochs(
    model: Any, callbacks: Sequence[Any], epochs: int, run_epoch: Callable[[], dict[str, float]]
) -> dict[str, list[float]]:
    """Train epoch by epoch, and return metric name to one value per epoch, as in Keras's `History`.

    Args:
        model: the Keras model; setting its `stop_training` ends the loop after the epoch.
        callbacks: Keras callbacks, called at the begin and end of training and of each epoch.
        epochs: largest number of epochs.
        run_epoch: trains one epoch, writes the weights to the model, and returns the metrics.
    """
    history: dict[str, list[float]] = {}
    model.stop_training = False
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    for number in range(epochs):
        for callback in callbacks:
            callback.on_epoch_begin(number)
        logs = run_epoch()
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        for callback in callbacks:
            callback.on_epoch_end(number, logs)
        if model.stop_training:
            break
    for callback in callbacks:
        callback.on_train_end()
    return history
