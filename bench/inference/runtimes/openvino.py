"""The OpenVINO runtime, on the ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.inference.runtimes.runtime import Answer


def load(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model for latency: one request at a time, in float32."""
    import openvino  # its import is measured

    imported()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path, "CPU", settings)
    request, outputs = model.create_infer_request(), range(len(model.outputs))
    if len(model.inputs) > 1 or len(outputs) > 1:

        def answer_all(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
            found = request.infer(list(arrays), share_inputs=True)
            return [found[number] for number in outputs]

        return answer_all

    def answer(images: NDArray[Any]) -> NDArray[Any]:
        probabilities: NDArray[Any] = request.infer([images], share_inputs=True)[0]
        return probabilities

    return answer
