"""Devices: parsing their names, claiming one for a process, and checking that it is used.

Thread counts and visible devices cannot change once TensorFlow has started, so one process claims one device.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import DensebenchError, unknown_name
from bench.host.gpu import find_missing, missing_kernels

KNOWN_DEVICES = ("cpu", "cpu:N (N threads)", "gpu", "gpu:K (the K-th GPU, from 0)")
CPU_PROVIDER = "CPUExecutionProvider"
GPU_PROVIDER = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class Device:
    """A device to measure on.

    Attributes:
        kind: ``cpu`` or ``gpu``.
        threads: CPU threads that TensorFlow, BLAS and ONNX Runtime may use.
        index: number of the GPU, from 0; ``None`` on a CPU.
    """

    kind: Literal["cpu", "gpu"]
    threads: int
    index: int | None = None

    @property
    def name(self) -> str:
        """``cpu``, ``cpu:1`` or ``gpu:0``."""
        if self.kind == "gpu":
            return f"gpu:{self.index}"
        return "cpu" if self.threads == available_threads() else f"cpu:{self.threads}"

    @property
    def provider(self) -> str:
        """The ONNX Runtime execution provider that runs on this device."""
        return GPU_PROVIDER if self.kind == "gpu" else CPU_PROVIDER


def available_threads() -> int:
    """The number of CPUs that this process may run on (its affinity, not the machine's size)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parse_device(text: str) -> Device:
    """The device that the user named: ``cpu``, ``cpu:N`` for N threads, ``gpu`` or ``gpu:K``.

    Raises:
        DensebenchError: the name is unknown, or asks for more threads than there are CPUs.
    """
    kind, _, number = text.partition(":")
    if kind not in ("cpu", "gpu") or (":" in text and not number.isdecimal()):
        raise unknown_name("device", text, KNOWN_DEVICES)
    if kind == "gpu":
        return Device("gpu", available_threads(), int(number or 0))
    threads = int(number) if number else available_threads()
    if not 1 <= threads <= available_threads():
        raise DensebenchError(
            f"device {text!r} asks for {threads} threads; this process may use 1 to {available_threads()} CPUs."
        )
    return Device("cpu", threads)


def claim_device(device: Device, asked: Iterable[str] = ()) -> None:
    """Restrict TensorFlow, BLAS and OpenMP to the threads and the GPU of `device`, by environment variables.

    Must run before TensorFlow, OpenMP or BLAS are loaded.

    Args:
        device: what is claimed.
        asked: names of variables that were asked for: where they are set, they keep their values.

    Raises:
        DensebenchError: a GPU is asked for and none is visible; nothing falls back to the CPU.
    """
    if device.kind == "gpu" and (lack := find_missing(device.index or 0)):
        raise DensebenchError(f"device {device.name!r}: {lack}")
    kept = {name: os.environ[name] for name in asked if name in os.environ}
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1" if device.kind == "cpu" else str(device.index)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(device.threads)
    os.environ.pop("TF_USE_LEGACY_KERAS", None)  # without tf_keras it breaks the import of TensorFlow's own Keras
    os.environ.update(kept)


def start_tensorflow(device: Device) -> Any:
    """The `tensorflow` module, started with the device's threads.

    Raises:
        DensebenchError: TensorFlow cannot be imported, or sees no GPU where one is asked for.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # a user may have another one in the environment
    tf = import_tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(device.threads)
    tf.config.threading.set_inter_op_parallelism_threads(device.threads)
    if device.kind == "gpu":
        _prove_gpu(tf, device)
    return tf


def _prove_gpu(tf: Any, device: Device) -> None:
    """Check that TensorFlow sees the GPU and has kernels for it. Raises DensebenchError."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        raise DensebenchError(
            f"device {device.name!r}: the driver is loaded, but TensorFlow {tf.__version__} sees no GPU. This build "
            f"needs its CUDA libraries (`tensorflow[and-cuda]`, as `tox -e gpu` installs it)."
        )
    capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
    built_for = tf.sysconfig.get_build_info().get("cuda_compute_capabilities", [])
    if capability and (lack := missing_kernels(capability, built_for)):
        raise DensebenchError(f"device {device.name!r}: {lack}")


def import_tensorflow() -> Any:
    """The `tensorflow` module, imported with its start-up messages on standard error suppressed.

    Raises:
        DensebenchError: it cannot be imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # older releases use what the language has deprecated since
            import tensorflow as tf
    except ImportError as error:
        raise DensebenchError(
            f"TensorFlow cannot be imported ({error}). `tox -e bench` makes an environment that has it."
        ) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    return tf


def placement(tensor: Any) -> str:
    """The device of a TensorFlow tensor: ``CPU:0`` or ``GPU:0``."""
    return str(tensor.device).rpartition("device:")[2]
