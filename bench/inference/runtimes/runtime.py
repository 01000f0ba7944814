"""Data types of the runtimes: `Runtime`, which loads a model file, and `Answer`, the function that it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Answer = Callable[..., Any]
"""Images float32 (n, 784), contiguous, to probabilities (n, 10), both NumPy arrays of this process; of a user's model,
each of its inputs to its output, or to a list of its outputs."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that can run trained models.

    Attributes:
        name: its name in tables.
        artifact: the format that it loads: a key of `bench.inference.runtimes.artifacts.ARTIFACTS`.
        frameworks: frameworks whose models it can run.
        packages: import names of the packages that must be installed.
        load: takes the artifact's path, the number of CPU threads, and a function that it calls once the runtime is
            imported, which comes first. Raises Unavailable.
        exact: whether it computes in the trained model's precision. Where it does not, predictions may change, but the
            accuracy must hold (`bench.inference.runtimes.certificate`).
    """

    name: str
    artifact: str
    frameworks: tuple[str, ...]
    packages: tuple[str, ...]
    load: Callable[[Path, int, Callable[[], None]], Answer]
    exact: bool = True
