"""The registry of runtimes that run exported or saved models, in display order."""

from __future__ import annotations

from bench.inference.runtimes import keras_model, litert, numpy_forward, onnx_model, openvino, sklearn_model
from bench.inference.runtimes.runtime import Runtime

KERAS, SKLEARN = ("keras",), ("scikit-learn",)
BOTH, GRAPHS = (*KERAS, *SKLEARN), (*KERAS, "onnx")
"""Frameworks of models; ``onnx`` is a graph of the user's own."""

_ALL = (
    Runtime("scikit-learn predict_proba", "joblib", SKLEARN, ("sklearn",), sklearn_model.load),
    Runtime("Keras predict", "keras", KERAS, ("tensorflow",), keras_model.load_predict),
    Runtime("Keras call", "keras", KERAS, ("tensorflow",), keras_model.load_call),
    Runtime("tf.function", "keras", KERAS, ("tensorflow",), keras_model.load_function),
    Runtime("tf.function XLA", "keras", KERAS, ("tensorflow",), keras_model.load_xla),
    Runtime("ONNX Runtime", "onnx", (*BOTH, "onnx"), ("onnxruntime",), onnx_model.load),
    Runtime("ONNX Runtime IO binding", "onnx", (*BOTH, "onnx"), ("onnxruntime",), onnx_model.load_bound),
    Runtime("ONNX Runtime int8", "onnx-int8", KERAS, ("onnxruntime",), onnx_model.load, exact=False),
    Runtime("ONNX Runtime fp16", "onnx-fp16", KERAS, ("onnxruntime",), onnx_model.load, exact=False),
    Runtime("LiteRT", "tflite", KERAS, ("ai_edge_litert",), litert.load),
    Runtime("OpenVINO", "onnx", GRAPHS, ("openvino",), openvino.load),  # it has no float64
    Runtime("NumPy", "npz", BOTH, ("numpy",), numpy_forward.load),
)
RUNTIMES = {runtime.name: runtime for runtime in _ALL}
"""By the name that tables have for them."""
