"""The JAX variant: an epoch is one jitted scan over the batches, as its own users would write it."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.trainers.task import EPSILON, LEARNING_RATE, Ready, Task, make_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SEED = 0


def prepare_scan(task: Task) -> Ready:
    """One XLA program per epoch; images, labels and weights stay on the device."""
    import jax  # type: ignore[import-not-found,unused-ignore]  # in its own process only
    import optax  # type: ignore[import-not-found,unused-ignore]

    optimizer = optax.adam(LEARNING_RATE, eps=EPSILON)
    images, labels = jax.device_put(task.images), jax.device_put(task.labels.astype(np.int32))
    random = np.random.default_rng(SEED)
    parameters = jax.device_put(glorot_uniform(task.widths, random))
    state = [(parameters, optimizer.init(parameters))]
    order_shape = (task.steps, task.batch_size)

    def loss_of(parameters: Any, batch_images: Any, batch_labels: Any) -> Any:
        logits = _forward(jax, parameters, batch_images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch_labels).mean()

    def step(carried: Any, chosen: Any) -> Any:
        parameters, slots = carried
        loss, gradients = jax.value_and_grad(loss_of)(parameters, images[chosen], labels[chosen])
        updates, slots = optimizer.update(gradients, slots, parameters)
        return (optax.apply_updates(parameters, updates), slots), loss

    @partial(jax.jit, donate_argnums=0)
    def epoch(carried: Any, order: Any) -> Any:
        carried, losses = jax.lax.scan(step, carried, order)
        return carried, losses.mean()

    def prepare_run(epochs: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(epochs):
                order = random.permutation(len(task.labels)).astype(np.int32).reshape(order_shape)
                state[0], loss = epoch(state[0], order)
                float(loss)  # as the other variants, which tell each epoch's loss; waits until it is computed
            jax.block_until_ready(state[0])

        return run

    return make_ready(task, prepare_run, lambda test_images: np.asarray(_forward(jax, state[0][0], test_images)))


def glorot_uniform(
    widths: Sequence[int], random: np.random.Generator
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """A kernel (inputs, units) and a bias per layer, as Keras draws them (Glorot and Bengio 2010, equation 16)."""
    layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    for inputs, units in pairwise(widths):
        limit = np.sqrt(6 / (inputs + units))
        kernel = random.uniform(-limit, limit, (inputs, units)).astype(np.float32)
        layers.append((kernel, np.zeros(units, np.float32)))
    return layers


def _forward(jax: Any, parameters: Any, x: Any) -> Any:
    for kernel, bias in parameters[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = parameters[-1]
    return x @ kernel + bias
