"""The TensorFlow variants: Keras's `fit`, the same with XLA, and this suite's compiled trainer."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.trainers.task import Ready, Task, make_ready
from bench.host.devices import Device, start_tensorflow
from bench.training.compiled_fit import CompiledFit
from bench.training.keras_model import build_model, make_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MOST_STEPS_PER_EXECUTION = 100
SEED = 0


def prepare_fit(task: Task) -> Ready:
    """Keras's `fit` as the tutorials call it, with NumPy arrays and without XLA."""
    model = _build(task)
    return make_ready(task, _fits(model, task), _predictions(model))


def prepare_jit_fit(task: Task) -> Ready:
    """Keras's `fit` with everything that its own arguments offer: XLA, and many steps per call."""
    tf = start_tensorflow(Device("cpu", task.threads))
    model, training = _build(task), task.recipe.training
    per_execution = steps_per_execution(task.steps)
    model.compile(
        optimizer=training.optimizer,
        loss=make_loss(tf.keras, training),
        metrics=["accuracy"],
        jit_compile=True,
        steps_per_execution=per_execution,
    )
    return make_ready(task, _fits(model, task), _predictions(model), steps_per_execution=per_execution)


def prepare_compiled(task: Task) -> Ready:
    """`CompiledFit`: a whole epoch is one XLA program, and the data lies on the device."""
    model = _build(task)

    def prepare_run(epochs: int) -> Callable[[], None]:
        fit = CompiledFit(model, (task.images, task.labels), batch_size=task.batch_size, epochs=epochs, seed=SEED)
        return lambda: _ignore(fit.run())

    return make_ready(task, prepare_run, _predictions(model))


def steps_per_execution(steps: int) -> int:
    """The largest number of steps up to 100 that divides an epoch's steps."""
    return max(count for count in range(1, MOST_STEPS_PER_EXECUTION + 1) if steps % count == 0)


def _build(task: Task) -> Any:
    start_tensorflow(Device("cpu", task.threads))
    model = build_model(task.recipe, task.recipe.training, SEED)
    kernels = [tuple(weight.shape) for weight in model.trainable_weights if len(weight.shape) > 1]
    expected = list(pairwise(task.widths))
    if kernels != expected:
        raise ValueError(f"{task.recipe.name} has kernels of the shapes {kernels}, the table of widths says {expected}")
    return model


def _fits(model: Any, task: Task) -> Callable[[int], Callable[[], None]]:
    def prepare_run(epochs: int) -> Callable[[], None]:
        return lambda: _ignore(
            model.fit(task.images, task.labels, batch_size=task.batch_size, epochs=epochs, verbose=0)
        )

    return prepare_run


def _predictions(model: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda images: np.asarray(model(images, training=False))


def _ignore(_result: object) -> None:
    """Nothing: a run's history is of no interest here."""
