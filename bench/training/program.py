"""One training epoch as one XLA program, and the description from which it is compiled.

The loop carries all state of a step as tensors; nothing returns to Python between steps. Kernels are carried
transposed, (units, inputs): at small batches XLA's matrix product on a CPU is about twice as fast that way. Update
rules and defaults are Keras's own (`keras/src/optimizers/{sgd,rmsprop,adam}.py`), and so are the activation and loss
functions, which are called as they are.

Time of one step of the deep MLP at batch 32 (784-100-10, Adam; TensorFlow 2.21, two cores of one Intel Xeon, AVX-512),
each part timed alone in a loop of its own: 60 µs for the forward product of the first layer, 31 µs for its gradient,
44 µs for Adam, 19 µs for gathering 32 images; about 150 µs in all. The products run on one core: XLA finds them too
small to share out, and NumPy takes as long for them.

Optimizations that helped, in images/s on the deep MLP at batch 32: kernels transposed, from 132,000 to 186,000 (the
forward product takes 107 µs otherwise; at batch 128 transposing costs 7 %); Adam's moments in one tensor, to 195,000;
five steps per loop iteration, to 210,000, for 0.6 s more of compilation.

Optimizations that did not help: the hidden layer in two or four parts, so that two cores have work (128,000 and 120,000
from 175,000); images kept as bytes, gradients written by hand, no accuracy inside the step, batches without gathering,
complex numbers for Adam's moments, XLA's flags for oneDNN, XNNPACK, fast maths, single-threaded products, 512-bit
vectors (all within 4 %, or slower).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

UNROLLED = 5
"""Steps in one turn of the loop: between turns XLA copies what the loop carries."""


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A matrix product, an optional bias, and an activation by Keras's name."""

    activation: str
    use_bias: bool


@dataclass(frozen=True, slots=True)
class DropoutLayer:
    """Dropout: in training each value is dropped with probability `rate`, and the others are scaled up."""

    rate: float


@dataclass(frozen=True, slots=True)
class FlattenLayer:
    """Reshapes (n, a, b) to (n, a * b)."""


@dataclass(frozen=True, slots=True)
class ActivationLayer:
    """An activation on its own, by Keras's name."""

    activation: str


Layer = DenseLayer | DropoutLayer | FlattenLayer | ActivationLayer


@dataclass(frozen=True, slots=True)
class Description:
    """The input of `compile_program`; equal descriptions share one program, whatever their seeds.

    Attributes:
        layers: in order, from the input on.
        optimizer: a key of `UPDATES`.
        hyperparameters: the optimizer's, by Keras's names, sorted.
        loss: ``sparse_categorical_crossentropy`` or ``categorical_crossentropy``; labels are class numbers in both.
        from_logits: whether the model's outputs are logits, as in Keras's losses.
        batch_size: images per step; remaining images make a smaller last step.
        train_images: images per epoch.
    """

    layers: tuple[Layer, ...]
    optimizer: str
    hyperparameters: tuple[tuple[str, float | bool], ...]
    loss: str
    from_logits: bool
    batch_size: int
    train_images: int


@dataclass(frozen=True, slots=True)
class Program:
    """Compiled functions over parameters (kernels (units, inputs) and biases, in order) and slots (the optimizer's
    variables of each parameter).

    Attributes:
        epoch: (images, labels, order, steps, parameters, slots, iteration, seed) to (parameters, slots, mean loss,
            accuracy). `steps` full batches are taken; an epoch has ``train_images // batch_size``.
        evaluate: (images, labels, parameters) to (mean loss, accuracy), without dropout.
        traces: one entry per tracing of `epoch`, so that a test can count compilations.
    """

    epoch: Callable[..., Any]
    evaluate: Callable[..., Any]
    traces: list[Description]


@cache
def compile_program(description: Description) -> Program:
    """The program of a description; made once per process, compiled when it is first called."""
    import tensorflow as tf

    traces: list[Description] = []
    update = UPDATES[description.optimizer]
    size, left_over = description.batch_size, description.train_images % description.batch_size
    hyper = dict(description.hyperparameters)

    def step(batch: tuple[Any, Any], state: Any, iteration: Any, seed: Any) -> Any:
        parameters, slots, loss_sum, right = state
        images, labels = batch
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            outputs = _forward(tf, description, parameters, images, dropout_seed=(seed, iteration))
            loss = tf.reduce_mean(_losses(tf, description, labels, outputs))
        gradients = tape.gradient(loss, parameters)
        number = tf.cast(iteration + 1, tf.float32)
        updated = [update(tf, hyper, number, *each) for each in zip(parameters, gradients, slots, strict=True)]
        return (
            [parameter for parameter, _ in updated],
            [slot for _, slot in updated],
            loss_sum + loss * tf.cast(tf.shape(labels)[0], tf.float32),
            right + _right_answers(tf, labels, outputs),
        )

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def epoch(
        images: Any, labels: Any, order: Any, steps: Any, parameters: Any, slots: Any, iteration: Any, seed: Any
    ) -> Any:
        traces.append(description)

        def take(start: Any, length: int) -> tuple[Any, Any]:
            chosen = tf.slice(order, [start], [length])
            return tf.gather(images, chosen), tf.gather(labels, chosen)

        def turn(i: Any, *state: Any, length: int) -> Any:
            for _ in range(length):
                state = step(take(i * size, size), state, iteration + i, seed)
                i += 1
            return (i, *state)

        zero = tf.constant(0.0)
        state: Any = (tf.constant(0), parameters, _pack(tf, description, slots), zero, zero)
        for length in (UNROLLED, 1):
            end = steps // length * length
            state = tf.while_loop(lambda i, *_, end=end: i < end, partial(turn, length=length), state)
        state = state[1:]
        if left_over:
            state = step(take(description.train_images - left_over, left_over), state, iteration + steps, seed)
        parameters, packed, loss_sum, right = state
        slots = _unpack(tf, description, packed)
        return parameters, slots, loss_sum / description.train_images, right / description.train_images

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]  # as above
    def evaluate(images: Any, labels: Any, parameters: Any) -> Any:
        outputs = _forward(tf, description, parameters, images, dropout_seed=None)
        loss = tf.reduce_mean(_losses(tf, description, labels, outputs))
        return loss, _right_answers(tf, labels, outputs) / tf.cast(tf.shape(labels)[0], tf.float32)

    return Program(epoch, evaluate, traces)


def slot_names(description: Description) -> tuple[str, ...]:
    """The attributes of Keras's optimizer that hold its variables of each weight, in the update rule's order."""
    momentum = dict(description.hyperparameters).get("momentum")
    if description.optimizer == "Adam":
        return ("_momentums", "_velocities")
    if description.optimizer == "RMSprop":
        return ("_velocities", "_momentums") if momentum else ("_velocities",)
    return ("momentums",) if momentum else ()


def _forward(tf: Any, description: Description, parameters: Sequence[Any], x: Any, *, dropout_seed: Any) -> Any:
    left = iter(parameters)
    for index, layer in enumerate(description.layers):
        if isinstance(layer, FlattenLayer):
            x = tf.reshape(x, [tf.shape(x)[0], math.prod(x.shape[1:])])
        elif isinstance(layer, DropoutLayer):
            x = x if dropout_seed is None else _drop(tf, x, layer.rate, index, *dropout_seed)
        elif isinstance(layer, ActivationLayer):
            x = tf.keras.activations.get(layer.activation)(x)
        else:
            x = tf.matmul(x, next(left), transpose_b=True)
            x = x + next(left) if layer.use_bias else x
            x = tf.keras.activations.get(layer.activation)(x)
    return x


def _drop(tf: Any, x: Any, rate: float, layer: int, seed: Any, iteration: Any) -> Any:
    """Inverted dropout, with a separate random stream per layer and step."""
    stream = tf.stack([seed + 1_000_003 * layer, iteration])
    kept = tf.random.stateless_uniform(tf.shape(x), stream) >= rate
    return tf.where(kept, x / (1 - rate), tf.zeros_like(x))


def _losses(tf: Any, description: Description, labels: Any, outputs: Any) -> Any:
    losses = tf.keras.losses
    if description.loss == "categorical_crossentropy":
        targets = tf.one_hot(labels, outputs.shape[-1])
        return losses.categorical_crossentropy(targets, outputs, from_logits=description.from_logits)
    return losses.sparse_categorical_crossentropy(labels, outputs, from_logits=description.from_logits)


def _right_answers(tf: Any, labels: Any, outputs: Any) -> Any:
    answers = tf.argmax(outputs, axis=-1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(tf.equal(answers, labels), tf.float32))


def _update_sgd(_tf: Any, hyper: Any, _number: Any, parameter: Any, gradient: Any, slots: Any) -> Any:
    step = gradient * hyper["learning_rate"]
    if not hyper["momentum"]:
        return parameter - step, slots
    momentum = slots[0] * hyper["momentum"] - step
    ahead = momentum * hyper["momentum"] - step if hyper["nesterov"] else momentum
    return parameter + ahead, [momentum]


def _update_rmsprop(tf: Any, hyper: Any, _number: Any, parameter: Any, gradient: Any, slots: Any) -> Any:
    velocity = hyper["rho"] * slots[0] + (1 - hyper["rho"]) * tf.square(gradient)
    step = hyper["learning_rate"] * gradient / tf.sqrt(velocity + hyper["epsilon"])
    if not hyper["momentum"]:
        return parameter - step, [velocity]
    momentum = hyper["momentum"] * slots[1] + step
    return parameter - momentum, [velocity, momentum]


def _update_adam(tf: Any, hyper: Any, number: Any, parameter: Any, gradient: Any, slots: Any) -> Any:
    """Adam's update. Both moments lie in one tensor, since XLA makes one pass over each tensor that it creates."""
    beta_1, beta_2 = hyper["beta_1"], hyper["beta_2"]
    scale = hyper["learning_rate"] * tf.sqrt(1 - tf.pow(beta_2, number)) / (1 - tf.pow(beta_1, number))
    rates = tf.reshape(tf.constant([1 - beta_1, 1 - beta_2]), [2] + [1] * len(gradient.shape))
    moments = slots[0] + (tf.stack([gradient, tf.square(gradient)]) - slots[0]) * rates
    return parameter - moments[0] * scale / (tf.sqrt(moments[1]) + hyper["epsilon"]), [moments]


def _pack(tf: Any, description: Description, slots: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Pack the optimizer's tensors into the state that the loop carries."""
    return [[tf.stack(memory)] if description.optimizer == "Adam" else list(memory) for memory in slots]


def _unpack(tf: Any, description: Description, packed: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [tf.unstack(memory[0]) if description.optimizer == "Adam" else list(memory) for memory in packed]


UPDATES: dict[str, Callable[..., Any]] = {
    "SGD": _update_sgd,
    "RMSprop": _update_rmsprop,
    "Adam": _update_adam,
}
"""Keras class name to its update rule: a new parameter and what is remembered of it, from the old ones."""
