"""Keras's backends: one per process, chosen before anything imports Keras."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError, unknown_name
from bench.host.devices import placement, start_tensorflow
from bench.host.process import on_cpus, own_cpus
from bench.records.cases import DEFAULT_BACKEND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.host.devices import Device

VARIABLE = "KERAS_BACKEND"
"""The environment variable that Keras takes it from; also how this process remembers it."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend of Keras 3; `tensorflow` also stands for the Keras 2 of TensorFlow up to 2.15.

    Attributes:
        packages: import names of the packages that must be installed.
        start: starts the backend with a device and its threads; returns Keras's namespace. Raises DensebenchError.
        placement: returns the device that holds a tensor: ``CPU:0`` or ``GPU:0``.
        to_numpy: converts a tensor to a NumPy array.
        jit_compile: value of Keras's `jit_compile`; true for JAX, which is always used with its compiler.
    """

    packages: tuple[str, ...]
    start: Callable[[Device], Any]
    placement: Callable[[Any], str]
    to_numpy: Callable[[Any], NDArray[Any]]
    jit_compile: bool


def missing_packages(name: str) -> list[str]:
    """Packages missing for a backend; empty where all are installed."""
    return [package for package in BACKENDS[name].packages if importlib.util.find_spec(package) is None]


def claim_backend(name: str) -> None:
    """Make `name` the backend of this process; must be called before Keras is imported.

    Raises:
        DensebenchError: there is no such backend, or its packages are not installed.
    """
    if name not in BACKENDS:
        raise unknown_name("backend", name, BACKENDS)
    if missing := missing_packages(name):
        lack = f"{' and '.join(missing)} cannot be imported"
        raise DensebenchError(f"--backend {name}: {lack}. `tox -e {name}` makes an environment for it.")
    os.environ[VARIABLE] = name


def backend_name() -> str:
    """The backend of this process."""
    return os.environ.get(VARIABLE, DEFAULT_BACKEND)


def backend() -> Backend:
    """The backend of this process."""
    return BACKENDS[backend_name()]


def import_keras() -> Any:
    """Keras's namespace in this process: TensorFlow's own, or Keras itself on another backend."""
    if backend_name() == DEFAULT_BACKEND:
        import tensorflow as tf

        return tf.keras
    import keras

    return keras


def _start_tensorflow(device: Device) -> Any:
    return start_tensorflow(device).keras


def _start_jax(device: Device) -> Any:
    """Start JAX on as many CPUs as it may use threads: it makes one thread per CPU and has no setting for it."""
    os.environ["JAX_PLATFORMS"] = "cpu" if device.kind == "cpu" else "cuda"
    try:
        with on_cpus(own_cpus()[: device.threads]):
            import jax

            jax.devices()
    except RuntimeError as error:
        raise DensebenchError(f"device {device.name!r}: JAX cannot use it: {str(error).splitlines()[0]}") from None
    return import_keras()


def _start_torch(device: Device) -> Any:
    import torch

    torch.set_num_threads(device.threads)
    torch.set_num_interop_threads(1)
    if device.kind == "gpu" and not torch.cuda.is_available():
        raise DensebenchError(
            f"device {device.name!r}: this build of PyTorch ({torch.__version__}) sees no GPU. It takes a CUDA build."
        )
    return import_keras()


def _place_jax(tensor: Any) -> str:
    (device,) = tensor.devices()
    return f"{'CPU' if device.platform == 'cpu' else 'GPU'}:{device.id}"


def _place_torch(tensor: Any) -> str:
    return f"{'CPU' if tensor.device.type == 'cpu' else 'GPU'}:{tensor.device.index or 0}"


def _from_array(tensor: Any) -> NDArray[Any]:
    import numpy as np

    return np.asarray(tensor)


def _from_torch(tensor: Any) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


BACKENDS: dict[str, Backend] = {
    "tensorflow": Backend(("tensorflow",), _start_tensorflow, placement, _from_array, jit_compile=False),
    "jax": Backend(("keras", "jax"), _start_jax, _place_jax, _from_array, jit_compile=True),
    "torch": Backend(("keras", "torch"), _start_torch, _place_torch, _from_torch, jit_compile=False),
}
"""In display order."""
