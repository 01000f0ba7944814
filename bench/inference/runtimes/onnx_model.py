"""The ONNX Runtime runtimes: plain calls, and IO binding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import Unavailable
from bench.host.devices import CPU_PROVIDER
from bench.inference.onnx_session import make_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.inference.runtimes.runtime import Answer


def load(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model; takes and returns NumPy arrays by `session.run`."""
    session = _open(path, threads, imported)
    inputs, outputs = ([one.name for one in ends] for ends in (session.get_inputs(), session.get_outputs()))
    if len(inputs) > 1 or len(outputs) > 1:
        return lambda *arrays: session.run(outputs, dict(zip(inputs, arrays, strict=True)))
    (name,) = inputs

    def answer(images: NDArray[Any]) -> NDArray[Any]:
        probabilities: NDArray[Any] = session.run(outputs, {name: images})[0]
        return probabilities

    return answer


def load_bound(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model with IO binding: images are copied to a bound input; the answer is the bound output itself."""
    session = _open(path, threads, imported)
    ends = [*session.get_inputs(), *session.get_outputs()]
    if len(ends) != 2 or any(len(one.shape) != 2 or one.type != "tensor(float)" for one in ends):  # noqa: PLR2004
        raise Unavailable("binding is measured for one matrix of float32 in, and one out")
    names, classes = [one.name for one in ends], ends[1].shape[1]
    bound: dict[int, tuple[Any, NDArray[Any], NDArray[Any]]] = {}

    def bind(count: int) -> tuple[Any, NDArray[Any], NDArray[Any]]:
        binding = session.io_binding()
        arrays = np.empty((count, session.get_inputs()[0].shape[1]), np.float32), np.empty((count, classes), np.float32)
        for kind, name, array in zip(("input", "output"), names, arrays, strict=True):
            getattr(binding, f"bind_{kind}")(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding, *arrays

    def answer(images: NDArray[Any]) -> NDArray[Any]:
        if len(images) not in bound:
            bound[len(images)] = bind(len(images))
        binding, given, probabilities = bound[len(images)]
        np.copyto(given, images)
        session.run_with_iobinding(binding)
        return probabilities

    return answer


def _open(path: Path, threads: int, imported: Callable[[], None]) -> Any:
    import onnxruntime as ort  # its import is measured

    imported()
    try:
        return make_session(path.read_bytes(), CPU_PROVIDER, threads=threads)
    except ort.capi.onnxruntime_pybind11_state.NotImplemented as error:
        raise Unavailable(str(error).strip().splitlines()[0]) from None
