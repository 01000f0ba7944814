"""What a model declares that it takes, and seeded random values of that kind."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN_SIZE = 32
"""Taken for a dimension, beside the batch's, whose size a model leaves open: a length of 32 steps, say."""
MOST_INPUT_BYTES = 2**28
"""Of one call's input."""
BELOW = 2
"""Integers are 0 or 1 where a model does not say how many are right."""
MADE_UP_SEED = 0
"""Of what is made up, where no trial has a seed of its own."""
BATCH = "N"
"""What stands for the batch in a shape that the user gives."""
SHAPE = re.compile(r"(?P<name>[^=]+)=(?P<sizes>[\dN]+(,[\dN]+)*)")


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a model.

    Attributes:
        shape: ``None`` where a size is open.
        dtype: NumPy's name for it.
        batch_axis: where the batch is; ``None`` where it does not depend on it.
        below: it takes whole numbers from 0 up to but without this, of whatever type; ``None`` where that is not known.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    batch_axis: int | None = 0
    below: int | None = None

    @property
    def batch(self) -> int | None:
        """The only batch size that it takes; ``None`` for any."""
        return None if self.batch_axis is None else self.shape[self.batch_axis]

    def sizes(self, batch: int) -> tuple[int, ...]:
        """Its shape for a batch of this size."""
        known = [UNKNOWN_SIZE if size is None else size for size in self.shape]
        if self.batch_axis is not None:
            known[self.batch_axis] = batch
        return tuple(known)

    def nbytes(self, batch: int) -> int:
        """Bytes of a batch of this size. Raises DensebenchError: its type cannot be made up."""
        return math.prod(self.sizes(batch)) * self._numpy_dtype().itemsize

    def values(self, batch: int, source: np.random.Generator) -> NDArray[Any]:
        """Random values: floats in [0, 1), whole numbers or booleans. Raises DensebenchError."""
        dtype, sizes = self._numpy_dtype(), self.sizes(batch)
        if (needed := self.nbytes(batch)) > MOST_INPUT_BYTES:
            raise DensebenchError(
                f"its input {self.name!r} of {list(sizes)} is {needed:,} bytes; at most {MOST_INPUT_BYTES:,} are "
                "measured"
            )
        fractions = dtype.kind == "f" and self.below is None
        drawn = source.random(sizes) if fractions else source.integers(self.below or BELOW, size=sizes)
        return np.ascontiguousarray(drawn, dtype).reshape(sizes)

    def _numpy_dtype(self) -> np.dtype[Any]:
        dtype = np.dtype(self.dtype) if self.dtype in np.sctypeDict else None
        if dtype is None or dtype.kind not in "fiub":
            raise DensebenchError(f"its input {self.name!r} takes {self.dtype}; numbers and booleans can be made up")
        return dtype


def random_inputs(inputs: Sequence[Input], size: int, seed: int) -> list[NDArray[Any]]:
    """Random values for each input, the same for a seed wherever it is.

    Args:
        inputs: what is declared.
        size: of the batch.
        seed: of NumPy's generator.

    Raises:
        DensebenchError: an input takes something else, or would be too large.
    """
    source = np.random.default_rng(seed)
    return [one.values(size, source) for one in inputs]


def describe_inputs(inputs: Sequence[Input]) -> str:
    """Inputs for people: ``image float32 (N, 28, 28, 1)``; a size that is open is told as it is taken."""
    return ", ".join(f"{one.name} {one.dtype} ({', '.join(_told(one))})" for one in inputs)


def _told(one: Input) -> list[str]:
    batch = one.batch_axis if one.batch is None else None
    return [BATCH if axis == batch else str(size) for axis, size in enumerate(one.sizes(one.batch or 1))]


def parse_shapes(words: Iterable[str]) -> dict[str, tuple[int | str, ...]]:
    """Shapes of inputs that the user gives, by the input's name: ``image=N,3,48,192``.

    Raises:
        DensebenchError: a word is no such thing.
    """
    found: dict[str, tuple[int | str, ...]] = {}
    for word in words:
        match = SHAPE.fullmatch(word)
        sizes = match["sizes"].split(",") if match else []
        if match is None or sizes.count(BATCH) > 1 or any(one != BATCH and not one.isdecimal() for one in sizes):
            raise DensebenchError(f"--shape {word!r} is no shape: image=N,3,48,192 is, with N for the batch.")
        found[match["name"]] = tuple(one if one == BATCH else int(one) for one in sizes)
    return found


def with_shapes(inputs: Sequence[Input], shapes: Mapping[str, Sequence[int | str]]) -> list[Input]:
    """The same inputs, those of which the user gave shapes with these.

    Raises:
        DensebenchError: an input has other dimensions.
    """
    return [_with_shape(one, shapes[one.name]) if one.name in shapes else one for one in inputs]


def _with_shape(one: Input, given: Sequence[int | str]) -> Input:
    sizes = tuple(None if size == BATCH else int(size) for size in given)
    fits = len(sizes) == len(one.shape) and all(own in {None, size} for own, size in zip(one.shape, sizes, strict=True))
    if not fits:
        declared = ", ".join("?" if size is None else str(size) for size in one.shape)
        raise DensebenchError(f"--shape {one.name}={','.join(map(str, given))}: the model declares ({declared})")
    axis = list(given).index(BATCH) if BATCH in given else None
    return replace(one, shape=sizes, batch_axis=axis)
