"""The ways to train that are compared, in display order: one entry each, and one file per backend.

No two of TensorFlow, JAX and PyTorch are ever loaded into one process: each backend has a worker of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.commands.trainers.jax_variants import prepare_scan
from bench.commands.trainers.roofline import (
    prepare_batch_limit,
    prepare_product_limit,
    prepare_torch_batch_limit,
    prepare_torch_product_limit,
)
from bench.commands.trainers.tensorflow_variants import prepare_compiled, prepare_fit, prepare_jit_fit
from bench.commands.trainers.torch_variants import prepare_compiled_step, prepare_eager

if TYPE_CHECKING:
    from bench.commands.trainers.task import Ready, Task


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to train, or a limit to hold one against.

    Attributes:
        backend: a key of `BACKENDS`.
        prepare: makes it ready; runs in the backend's own process.
    """

    backend: str
    prepare: Callable[[Task], Ready]


VARIANTS: dict[str, Variant] = {
    "fit": Variant("tensorflow", prepare_fit),
    "fit, jit": Variant("tensorflow", prepare_jit_fit),
    "compiled": Variant("tensorflow", prepare_compiled),
    "JAX scan": Variant("jax", prepare_scan),
    "PyTorch eager": Variant("torch", prepare_eager),
    "PyTorch compiled": Variant("torch", prepare_compiled_step),
    "limit at this batch size": Variant("numpy", prepare_batch_limit),
    "limit at this batch size, PyTorch": Variant("torch", prepare_torch_batch_limit),
    "matrix product limit": Variant("numpy", prepare_product_limit),
    "matrix product limit, PyTorch": Variant("torch", prepare_torch_product_limit),
}

BACKENDS: dict[str, tuple[str, ...]] = {
    "tensorflow": ("tensorflow",),
    "jax": ("jax", "optax"),
    "torch": ("torch",),
    "numpy": (),
}
"""Backend to the packages that its variants need beyond those of the suite."""

LIMITS = tuple(name for name in VARIANTS if "limit" in name)
SHORT = ("fit", "compiled", *LIMITS)

COMPARED: dict[tuple[str, int], tuple[str, ...]] = {
    ("deep_mlp", 32): tuple(VARIANTS),
    ("deep_mlp", 128): tuple(VARIANTS),
    ("single_dense", 32): SHORT,
    ("dropout_mlp", 32): SHORT,
}
"""Recipe and batch size to the variants that are measured for them."""

WIDTHS: dict[str, tuple[int, ...]] = {
    "single_dense": (784, 10),
    "deep_mlp": (784, 100, 10),
    "dropout_mlp": (784, 100, 10),
}
"""Values per image from the input to the output; the TensorFlow variants check it against the models themselves."""
