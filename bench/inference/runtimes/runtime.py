"""The nouns of the runtimes: a `Runtime` loads an artifact, and what comes out answers images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Answer = Callable[["NDArray[Any]"], "NDArray[Any]"]
"""Images float32 (n, 784), contiguous, to probabilities (n, 10), both NumPy arrays of this process."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to answer with a trained model.

    Attributes:
        name: as tables have it.
        artifact: what it loads: a key of `bench.inference.runtimes.artifacts.ARTIFACTS`.
        frameworks: whose models it can answer with.
        packages: what must be installed, by the names that Python imports.
        load: takes the artifact's path and the number of CPU threads; imports the runtime first of all. Raises
            Unavailable.
        exact: whether it computes in the trained model's precision. Where it does not, predictions may change, but the
            accuracy must hold (`bench.inference.runtimes.certificate`).
    """

    name: str
    artifact: str
    frameworks: tuple[str, ...]
    packages: tuple[str, ...]
    load: Callable[[Path, int, Callable[[], None]], Answer]
    exact: bool = True
