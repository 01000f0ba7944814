"""The limits: how fast a training could be if it were nothing but its matrix products, by NumPy and by PyTorch."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.trainers.task import Ready, Task
from bench.host.timing import time_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZE = 2048
TRIES = 10
"""A limit is what was reached at best: the fastest of this many tries counts in each repetition."""

TRY_STEPS = 100
SEED = 0


def prepare_product_limit(_task: Task) -> Ready:
    """One repetition is the fastest of several float32 products of two large square matrices."""
    left, right, out = _large_product()
    return _ready(lambda: np.matmul(left, right, out=out), images=None, flops=2 * SIZE**3)


def prepare_torch_product_limit(task: Task) -> Ready:
    """The same by PyTorch's library."""
    torch = _start_torch(task)
    left, right, out = map(torch.from_numpy, _large_product())
    return _ready(lambda: torch.mm(left, right, out=out), images=None, flops=2 * SIZE**3)


def prepare_batch_limit(task: Task) -> Ready:
    """One repetition is the fastest of several runs of the products that steps of this batch size need."""
    return _batch_limit(task, step_products(task.widths, task.batch_size), np.matmul)


def prepare_torch_batch_limit(task: Task) -> Ready:
    """The same by PyTorch's library."""
    torch = _start_torch(task)
    products = step_products(task.widths, task.batch_size)
    tensors = [(*map(torch.from_numpy, product),) for product in products]
    return _batch_limit(task, tensors, torch.mm)


def _start_torch(task: Task) -> Any:
    import torch  # type: ignore[import-not-found,unused-ignore]  # in its own process only

    torch.set_num_threads(task.threads)
    return torch


def _large_product() -> tuple[Any, Any, Any]:
    random = np.random.default_rng(SEED)
    left, right = (random.random((SIZE, SIZE), np.float32) for _ in range(2))
    return left, right, np.empty_like(left)


def _batch_limit(task: Task, products: Sequence[tuple[Any, ...]], multiply: Callable[..., Any]) -> Ready:
    def run() -> None:
        for _ in range(TRY_STEPS):
            for left, right, out in products:
                multiply(left, right, out=out)

    flops = sum(2 * left.shape[0] * left.shape[1] * right.shape[1] for left, right, _ in products)
    return _ready(run, images=TRY_STEPS * task.batch_size, flops=TRY_STEPS * flops)


def step_products(widths: tuple[int, ...], batch_size: int) -> list[tuple[Any, Any, Any]]:
    """Left side, right side and room for the answer of each product in a training step, in order.

    Per layer: outputs from inputs, gradient of the kernel, and, but for the first layer, gradient of the inputs.
    """
    random = np.random.default_rng(SEED)
    products = []
    for layer, (inputs, units) in enumerate(pairwise(widths)):
        x, kernel, gradient = (
            random.random(shape, np.float32) for shape in ((batch_size, inputs), (inputs, units), (batch_size, units))
        )
        pairs = [(x, kernel), (x.T, gradient)] + ([(gradient, kernel.T)] if layer else [])
        products += [(left, right, left @ right) for left, right in pairs]
    return products


def _ready(run: Callable[[], Any], *, images: int | None, flops: int) -> Ready:
    def repeat() -> float:
        return min(time_once(run) for _ in range(TRIES))

    repeat()  # starts the BLAS threads
    return Ready(repeat, 1, images, None, {"flops": flops})
