"""Export to ONNX: a trained model goes in, a checked graph with its metadata comes out.

Every graph looks the same from outside: input ``images`` (N, 784) float32, or another shape where a user's recipe has
one, output ``probabilities`` (N, classes) float32, N free. Inside there is inference only: no dropout, no training
leftovers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError
from bench.records.cases import DEFAULT_BACKEND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.trained import Expected, Trained


INPUT_NAME = "images"
OUTPUT_NAME = "probabilities"
BATCH_DIMENSION = "N"
PRECISIONS = {"keras": "float32", "scikit-learn": "float64"}
"""What each framework's exported graph computes in, between its float32 ends."""
IR_VERSION = 8
"""ONNX's file format of that opset's time."""
ACTIVATION_OPERATORS = {"linear": "", "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softmax": "Softmax"}
"""Keras's activations as ONNX calls them; nothing stands for none."""
VECTOR, MATRIX = 1, 2
"""Ranks of constants."""
OPSET = 17  # the newest that every exporter in TensorFlow 2.12-2.21's environments writes


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """An exported model.

    Attributes:
        content: the file's bytes.
        operators: the graph's operators, in order.
    """

    content: bytes
    operators: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Exported:
    """A trained model whose accuracy reached its floor, and its ONNX export.

    Attributes:
        expected: what a right copy answers to all test images.
    """

    trained: Trained
    test_accuracy: float
    onnx: OnnxModel
    expected: Expected


def export(trained: Trained, metadata: Mapping[str, str]) -> OnnxModel:
    """The model as a checked ONNX file with `metadata` as its metadata properties.

    Raises:
        DensebenchError: the exported graph is not valid ONNX.
    """
    import onnx

    proto = _EXPORTERS[trained.recipe.framework](trained)
    _fuse_products(proto.graph)
    _drop_unused_initializers(proto.graph)
    shape = _input_shape(trained)
    _declare_shapes(proto.graph, shape, classes=trained.predict(np.zeros((1, *shape), np.float32)).shape[1])
    proto.graph.doc_string = ""  # holds a process-wide counter: equal models would differ
    proto.producer_version = proto.producer_version.split(" ")[0]
    onnx.helper.set_model_props(proto, dict(sorted(metadata.items())))
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DensebenchError(f"{trained.recipe.name}: the exported graph is not valid ONNX: {reason}") from error
    return OnnxModel(proto.SerializeToString(), tuple(node.op_type for node in proto.graph.node))


def _export_keras(trained: Trained) -> Any:
    """Export by tf2onnx from a function, the one way that works on all of TensorFlow 2.12-2.21.

    Models of other backends are exported by `_export_layers`.
    """
    if trained.backend != DEFAULT_BACKEND:
        return _export_layers(trained.model)
    import tensorflow as tf
    import tf2onnx

    model = trained.model
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT_NAME)]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]  # has no types
    def infer(images: Any) -> dict[str, Any]:
        return {OUTPUT_NAME: model(images, training=False)}

    proto, _ = tf2onnx.convert.from_function(infer, input_signature=signature, opset=OPSET)
    return proto


def _export_layers(model: Any) -> Any:
    """Export a Keras model by hand: a product and an activation per layer."""
    import onnx

    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    nodes, constants, name = [], [], INPUT_NAME
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in {"InputLayer", "Dropout"}:
            continue
        operator = ACTIVATION_OPERATORS.get(getattr(getattr(layer, "activation", None), "__name__", ""))
        if kind != "Dense" or not layer.use_bias or operator is None:
            raise DensebenchError(f"the layer {layer.name} ({kind}) cannot be exported from this backend")
        arrays = dict(zip(("kernel", "bias"), layer.get_weights(), strict=True))
        constants += [numpy_helper.from_array(array, f"{layer.name}_{part}") for part, array in arrays.items()]
        inputs = [name, *(f"{layer.name}_{part}" for part in arrays)]
        nodes.append(helper.make_node("Gemm", inputs, [name := f"{layer.name}_scores"], name=f"{layer.name}_product"))
        if operator:
            settings = {"axis": 1} if operator == "Softmax" else {}
            nodes.append(helper.make_node(operator, [name], [f"{layer.name}_answer"], name=layer.name, **settings))
            name = f"{layer.name}_answer"
    nodes[-1].output[0] = OUTPUT_NAME
    ends = [helper.make_tensor_value_info(each, onnx.TensorProto.FLOAT, None) for each in (INPUT_NAME, OUTPUT_NAME)]
    graph = helper.make_graph(nodes, "densebench", ends[:1], ends[1:], constants)
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.shape.SetInParent()
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="densebench"
    )


def _export_sklearn(trained: Trained) -> Any:
    """Export by skl2onnx, in float64 between float32 ends; its second output, the label, is removed.

    The scores of an unconverged logistic regression run into the hundreds, where float32 is too coarse: its
    probabilities were measured to be off by 6e-6 after five passes over 60,000 images, and by 0.9 after two over
    12,000.
    """
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    proto = to_onnx(
        trained.model,
        initial_types=[("images_float64", DoubleTensorType([None, *_input_shape(trained)]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    proto = select_model_inputs_outputs(proto, outputs=[OUTPUT_NAME])
    _cast_ends(proto.graph)
    return proto


def _cast_ends(graph: Any) -> None:
    """Add casts, so that a float64 graph takes and returns float32."""
    import onnx

    wide_input, wide_output = graph.input[0].name, f"{OUTPUT_NAME}_float64"
    for node in graph.node:
        node.output[:] = [wide_output if name == OUTPUT_NAME else name for name in node.output]
    widen = onnx.helper.make_node("Cast", [INPUT_NAME], [wide_input], name="widen", to=onnx.TensorProto.DOUBLE)
    narrow = onnx.helper.make_node("Cast", [wide_output], [OUTPUT_NAME], name="narrow", to=onnx.TensorProto.FLOAT)
    nodes = [widen, *graph.node, narrow]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input[0].name = INPUT_NAME


_EXPORTERS = {"keras": _export_keras, "scikit-learn": _export_sklearn}


def _fuse_products(graph: Any) -> None:
    """Replace each matrix product followed by a bias with one `Gemm`."""
    import onnx

    constants = {constant.name: len(constant.dims) for constant in graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    fused: dict[str, Any] = {}
    for product in graph.node:
        followers = readers.get(product.output[0], [])
        if product.op_type != "MatMul" or constants.get(product.input[1]) != MATRIX or len(followers) != 1:
            continue
        (addition,) = followers
        biases = [name for name in addition.input if name != product.output[0]]
        if addition.op_type == "Add" and [constants.get(name) for name in biases] == [VECTOR]:
            words = [*product.input, *biases], list(addition.output)
            fused[addition.output[0]] = onnx.helper.make_node("Gemm", *words, name=product.name)
            fused[product.output[0]] = None
    nodes = [fused.get(node.output[0], node) for node in graph.node]
    del graph.node[:]
    graph.node.extend(node for node in nodes if node is not None)


def _input_shape(trained: Trained) -> tuple[int, ...]:
    """The shape of one example: (784,) on the ladder."""
    if trained.recipe.framework != "keras":
        return (trained.model.n_features_in_,)
    return tuple(trained.model.input_shape[1:])


def _declare_shapes(graph: Any, shape: tuple[int, ...], *, classes: int) -> None:
    """Set the types and shapes of input and output.

    Exporters name the batch ``unk__N``, with a process-wide counter, or leave the output's type open.
    """
    import onnx

    for value, sizes in ((graph.input[0], shape), (graph.output[0], (classes,))):
        tensor = value.type.tensor_type
        tensor.elem_type = onnx.TensorProto.FLOAT
        del tensor.shape.dim[:]
        tensor.shape.dim.add().dim_param = BATCH_DIMENSION
        for size in sizes:
            tensor.shape.dim.add().dim_value = size


def _drop_unused_initializers(graph: Any) -> None:
    """Remove constants that no node reads, as removed outputs leave them behind."""
    used = {name for node in graph.node for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
