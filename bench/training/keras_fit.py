"""The trainer that calls Keras's own `fit`, as the tutorials do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.trained import Fit, Trained
from bench.training.backends import import_keras
from bench.training.keras_model import as_trained, build_model, make_callbacks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.data.splits import Split
    from models import Recipe, Training

CLASSES = 10


def prepare_keras_fit(
    recipe: Recipe, training: Training, split: Split, *, seed: int, on_epoch: Callable[[int], None]
) -> Fit:
    """Keras's `fit` on a model whose steps have been traced already."""
    model = build_model(recipe, training, seed)
    classes = int(model.output_shape[-1])
    arguments: dict[str, Any] = {"batch_size": training.batch_size, "verbose": 0}
    first_step_s = _prime(model, training, split, arguments)
    import_keras().utils.set_random_seed(seed)
    arguments |= {"epochs": training.epochs, "callbacks": make_callbacks(training, on_epoch)}
    if training.validate_each_epoch:
        held_out = targets(split.validation_labels, training.loss, classes)
        arguments["validation_data"] = (split.validation_images, held_out)
    labels = targets(split.train_labels, training.loss, classes)
    histories: list[dict[str, list[float]]] = []

    def run() -> None:
        histories.append(model.fit(split.train_images, labels, **arguments).history)

    def finish() -> Trained:
        (history,) = histories
        return as_trained(recipe, seed, trainer="fit", model=model, history=history, scaling=split.scaling)

    return Fit(run, finish, first_step_s)


def targets(labels: NDArray[np.int64], loss: str, classes: int = CLASSES) -> NDArray[Any]:
    """Labels (n,) as the loss takes them: one-hot float32 (n, classes) for categorical cross-entropy, else the same."""
    return np.eye(classes, dtype=np.float32)[labels] if loss == "categorical_crossentropy" else labels


def _prime(model: Any, training: Training, split: Split, arguments: dict[str, Any]) -> float:
    """Trace and compile all steps of the fit, restore the model, and return the seconds of tracing and compilation.

    Runs one full batch and, if the images do not divide evenly, one of the last batch's size; also for validation.
    """
    classes = int(model.output_shape[-1])
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.array(variable.numpy()) for variable in variables]
    few = training.batch_size + len(split.train_images) % training.batch_size
    if training.validate_each_epoch:
        few_more = training.batch_size + len(split.validation_images) % training.batch_size
        labels = targets(split.validation_labels[:few_more], training.loss, classes)
        arguments = arguments | {"validation_data": (split.validation_images[:few_more], labels)}
    start = time.perf_counter()
    labels = targets(split.train_labels[:few], training.loss, classes)
    model.fit(split.train_images[:few], labels, epochs=1, **arguments)
    first_step_s = time.perf_counter() - start
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return first_step_s
