"""The deep MLP as an ONNX graph that is written by hand: nothing in it but what it cannot do without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.inference.export import INPUT_NAME, OPSET, OUTPUT_NAME


def deep_mlp(weights: Sequence[Any]) -> bytes:
    """Gemm, Relu, Gemm, Softmax with the weights given: kernel (784, h), bias (h,), kernel (h, 10), bias (10,)."""
    from onnx import TensorProto, helper, numpy_helper

    names = ["kernel_1", "bias_1", "kernel_2", "bias_2"]
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(one, np.float32), name)
        for one, name in zip(weights, names, strict=True)
    ]
    nodes = [
        helper.make_node("Gemm", [INPUT_NAME, *names[:2]], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", *names[2:]], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT_NAME]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
        for name, size in ((INPUT_NAME, 784), (OUTPUT_NAME, 10))
    ]
    graph = helper.make_graph(nodes, "by_hand", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content
