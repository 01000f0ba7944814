"""ONNX Runtime: sessions that run where they claim to, with the threads that they claim."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError
from bench.export import INPUT_NAME, OUTPUT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from bench.devices import Device
    from bench.export import OnnxModel

BATCH_SIZES = (1, 32, 1000)
TIMINGS = {1: 2000, 32: 1000, 1000: 1000}
"""Single-call timings per row, by batch size: more than the 662 that p99 takes."""
QUICK_TIMINGS = {1: 1000, 32: 200, 1000: 50}
PRIME_CALLS = 50
SPINNING = True
ERRORS_ONLY = 3


@contextmanager
def open_session(model: OnnxModel, device: Device, *, threads: int) -> Iterator[Any]:
    """An ONNX Runtime session that is closed at the end of the block.

    Only one may be open while something is measured: idle worker threads of a second one spin and slow the first.

    Args:
        model: what to load.
        device: where it runs; falling back to the CPU is an error.
        threads: worker threads inside an operator, set explicitly. Operators run one after the other.

    Raises:
        DensebenchError: the device's execution provider is missing or did not load.
    """
    import onnxruntime as ort  # noqa: PLC0415  only where it infers

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if SPINNING else "0")
    if device.kind == "gpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    if device.provider not in ort.get_available_providers():
        raise DensebenchError(
            f"device {device.name!r}: this build of ONNX Runtime has no {device.provider} (it has "
            f"{', '.join(ort.get_available_providers())}). The GPU build is the package onnxruntime-gpu."
        )
    session = ort.InferenceSession(model.content, options, providers=[device.provider])
    if session.get_providers()[0] != device.provider:
        raise DensebenchError(
            f"device {device.name!r}: ONNX Runtime fell back to {', '.join(session.get_providers())}."
        )
    try:
        yield session
    finally:
        session._sess = None  # noqa: SLF001  ONNX Runtime has no close(): this ends its threads, whoever holds it still


def run_in_batches(session: Any, images: NDArray[np.float32], batch_size: int = 1000) -> NDArray[np.float32]:
    """The session's probabilities (n, 10) for all `images` (n, 784)."""
    parts = [
        session.run([OUTPUT_NAME], {INPUT_NAME: images[i : i + batch_size]})[0]
        for i in range(0, len(images), batch_size)
    ]
    return np.concatenate(parts)


def make_batch(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The first `size` images, from the start again where there are fewer; contiguous, (size, 784)."""
    return images[np.arange(size) % len(images)]


def primed_call(session: Any, images: NDArray[np.float32]) -> Callable[[], Any]:
    """One inference on `images` as a function without arguments, called often enough to be warm.

    It takes a NumPy array and returns one: copies in and out are part of what is timed.
    """
    run, feed, outputs = session.run, {INPUT_NAME: images}, [OUTPUT_NAME]

    def call() -> Any:
        return run(outputs, feed)

    for _ in range(PRIME_CALLS):
        call()
    return call
