"""The compiled trainer: Keras's training, an epoch at a time inside one XLA program."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.trained import Fit, Trained
from bench.training.describe import CannotCompile, describe
from bench.training.epochs import run_epochs
from bench.training.keras_fit import prepare_keras_fit
from bench.training.keras_model import as_trained, build_model, make_callbacks
from bench.training.program import Program, compile_program, slot_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.data.splits import Split
    from models import Recipe, Training

LOG = logging.getLogger("densebench")
Data = tuple["NDArray[np.float32]", "NDArray[np.int64]"]


def prepare_compiled_fit(
    recipe: Recipe, training: Training, split: Split, *, seed: int, on_epoch: Callable[[int], None]
) -> Fit:
    """The recipe's training as a compiled program; if it cannot be compiled, Keras's `fit`, with a warning."""
    model = build_model(recipe, training, seed)
    validation = (split.validation_images, split.validation_labels) if training.validate_each_epoch else None
    try:
        fit = CompiledFit(
            model,
            (split.train_images, split.train_labels),
            batch_size=training.batch_size,
            epochs=training.epochs,
            seed=seed,
            validation=validation,
            callbacks=make_callbacks(training, on_epoch),
        )
    except CannotCompile as reason:
        LOG.warning("%s cannot be compiled, so Keras's fit trains it: %s", recipe.name, reason)
        return prepare_keras_fit(recipe, training, split, seed=seed, on_epoch=on_epoch)
    histories: list[dict[str, list[float]]] = []

    def run() -> None:
        histories.append(fit.run())

    def finish() -> Trained:
        (history,) = histories
        return as_trained(recipe, seed, trainer="compiled", model=model, history=history, scaling=split.scaling)

    return Fit(run, finish, fit.compile_s, shares_nothing=True)


class CompiledFit:
    """A training that is ready to run: compiled, with the data on the device.

    It trains as Keras's `fit(images, labels, batch_size, epochs, validation_data, callbacks)` does, up to float32
    rounding: same update rules, losses, metrics and smaller last batch. Two random choices differ, and both are
    fixed by `seed`: the order of the images, and the units that dropout drops.

    Args:
        model: a Keras Sequential that `compile` was called on; it is trained in place.
        train: images float32 (n, ...) and class numbers (n,).
        batch_size: images per step.
        epochs: passes over the images, at most.
        seed: decides the order of the images and the dropped units; the initial weights are the model's own.
        validation: scored after each epoch, as `val_loss` and `val_accuracy`.
        callbacks: Keras callbacks, called at the begin and end of training and of epochs, never for batches.
        shuffle: whether each epoch takes the images in a new order.

    Raises:
        CannotCompile: the model has a feature that the program does not support; nothing was trained.
    """

    def __init__(  # noqa: PLR0913  the arguments of Keras's fit
        self,
        model: Any,
        train: Data,
        *,
        batch_size: int,
        epochs: int,
        seed: int,
        validation: Data | None = None,
        callbacks: Sequence[Any] = (),
        shuffle: bool = True,
    ) -> None:
        import tensorflow as tf

        self._model, self._epochs, self._seed, self._callbacks = model, epochs, seed, callbacks
        self._count = len(train[1])
        self._description = describe(model, batch_size=min(batch_size, self._count), train_images=self._count)
        self._steps = self._count // self._description.batch_size
        self._program: Program = compile_program(self._description)
        self._order = np.random.default_rng(seed) if shuffle else None
        self._train = (tf.constant(train[0]), tf.constant(train[1], tf.int32))
        self._validation = validation and (tf.constant(validation[0]), tf.constant(validation[1], tf.int32))
        for callback in callbacks:
            callback.set_params({"epochs": epochs, "steps": self._steps, "verbose": 0})
            callback.set_model(model)
        model.optimizer.build(model.trainable_weights)
        self.compile_s = self._compile(tf)

    def run(self) -> dict[str, list[float]]:
        """Train, and return metric name to one value per epoch, as in Keras's `History`."""
        import tensorflow as tf

        state = self._read(tf)
        iteration = self._model.optimizer.iterations.numpy()

        def run_epoch() -> dict[str, float]:
            nonlocal state, iteration
            counters = tf.constant(iteration, tf.int32), tf.constant(self._seed)
            parameters, slots, *scores = self._program.epoch(
                *self._train, self._next_order(tf), tf.constant(self._steps), *state, *counters
            )
            state = parameters, slots
            iteration += -(-self._count // self._description.batch_size)
            self._write(tf, parameters, slots, iteration)
            return self._logs(parameters, scores)

        return run_epochs(self._model, self._callbacks, self._epochs, run_epoch)

    def stepper(self) -> Callable[[int], float]:
        """Returns a function that takes so many further steps, at most an epoch's, and returns their mean loss.

        It waits until the steps are done, and leaves the model as it was.
        """
        import tensorflow as tf

        state, order, iteration = self._read(tf), self._next_order(tf), 0

        def take(steps: int) -> float:
            nonlocal state, iteration
            counters = tf.constant(iteration, tf.int32), tf.constant(self._seed)
            parameters, slots, loss, _ = self._program.epoch(*self._train, order, tf.constant(steps), *state, *counters)
            state, iteration = (parameters, slots), iteration + steps
            return float(loss)

        return take

    def optimized_program(self) -> str:
        """The compiled epoch as XLA's own text, after its optimizations."""
        import tensorflow as tf

        epoch: Any = self._program.epoch
        return str(epoch.experimental_get_compiler_ir(*self._no_steps(tf))(stage="optimized_hlo"))

    def _compile(self, tf: Any) -> float:
        """Compile both programs by calling them with zero steps, and return the seconds that it took."""
        start = time.perf_counter()
        parameters, _, loss, _ = self._program.epoch(*self._no_steps(tf))
        if self._validation:
            loss, _ = self._program.evaluate(*self._validation, parameters)
        float(loss)
        return time.perf_counter() - start

    def _no_steps(self, tf: Any) -> tuple[Any, ...]:
        """What an epoch of zero steps takes."""
        (parameters, slots), zero = self._read(tf), tf.constant(0)
        return (*self._train, tf.zeros([self._count], tf.int32), zero, parameters, slots, zero, zero)

    def _next_order(self, tf: Any) -> Any:
        order = np.arange(self._count) if self._order is None else self._order.permutation(self._count)
        return tf.constant(order, tf.int32)

    def _logs(self, parameters: Any, scores: Sequence[Any]) -> dict[str, float]:
        names: tuple[str, ...] = ("loss", "accuracy")
        if self._validation:
            names += ("val_loss", "val_accuracy")
            scores = (*scores, *self._program.evaluate(*self._validation, parameters))
        return {name: float(score) for name, score in zip(names, scores, strict=True)}

    def _read(self, tf: Any) -> tuple[list[Any], list[list[Any]]]:
        """The model's weights and the optimizer's variables of each, in the program's layout."""
        parameters = [_turned(tf, weight) for weight in self._model.trainable_weights]
        slots = [[_turned(tf, slot) for slot in memory] for memory in self._memory()]
        return parameters, slots

    def _write(self, tf: Any, parameters: Sequence[Any], slots: Sequence[Sequence[Any]], iteration: int) -> None:
        """Write weights and optimizer variables back to the model, as Keras's `fit` leaves them."""
        self._model.optimizer.iterations.assign(iteration)
        for weight, value in zip(self._model.trainable_weights, parameters, strict=True):
            weight.assign(_turned(tf, value))
        for memory, values in zip(self._memory(), slots, strict=True):
            for slot, value in zip(memory, values, strict=True):
                slot.assign(_turned(tf, value))

    def _memory(self) -> list[list[Any]]:
        """The optimizer's variables for each weight, in the order in which the update rule takes them."""
        optimizer = self._model.optimizer
        lists = [getattr(optimizer, name) for name in slot_names(self._description)]
        return [[variables[index] for variables in lists] for index in range(len(self._model.trainable_weights))]


def _turned(tf: Any, value: Any) -> Any:
    """A kernel transposed between Keras's (inputs, units) and the program's (units, inputs); a bias unchanged."""
    tensor = tf.convert_to_tensor(value)
    return tf.transpose(tensor) if len(tensor.shape) > 1 else tf.identity(tensor)
