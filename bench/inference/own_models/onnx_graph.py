"""ONNX files: whether they can be read, what they take, and what they answer in float64.

The answers in float64 are those of ONNX's own reference evaluator on the same graph with every float32 in it widened.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError, one_line
from bench.inference.own_models.inputs import Input, with_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MATRIX = 2
"""Rank from which a constant is one of products."""
MOST_CONSTANT_BYTES = 2**31
MAKES_CONSTANTS = ("Constant", "ConstantOfShape")
SAMPLES = 4
"""The reference evaluator is written in Python: a small network takes it seconds for an image."""


def read_graph(path: Path, place: str, shapes: Mapping[str, Sequence[int | str]]) -> Any:
    """The file as ONNX's message, checked.

    Args:
        path: the file.
        place: what messages begin with.
        shapes: of inputs, as the user gave them.

    Raises:
        DensebenchError: it is no ONNX file, is not valid, keeps weights in other files, or declares too much.
    """
    import onnx

    try:
        proto = onnx.load_model(str(path), load_external_data=False)
    except Exception as error:  # noqa: BLE001  protobuf's own errors have no class that all its versions share
        raise DensebenchError(f"{place}: no ONNX file: {one_line(error)}.") from None
    graph = proto.graph
    if not graph.node or not graph.output:
        raise DensebenchError(f"{place}: no ONNX file: it has no graph that computes anything.")
    if outside := [one.name for one in graph.initializer if one.data_location == onnx.TensorProto.EXTERNAL]:
        raise DensebenchError(
            f"{place}: {outside[0]!r} lies in another file, which is not opened. Right is one file: onnx.save_model "
            "with save_as_external_data=False."
        )
    for one in graph.initializer:
        if (size := math.prod(one.dims)) * 4 > MOST_CONSTANT_BYTES or any(number < 0 for number in one.dims):
            raise DensebenchError(f"{place}: {one.name!r} declares {size:,} numbers; no such model is measured.")
    try:
        for one in inputs_of(proto, shapes):
            one.values(one.batch or 1, np.random.default_rng(0))
    except DensebenchError as error:
        raise DensebenchError(f"{place}: {error}.") from None
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise DensebenchError(f"{place}: no valid ONNX file: {one_line(error)}.") from None
    return proto


def inputs_of(proto: Any, shapes: Mapping[str, Sequence[int | str]]) -> list[Input]:
    """What a graph takes, without what its constants give.

    The batch is the first dimension of the first input, and in the others the one of the same name, or else the first
    that is open.

    Args:
        proto: the model.
        shapes: of inputs, as the user gave them.

    Raises:
        DensebenchError: an input has other dimensions than these.
    """
    given = {one.name for one in proto.graph.initializer}
    values = [value for value in proto.graph.input if value.name not in given]
    names = [[size.dim_param for size in value.type.tensor_type.shape.dim] for value in values]
    batch_name = names[0][0] if names and names[0] else ""
    found = []
    for number, (value, own) in enumerate(zip(values, names, strict=True)):
        tensor = value.type.tensor_type
        shape = tuple(size.dim_value if size.dim_value > 0 else None for size in tensor.shape.dim)
        named = own.index(batch_name) if batch_name and batch_name in own else None
        open_ = shape.index(None) if None in shape else None
        axis = (0 if shape else None) if not number else open_ if named is None else named
        found.append(Input(value.name, shape, _dtype(tensor.elem_type), axis))
    return with_shapes(found, shapes)


def _dtype(element: int) -> str:
    """NumPy's name of a type of ONNX's, or ONNX's own where NumPy has none."""
    import onnx

    try:
        name = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element)).name
    except (KeyError, TypeError, ValueError):
        return str(onnx.TensorProto.DataType.Name(element))
    return "string" if name == "object" else name


def outputs_of(proto: Any) -> list[str]:
    """The names of the outputs that are tensors of numbers; others (maps, sequences, texts) are not compared."""
    import onnx

    none = (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING)
    return [one.name for one in proto.graph.output if one.type.tensor_type.elem_type not in none]


def answer_exactly(proto: Any, arrays: Sequence[NDArray[Any]]) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """What the reference evaluator answers, in float32 and in float64.

    Raises:
        DensebenchError: it cannot evaluate the graph.
    """
    return _evaluate(proto, arrays), _evaluate(_widened(proto), [_wide(one) for one in arrays])


def most_terms(proto: Any) -> int:
    """Terms of the longest inner product with a constant, about; what rows are looked up in has none."""
    looked_up = {node.input[0] for node in proto.graph.node if node.op_type == "Gather"}
    constants = [one for one in proto.graph.initializer if one.name not in looked_up]
    shapes = [list(one.dims) for one in constants if len(one.dims) >= MATRIX and min(one.dims) > 0]
    return max((max(math.prod(dims) // dims[0], math.prod(dims) // dims[-1]) for dims in shapes), default=1)


def _evaluate(proto: Any, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    try:
        from onnx.reference import ReferenceEvaluator

        names = [one.name for one in inputs_of(proto, {})]
        with np.errstate(all="ignore"):
            evaluator = ReferenceEvaluator(proto, new_ops=_mended_operators())
            answers = evaluator.run(outputs_of(proto), dict(zip(names, arrays, strict=True)))
        return [np.asarray(one) for one in answers]
    except Exception as error:  # noqa: BLE001  whatever an operator raises is why there is no reference
        raise DensebenchError(f"ONNX's reference evaluator: {one_line(error)}") from None


def _mended_operators() -> list[Any]:
    """Operators that ONNX 1.23.2's reference evaluator has wrong, as ONNX defines them.

    Before its version 14, which has a mode for it, it takes `BatchNormalization` for training; of a signal of one
    dimension `GlobalMaxPool` takes the largest over the channels as well.
    """
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):  # type: ignore[misc]  # ONNX ships no types for it
        op_domain = ""

        def _run(  # noqa: PLR0913, PLR0917  the operator's inputs and attributes
            self, x: Any, scale: Any, bias: Any, mean: Any, var: Any, epsilon: float = 1e-5, **others: Any
        ) -> Any:
            if others.get("training_mode"):
                raise NotImplementedError("BatchNormalization in training mode")
            shape = (1, -1, *[1] * (x.ndim - 2))
            scale, bias, mean, var = (one.reshape(shape) for one in (scale, bias, mean, var))
            return ((x - mean) / np.sqrt(var + x.dtype.type(epsilon)) * scale + bias,)

    class GlobalMaxPool(OpRun):  # type: ignore[misc]
        op_domain = ""

        def _run(self, x: Any) -> Any:
            return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)

    return [BatchNormalization, GlobalMaxPool]


def _wide(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float64) if array.dtype in {np.dtype(np.float32), np.dtype(np.float16)} else array


def _widened(proto: Any) -> Any:
    """The same model in float64: constants, ends, casts, and what is made inside."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    _widen_graph(copy.graph, onnx)
    return copy


def _widen_graph(graph: Any, onnx: Any) -> None:
    narrow, wide = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16), onnx.TensorProto.DOUBLE
    for one in graph.initializer:
        _widen_tensor(one, onnx)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in narrow:
            value.type.tensor_type.elem_type = wide
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type in MAKES_CONSTANTS and attribute.name == "value":
                _widen_tensor(attribute.t, onnx)
            elif node.op_type in {"Cast", "RandomNormal", "RandomUniform", "EyeLike"} and attribute.i in narrow:
                attribute.i = wide
            elif node.op_type == "Constant" and attribute.name in {"value_float", "value_floats"}:
                numbers = [attribute.f] if attribute.name == "value_float" else list(attribute.floats)
                array = np.array(numbers[0] if attribute.name == "value_float" else numbers, np.float64)
                attribute.CopyFrom(onnx.helper.make_attribute("value", onnx.numpy_helper.from_array(array)))
            elif attribute.HasField("g"):
                _widen_graph(attribute.g, onnx)


def _widen_tensor(tensor: Any, onnx: Any) -> None:
    if tensor.data_type in {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}:
        array = onnx.numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
