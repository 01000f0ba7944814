"""ONNX Runtime sessions with explicit threads, and checks of the device that they run on."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError
from bench.host.devices import GPU_PROVIDER
from bench.inference.export import INPUT_NAME, OUTPUT_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from bench.host.devices import Device
    from bench.inference.export import OnnxModel

PRIME_CALLS = 50
SPINNING = True
"""Whether a session's threads spin while they wait for the rest of a call."""
ERRORS_ONLY = 3


@contextmanager
def open_session(model: OnnxModel, device: Device, *, threads: int) -> Iterator[Any]:
    """An ONNX Runtime session that is closed at the end of the block.

    Of those with several threads, only one may be open while something is measured: idle threads of a second one spin
    and slow the first. Its setting that ends this (`session.force_spinning_stop`) makes calls of 32 images on two
    threads as slow as on one: they then wake the second thread each time.

    Args:
        model: the model to load.
        device: the device to run on; falling back to the CPU is an error.
        threads: worker threads inside an operator, set explicitly. Operators run one after the other.

    Raises:
        DensebenchError: the device's execution provider is missing or did not load.
    """
    import onnxruntime as ort

    if device.provider not in ort.get_available_providers():
        raise DensebenchError(
            f"device {device.name!r}: this build of ONNX Runtime has no {device.provider} (it has "
            f"{', '.join(ort.get_available_providers())}). The GPU build is the package onnxruntime-gpu."
        )
    session = make_session(model.content, device.provider, threads=threads)
    if session.get_providers()[0] != device.provider:
        raise DensebenchError(
            f"device {device.name!r}: ONNX Runtime fell back to {', '.join(session.get_providers())}."
        )
    try:
        yield session
    finally:
        session._sess = None  # noqa: SLF001  ONNX Runtime has no close(): this ends its threads, whoever holds it still


def nodes_by_provider(model: OnnxModel, device: Device, feed: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """Count the nodes that each execution provider ran, from ONNX Runtime's own profile of one call.

    Args:
        model: what to load, into a session of its own: profiling makes calls slower.
        device: where it is to run.
        feed: its inputs by name.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = make_session(model.content, device.provider, threads=1, profile=str(Path(folder) / "profile"))
        session.run(None, dict(feed))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    ran = {
        (event["name"], event["args"]["provider"])
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("provider")
    }
    return dict(Counter(provider for _, provider in sorted(ran)))


def device_faults(nodes: Mapping[str, int], device: Device) -> list[str]:
    """Reasons that a row did not run on the device that it claims: nodes run by another provider, or none known."""
    elsewhere = {name: count for name, count in nodes.items() if name != device.provider}
    if not nodes or elsewhere:
        where = ", ".join(f"{count} by {name}" for name, count in elsewhere.items()) or "nobody knows by what"
        return [f"claimed {device.name}, but nodes ran elsewhere: {where}"]
    return []


def make_session(content: bytes, provider: str, *, threads: int, profile: str | None = None) -> Any:
    """A session with the suite's settings: explicit threads inside an operator, operators one after the other.

    Args:
        content: an ONNX file.
        provider: the execution provider; on a GPU, a node that would fall back to the CPU is an error.
        threads: worker threads; they spin while they wait (`SPINNING`), and on for a while after a call.
        profile: prefix of the path of ONNX Runtime's profile; ``None`` for no profile.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if SPINNING else "0")
    if provider == GPU_PROVIDER:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return ort.InferenceSession(content, options, providers=[provider])


def run_in_batches(session: Any, images: NDArray[np.float32], batch_size: int = 1000) -> NDArray[np.float32]:
    """The session's probabilities (n, 10) for all `images` (n, 784)."""
    parts = [
        session.run([OUTPUT_NAME], {INPUT_NAME: images[i : i + batch_size]})[0]
        for i in range(0, len(images), batch_size)
    ]
    return np.concatenate(parts)


def make_batch(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The first `size` images, repeated from the start if there are fewer; contiguous, (size, 784)."""
    batch: NDArray[np.float32] = images[np.arange(size) % len(images)]
    return batch


def batch_call(session: Any, images: NDArray[np.float32]) -> Callable[[], Any]:
    """A function without arguments that runs one inference on `images`.

    Input and output are NumPy arrays, so a timing of it includes copies in and out.
    """
    run, feed, outputs = session.run, {INPUT_NAME: images}, [OUTPUT_NAME]

    def call() -> Any:
        return run(outputs, feed)

    return call


def primed_call(session: Any, images: NDArray[np.float32]) -> Callable[[], Any]:
    """A `batch_call`, after `PRIME_CALLS` warm-up calls."""
    call = batch_call(session, images)
    for _ in range(PRIME_CALLS):
        call()
    return call
