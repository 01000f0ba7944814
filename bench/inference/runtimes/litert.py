"""The LiteRT runtime, formerly TensorFlow Lite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.inference.runtimes.runtime import Answer


def load(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model into LiteRT's interpreter; the input is resized to the batch, the answer is a copy."""
    from ai_edge_litert.interpreter import Interpreter  # its import is measured

    imported()
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    if len(interpreter.get_input_details()) > 1 or len(interpreter.get_output_details()) > 1:
        raise Unavailable("LiteRT is measured for one input and one output: it has names and an order of its own")
    given, wanted = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    sizes: list[int] = []

    def answer(images: NDArray[Any]) -> NDArray[Any]:
        if sizes != [len(images)]:
            sizes[:] = [len(images)]
            interpreter.resize_tensor_input(given, images.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(given, images)
        interpreter.invoke()
        probabilities: NDArray[Any] = interpreter.get_tensor(wanted)
        return probabilities

    return answer
