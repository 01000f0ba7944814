"""The compiled trainer's counterpart on JAX: an epoch of a Keras model is one jitted scan over its batches.

A step uses Keras's stateless calls, so it supports all layers, losses and optimizers that Keras has on JAX.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.trained import Fit, Trained
from bench.training.backends import import_keras
from bench.training.epochs import run_epochs
from bench.training.keras_model import as_trained, build_model, make_callbacks, make_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bench.data.splits import Split
    from models import Recipe, Training

State = tuple[list[Any], list[Any], list[Any]]
"""Trainable variables, other variables (the seeds of dropout among them), and the optimizer's."""


def prepare_jax_fit(
    recipe: Recipe, training: Training, split: Split, *, seed: int, on_epoch: Callable[[int], None]
) -> Fit:
    """The recipe's training, with the epoch compiled ahead of time and the data on the device."""
    import jax  # in its own process only

    from bench.training.keras_fit import targets

    model = build_model(recipe, training, seed)
    model.optimizer.build(model.trainable_variables)
    images, labels = split.train_images, targets(split.train_labels, training.loss)
    arrays = jax.device_put((images, labels))
    validation = (split.validation_images, targets(split.validation_labels, training.loss))
    held_out = jax.device_put(validation) if training.validate_each_epoch else None
    epoch, evaluate = _programs(jax, model, training, len(images))
    begin_s = time.perf_counter()
    order = np.zeros(len(images), np.int32)
    epoch = epoch.lower(_read(model), arrays, order).compile()
    if held_out:
        evaluate = evaluate.lower(_read(model)[:2], held_out).compile()
    first_step_s = time.perf_counter() - begin_s
    random, callbacks = np.random.default_rng(seed), make_callbacks(training, on_epoch)
    histories: list[dict[str, list[float]]] = []
    state: list[State] = []

    def run_epoch() -> dict[str, float]:
        state[0], scores = epoch(state[0], arrays, random.permutation(len(images)).astype(np.int32))
        names: tuple[str, ...] = ("loss", "accuracy")
        if held_out:
            names, scores = (*names, "val_loss", "val_accuracy"), (*scores, *evaluate(state[0][:2], held_out))
        logs = {name: float(value) for name, value in zip(names, scores, strict=True)}
        _write(model, state[0])
        return logs

    def run() -> None:
        state[:] = [_read(model)]
        histories.append(run_epochs(model, callbacks, training.epochs, run_epoch))

    def finish() -> Trained:
        (history,) = histories
        return as_trained(recipe, seed, trainer="compiled", model=model, history=history, scaling=split.scaling)

    return Fit(run, finish, first_step_s)


def _programs(jax: Any, model: Any, training: Training, count: int) -> tuple[Any, Any]:
    """The jitted epoch and the jitted evaluation."""
    keras = import_keras()
    made = make_loss(keras, training)
    loss_function = keras.losses.get(made) if isinstance(made, str) else made
    steps, rest = divmod(count, min(training.batch_size, count))

    def right(labels: Any, scores: Any) -> Any:
        wanted = labels.argmax(axis=-1) if labels.ndim > 1 else labels
        return (scores.argmax(axis=-1) == wanted).sum()

    def loss_of(trainable: list[Any], others: list[Any], images: Any, labels: Any) -> Any:
        scores, others = model.stateless_call(trainable, others, images, training=True)
        return loss_function(labels, scores).mean(), (others, right(labels, scores))

    def step(state: State, chosen: Any, arrays: Any) -> tuple[State, tuple[Any, Any]]:
        trainable, others, slots = state
        images, labels = (array[chosen] for array in arrays)
        differentiate = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (others, hits)), gradients = differentiate(trainable, others, images, labels)
        trainable, slots = model.optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, others, slots), (loss * len(chosen), hits)

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: State, arrays: Any, order: NDArray[np.int32]) -> tuple[State, tuple[Any, Any]]:
        whole = order[: count - rest].reshape(steps, -1)
        state, (losses, hits) = jax.lax.scan(lambda carried, chosen: step(carried, chosen, arrays), state, whole)
        loss, hit = losses.sum(), hits.sum()
        if rest:
            state, (last_loss, last_hit) = step(state, order[count - rest :], arrays)
            loss, hit = loss + last_loss, hit + last_hit
        return state, (loss / count, hit / count)

    def evaluate(state: tuple[list[Any], list[Any]], arrays: Any) -> tuple[Any, Any]:
        images, labels = arrays
        scores, _ = model.stateless_call(*state, images, training=False)
        return loss_function(labels, scores).mean(), right(labels, scores) / len(labels)

    return epoch, jax.jit(evaluate)


def _read(model: Any) -> State:
    """Copies of the model's and the optimizer's variables; an epoch overwrites the buffers that it is given."""
    lists = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    trainable, others, slots = ([variable.value + 0 for variable in one] for one in lists)
    return trainable, others, slots


def _write(model: Any, state: State) -> None:
    lists = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    for variables, values in zip(lists, state, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
