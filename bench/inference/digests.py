"""Digests of arrays and of graphs: what two environments train, answer or export is equal where these are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np


def digest(arrays: Iterable[Any]) -> str:
    """SHA-256 of the types, shapes and bits of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        known = np.ascontiguousarray(array)
        found.update(f"{known.dtype.str} {known.shape}".encode())
        found.update(known.tobytes())
    return found.hexdigest()


def graph_digest(content: bytes) -> str:
    """SHA-256 of an ONNX graph without names, metadata and the values of weights: operators, attributes, shapes, types.

    Tensors are numbered by their first appearance, so that graphs that differ in names alone are equal.
    """
    import onnx

    proto = onnx.load_from_string(content)
    graph, numbers = proto.graph, dict[str, int]()

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers)) if name else -1

    parts = [f"opset {sorted((one.domain, one.version) for one in proto.opset_import)}"]
    parts += [f"input {number(one.name)} {_type_of(one)}" for one in graph.input]
    parts += [f"weight {number(one.name)} {one.data_type} {list(one.dims)}" for one in graph.initializer]
    for node in graph.node:
        attributes = sorted(
            f"{one.name}={onnx.helper.get_attribute_value(one)!r}" for one in node.attribute if one.name != "name"
        )
        ends = [number(name) for name in node.input], [number(name) for name in node.output]
        parts.append(f"{node.domain} {node.op_type} {ends} {attributes}")
    parts += [f"output {number(one.name)} {_type_of(one)}" for one in graph.output]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _type_of(value: Any) -> str:
    tensor = value.type.tensor_type
    return f"{tensor.elem_type} {[one.dim_value for one in tensor.shape.dim]}"
