"""Input and output of a variant: a `Task` goes in, a `Ready` training that can be repeated comes out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.host.timing import time_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models import Recipe


SHORTEST_S = 0.5
"""A repetition is made of so many epochs that it lasts at least this long."""

WARM_UP_EPOCHS = 3
"""What a training variant has trained before its first repetition."""

LEARNING_RATE, EPSILON = 1e-3, 1e-7
"""Keras's defaults for Adam; other frameworks are given the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The training that a variant prepares.

    Attributes:
        widths: values per image from the input to the output: (784, 100, 10) is two Dense layers with ReLU between.
        images: float32 (n, 784) in [0, 1]; a variant that trains nothing does not look at them.
        labels: int64 (n,).
        threads: how many CPU threads the variant may use.
    """

    recipe: Recipe
    batch_size: int
    widths: tuple[int, ...]
    images: NDArray[Any]
    labels: NDArray[Any]
    threads: int

    @property
    def steps(self) -> int:
        """Steps per epoch.

        Raises:
            ValueError: the last batch would be a smaller one, which not every variant can take.
        """
        steps, left_over = divmod(len(self.labels), self.batch_size)
        if left_over:
            raise ValueError(f"batches of {self.batch_size} leave {left_over} of {len(self.labels)} images over")
        return steps


@dataclass(frozen=True, slots=True)
class Ready:
    """A variant that is compiled and warm.

    Attributes:
        repeat: one repetition; the seconds that it took.
        epochs: how many passes over `images` one repetition is.
        images: how many images one pass takes; ``None`` where no images are involved.
        predict: images float32 (n, 784) to scores (n, 10), by what was trained so far; ``None`` where nothing is.
        facts: what else a reader should know.
        warm_up_epochs: how many passes it has trained already.
    """

    repeat: Callable[[], float]
    epochs: int
    images: int | None
    predict: Callable[[NDArray[Any]], NDArray[Any]] | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    warm_up_epochs: int = 0


def make_ready(
    task: Task,
    prepare_run: Callable[[int], Callable[[], None]],
    predict: Callable[[NDArray[Any]], NDArray[Any]],
    *,
    clock: Callable[[], float] = time.perf_counter,
    **facts: Any,
) -> Ready:
    """Warm a training variant up: one epoch that compiles, and two more, of which the faster tells an epoch's time.

    Args:
        task: what is trained.
        prepare_run: takes a number of epochs; returns what trains that long, going on from where training stands.
        predict: as `Ready` has it.
        clock: returns seconds that only grow.
        facts: as `Ready` has them.
    """
    once = prepare_run(1)
    once()
    epoch_s = min(time_once(once, clock) for _ in range(WARM_UP_EPOCHS - 1))
    epochs = max(1, math.ceil(SHORTEST_S / epoch_s))
    run = once if epochs == 1 else prepare_run(epochs)
    return Ready(lambda: time_once(run, clock), epochs, len(task.labels), predict, facts, WARM_UP_EPOCHS)
