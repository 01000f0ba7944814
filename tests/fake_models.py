"""Hand-made ONNX files: a matrix product and a softmax, small enough to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ASSURED = (0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.612, 0.188, 0.1, 0.0)
"""Ten probabilities with a clear winner, class 6."""
FULL = {"recipe": "deep_mlp", "dataset": "fashion_mnist", "quick": "False", "test_accuracy": "0.86805"}
QUICK = {**FULL, "quick": "True"}


def write_model(  # noqa: PLR0913  each may be wrong in its own way
    path: Path,
    probabilities: Sequence[float] = ASSURED,
    extra_info: Mapping[str, str] = FULL,
    *,
    nodes: Sequence[Any] | None = None,
    inputs: Sequence[tuple[str, str, Sequence[Any] | None]] = (("images", "FLOAT", ("N", 784)),),
    outputs: Sequence[tuple[str, str, Sequence[Any] | None]] = (("probabilities", "FLOAT", ("N", None)),),
) -> Path:
    """A model that answers every image with `probabilities`; `nodes` takes the place of its graph."""
    weights = np.zeros((784, len(probabilities)), np.float32)
    scores = np.log(np.maximum(probabilities, 1e-9)).astype(np.float32)
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(scores, "scores")]
    nodes = nodes or [*linear(inputs[0][0]), helper.make_node("Softmax", ["logits"], [outputs[0][0]])]
    described = [
        [helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape) for name, kind, shape in ends]
        for ends in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "fake", *described, constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(proto, {f"densebench.{key}": text for key, text in extra_info.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(proto.SerializeToString())
    return path


def linear(images: str, logits: str = "logits") -> list[Any]:
    """Nodes that give `logits`, which no pixel moves."""
    return [
        helper.make_node("MatMul", [images, "weights"], ["products"]),
        helper.make_node("Add", ["products", "scores"], [logits]),
    ]
