"""Keras files: loaded by the Keras that is there, trained by its `fit`, exported, and answered in float64.

A model is asked through `Loaded`, whatever the number and the shapes of its inputs and outputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError, Unavailable, one_line
from bench.inference.export import OPSET, OnnxModel
from bench.inference.own_models.answers import Answers
from bench.inference.own_models.inputs import Input, random_inputs, with_shapes
from bench.inference.own_models.saved_model import ServedModel
from bench.stats.rounding import most_terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.inference.own_models.file import ModelFile

SAMPLES = 32
CLASS_NUMBERS, ONE_HOT = "sparse", "categorical"
"""What a loss's name says of its targets."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A model that was loaded from a file.

    Attributes:
        model: Keras's own.
        inputs: what it declares, in its order.
        seed: of the values that are made up.
    """

    model: Any
    inputs: Sequence[Input]
    seed: int

    def batch(self, size: int) -> Any:
        """Made-up input of so many examples, as the model takes it: an array, or a list of arrays."""
        arrays = random_inputs(self.inputs, size, self.seed)
        return arrays if len(arrays) > 1 else arrays[0]

    def answer(self, batch: Any) -> list[NDArray[Any]]:
        """The model's outputs, flat."""
        return flat(self.model(batch, training=False))

    def training_data(self, count: int) -> tuple[Any, Any]:
        """So many made-up examples with targets of the shape and kind that the file's loss takes.

        Raises:
            Unavailable: the file says no optimizer and loss.
        """
        if not getattr(self.model, "compiled", True) or getattr(self.model, "optimizer", None) is None:
            raise Unavailable("the file says no optimizer and loss, so it is not trained")
        source = np.random.default_rng(self.seed + 1)
        outputs = self.model.outputs
        losses = _losses(self.model, len(outputs))
        targets = [_targets(one.shape, loss, count, source) for one, loss in zip(outputs, losses, strict=True)]
        return self.batch(count), targets if len(targets) > 1 else targets[0]

    def export(self) -> OnnxModel:
        """The model as ONNX, by tf2onnx.

        Raises:
            DensebenchError: it cannot be exported.
        """
        import onnx
        import tensorflow as tf
        import tf2onnx

        signature = [
            tf.TensorSpec(one.shape, tf.dtypes.as_dtype(one.dtype), name=f"input_{number}")
            for number, one in enumerate(self.inputs)
        ]

        @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]  # has no types
        def infer(*arrays: Any) -> dict[str, Any]:
            outputs = flat_tensors(self.model(list(arrays) if len(arrays) > 1 else arrays[0], training=False))
            return {f"output_{number:04}": one for number, one in enumerate(outputs)}  # the exporter sorts the names

        try:
            proto, _ = tf2onnx.convert.from_function(infer, input_signature=signature, opset=OPSET)
            proto.graph.doc_string = ""
            onnx.checker.check_model(proto)
        except Exception as error:  # noqa: BLE001  whatever the exporter raises is a fact about it
            raise DensebenchError(f"it cannot be exported to ONNX: {one_line(error)}") from None
        return OnnxModel(proto.SerializeToString(), tuple(node.op_type for node in proto.graph.node))

    def answers(self, exported: Sequence[NDArray[Any]]) -> Answers:
        """Its answers to `SAMPLES` made-up examples, in its own precision and in float64.

        Raises:
            DensebenchError: it does not answer.
        """
        batch, inexact = self.batch(self.batch_size(SAMPLES)), ""
        try:
            own = self.answer(batch)
        except Exception as error:  # noqa: BLE001  whatever Keras raises is why
            raise DensebenchError(f"does not answer: {one_line(error)}") from None
        try:
            exact = flat(in_float64(self.model)(wide(batch), training=False))
        except Exception as error:  # noqa: BLE001  a model that cannot be rebuilt has no exact answer
            exact, inexact = own, f"it cannot be rebuilt in float64: {one_line(error)}"
        products = [weight.shape for weight in self.model.weights if "embeddings" not in weight.name]  # rows looked up
        return Answers(own, exact, exported, most_terms(products), inexact)

    def batch_size(self, wanted: int) -> int:
        """The batch size that it takes where it takes only one, and else the one that is wanted."""
        return next((one.batch for one in self.inputs if one.batch is not None), wanted)


def load(file: ModelFile, seed: int) -> Loaded:
    """The model of a Keras file.

    Raises:
        DensebenchError: the Keras that is there does not load it, or it does not say what it takes.
    """
    import tensorflow as tf

    keras = tf.keras
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    # Of a model that was compiled and never trained; the file has no more.
    warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
    settings = {"safe_mode": not file.trusted} if file.path.endswith(".keras") else {}
    served = Path(file.path).is_dir() and hasattr(keras.layers, "TFSMLayer")  # Keras 3 has that layer, and loads none
    try:
        model = ServedModel(file.path) if served else keras.models.load_model(file.path, **settings)
    except DensebenchError:
        raise
    except Exception as error:  # noqa: BLE001  whatever Keras raises is why it does not load
        raise DensebenchError(f"does not load: {one_line(error)}") from None
    return Loaded(model, with_shapes(declared_inputs(model), file.shapes), seed)


def flat(output: Any) -> list[NDArray[Any]]:
    """Outputs of any structure as a list of arrays."""
    return [np.asarray(one) for one in flat_tensors(output)]


def flat_tensors(output: Any) -> list[Any]:
    """Outputs of any structure as a list."""
    import tensorflow as tf

    found: list[Any] = tf.nest.flatten(output)
    return found


def declared_inputs(model: Any) -> list[Input]:
    """What a model says that it takes. Raises DensebenchError where it says nothing."""
    try:
        declared = list(model.inputs or [])
    except (AttributeError, ValueError):
        declared = []
    if not declared:
        raise DensebenchError("does not say what it takes: save it after a call, or with an Input layer")
    embedded = _embedded(model)
    return [
        Input(
            one.name.split(":")[0],
            tuple(None if size is None else int(size) for size in one.shape),
            one.dtype if isinstance(one.dtype, str) else one.dtype.name,
            below=embedded.get(id(one)),
        )
        for one in declared
    ]


def _embedded(model: Any) -> dict[int, int]:
    """The number of entries of the embedding that reads an input directly, by the identity of that input."""
    found = {}
    for layer in model.layers:
        if type(layer).__name__ == "Embedding":
            source = getattr(layer, "input", None)
            found[id(source)] = int(layer.input_dim)
    return found


def _losses(model: Any, outputs: int) -> list[str]:
    """The name of each output's loss, in lower case."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        named = [loss.get(name, "") for name in model.output_names]
    else:
        named = list(loss) if isinstance(loss, (list, tuple)) else [loss] * outputs
    return [_loss_name(one) for one in named]


def _loss_name(loss: Any) -> str:
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "") or ""
    return str(name).casefold()


def _targets(shape: Any, loss: str, count: int, source: np.random.Generator) -> NDArray[Any]:
    """Made-up targets of an output: class numbers, one-hot rows, or values in [0, 1)."""
    sizes = [count, *(int(size or 1) for size in shape[1:])]
    if CLASS_NUMBERS in loss:
        return source.integers(sizes[-1], size=sizes[:-1]).astype(np.int64)
    if ONE_HOT in loss:
        return np.eye(sizes[-1], dtype=np.float32)[source.integers(sizes[-1], size=sizes[:-1])]
    return source.random(sizes).astype(np.float32)


def in_float64(model: Any) -> Any:
    """The same model with all its layers in float64."""
    import tensorflow as tf

    copy = tf.keras.models.model_from_json(model.to_json().replace('"float32"', '"float64"'))
    copy.set_weights(model.get_weights())
    return copy


def wide(batch: Any) -> Any:
    """A batch with float64 for float32."""
    if isinstance(batch, list):
        return [wide(one) for one in batch]
    return batch.astype(np.float64) if batch.dtype == np.float32 else batch
