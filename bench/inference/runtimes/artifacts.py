"""Model files for runtimes: one trained model in each format that some runtime reads."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import Unavailable, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.inference.export import Exported
    from bench.inference.own_models.file import ModelFile


def write_keras(exported: Exported, path: Path) -> None:
    """Write Keras's own format, from an uncompiled copy of the model, so without optimizer state."""
    import tensorflow as tf

    trained = exported.trained.model
    model = tf.keras.models.clone_model(trained)
    model.set_weights(trained.get_weights())
    model.save(path)


def write_joblib(exported: Exported, path: Path) -> None:
    """Write a joblib file, as scikit-learn's documentation recommends."""
    import joblib

    joblib.dump(exported.trained.model, path)


def write_onnx(exported: Exported, path: Path) -> None:
    """Write the suite's own ONNX export."""
    path.write_bytes(exported.onnx.content)


def write_int8(exported: Exported, path: Path) -> None:
    """Write ONNX with dynamic int8 quantization by ONNX Runtime's tool: weights ahead, activations per call."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = path.with_suffix(".plain")
    plain.write_bytes(exported.onnx.content)
    quantize_dynamic(plain, path, weight_type=QuantType.QInt8)
    plain.unlink()


def write_fp16(exported: Exported, path: Path) -> None:
    """Write ONNX in half precision between float32 input and output, by ONNX Runtime's tool."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    proto = onnx.load_model_from_string(exported.onnx.content)
    onnx.save(convert_float_to_float16(proto, keep_io_types=True), path)


def write_tflite(exported: Exported, path: Path) -> None:
    """Write TensorFlow Lite's format in float32, by TensorFlow's converter. Raises Unavailable."""
    write_converted(exported.trained.model, path)


def write_converted(model: Any, path: Path) -> None:
    """Write a Keras model in TensorFlow Lite's format. Raises Unavailable."""
    import tensorflow as tf

    if not hasattr(tf, "lite"):
        raise Unavailable(f"TensorFlow {tf.__version__} has no converter to LiteRT")
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def write_npz(exported: Exported, path: Path) -> None:
    """Write weights, biases and names of activations as NumPy arrays. Raises Unavailable."""
    layers = _LAYERS[exported.trained.recipe.framework](exported.trained.model)
    arrays = {f"weights_{index}": weights for index, (weights, _, _) in enumerate(layers)}
    arrays |= {f"bias_{index}": bias for index, (_, bias, _) in enumerate(layers)}
    np.savez(path, activations=np.array("\n".join(kind for *_, kind in layers)), **arrays)


def _keras_layers(model: Any) -> list[tuple[Any, Any, str]]:
    dense = [layer for layer in model.layers if type(layer).__name__ == "Dense"]
    known = {"Dense", "Dropout", "Flatten", "InputLayer"}
    if strange := [type(layer).__name__ for layer in model.layers if type(layer).__name__ not in known]:
        raise Unavailable(f"a {strange[0]} layer has no counterpart in plain NumPy here")
    return [(*(np.asarray(array) for array in layer.get_weights()), layer.activation.__name__) for layer in dense]


def _sklearn_layers(model: Any) -> list[tuple[Any, Any, str]]:
    return [(model.coef_.T, model.intercept_, "normalised sigmoid")]


_LAYERS: dict[str, Callable[[Any], list[tuple[Any, Any, str]]]] = {
    "keras": _keras_layers,
    "scikit-learn": _sklearn_layers,
}

ARTIFACTS: dict[str, tuple[str, Callable[[Exported, Path], None]]] = {
    "keras": (".keras", write_keras),
    "joblib": (".joblib", write_joblib),
    "onnx": (".onnx", write_onnx),
    "onnx-int8": (".int8.onnx", write_int8),
    "onnx-fp16": (".fp16.onnx", write_fp16),
    "tflite": (".tflite", write_tflite),
    "npz": (".npz", write_npz),
}
"""What ends the file's name, and what writes it."""


OwnGraph = tuple["ModelFile", "Path"]
"""A model of the user's own, and its graph as a survey has written it."""


def copy_keras(source: OwnGraph, path: Path) -> None:
    """Copy a Keras file. Raises Unavailable."""
    file, _ = source
    if not file.path.endswith(path.suffix):
        raise Unavailable(f"its runtimes load {path.suffix} files only")
    shutil.copyfile(file.path, path)


def copy_onnx(source: OwnGraph, path: Path) -> None:
    """Copy the graph."""
    shutil.copyfile(source[1], path)


def convert_tflite(source: OwnGraph, path: Path) -> None:
    """As `write_tflite`, from a Keras file."""
    from bench.inference.own_models import keras_file
    from bench.inference.own_models.inputs import MADE_UP_SEED

    try:
        write_converted(keras_file.load(source[0], MADE_UP_SEED).model, path)
    except Exception as error:  # noqa: BLE001  that a converter does not know a layer is no fault of the model
        raise Unavailable(f"LiteRT's converter does not take it: {one_line(error)}") from None


OWN_ARTIFACTS: dict[str, tuple[str, Callable[[OwnGraph, Path], None]]] = {
    "keras": (".keras", copy_keras),
    "onnx": (".onnx", copy_onnx),
    "tflite": (".tflite", convert_tflite),
}
"""The formats in which a model of the user's own is measured: without labels, those of lower precision are not."""
