"""The PyTorch variants: its training loop as it stands, and with the step compiled."""

from __future__ import annotations

import itertools
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.trainers.task import EPSILON, LEARNING_RATE, Ready, Task, make_ready
from bench.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 0


def prepare_eager(task: Task) -> Ready:
    """The usual loop: forward, backward and a fused Adam, one operation after the other."""
    return _prepare(task, compile_step=False)


def prepare_compiled_step(task: Task) -> Ready:
    """The same loop, with forward and backward compiled by `torch.compile`.

    Raises:
        Unavailable: there is no C++ compiler, which `torch.compile` needs on a CPU.
    """
    compiler = os.environ.get("CXX") or "g++"
    if not shutil.which(compiler):
        raise Unavailable(f"torch.compile needs a C++ compiler, and {compiler!r} is not installed")
    return _prepare(task, compile_step=True)


def _prepare(task: Task, *, compile_step: bool) -> Ready:
    import torch  # type: ignore[import-not-found,unused-ignore]  # in its own process only

    torch.set_num_threads(task.threads)
    torch.manual_seed(SEED)
    model = _build(torch, task.widths)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, eps=EPSILON, fused=True)
    images, labels = torch.from_numpy(task.images), torch.from_numpy(task.labels)

    def loss_of(batch_images: Any, batch_labels: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(batch_images), batch_labels)

    compiled_loss = torch.compile(loss_of) if compile_step else loss_of

    def train_epoch() -> None:
        loss_sum = torch.zeros(())
        for chosen in torch.randperm(len(labels)).split(task.batch_size):
            optimizer.zero_grad()
            loss = compiled_loss(images[chosen], labels[chosen])
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach()
        float(loss_sum)  # as the other variants, which tell each epoch's loss

    def prepare_run(epochs: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(epochs):
                train_epoch()

        return run

    def predict(test_images: Any) -> Any:
        with torch.no_grad():
            return np.asarray(model(torch.from_numpy(test_images)))

    return make_ready(task, prepare_run, predict)


def _build(torch: Any, widths: tuple[int, ...]) -> Any:
    layers: list[Any] = []
    for inputs, units in itertools.pairwise(widths):
        layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])
