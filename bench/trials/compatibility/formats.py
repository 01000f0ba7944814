"""Files in each format: saved by the environment that is there, loaded by it, and asked.

Each format is saved and loaded as its users do it. Nothing here is imported before TensorFlow.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.inference.digests import graph_digest
from bench.inference.own_models.answers import Answers, compare
from bench.inference.own_models.keras_file import Loaded, declared_inputs, flat
from bench.inference.own_models.saved_model import ServedModel
from bench.records.outcomes import FAILS, IDENTICAL, OTHERWISE, ROUNDED

if TYPE_CHECKING:
    from numpy.typing import NDArray

Batch = Any
"""Inputs as a model takes them: an array, or a list of arrays."""
Ask = Callable[[Batch], "list[NDArray[Any]]"]
"""Answers a batch: each output."""
MOST_WARNINGS = 5
"""Of those that one step says."""
SHOWN = 120
"""Characters of an error that are kept from its beginning, and from its end."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file.

    Attributes:
        file: its name, or that of its folder.
        save: writes a Keras model there; of an exported graph it tells fields of an `Artifact`.
        load: takes the path, and what makes an untrained twin of the model; what answers batches.
    """

    file: str
    save: Callable[[Any, Path], Mapping[str, Any] | None]
    load: Callable[[Path, Callable[[], Any]], Ask]


def save(name: str, model: Any, folder: Path) -> dict[str, Any]:
    """Save a model in a format: the fields of an `Artifact`, but for the model's name."""
    form, said = FORMATS[name], list[str]()
    path = folder / form.file
    try:
        with _noted(said):
            told = form.save(model, path)
    except Exception as error:  # noqa: BLE001  whatever a framework raises is what becomes of the file
        return {"format": name, "failed": _reason(error), "warnings": said}
    return {"format": name, "size_bytes": size_of(path), "warnings": said, **(told or {})}


def load(name: str, folder: Path, twin: Callable[[], Any], batch: Batch, expected: Answers) -> dict[str, Any]:
    """Load a file and ask it: the fields of a `Loading`, but for who saved what.

    Args:
        name: of the format.
        folder: where it was saved.
        twin: makes an untrained model of the same layers.
        batch: what is asked.
        expected: what the saved model answered.
    """
    form = FORMATS[name]
    try:
        with _noted([]):
            got = form.load(folder / form.file, twin)(batch)
    except Exception as error:  # noqa: BLE001  likewise
        return {"format": name, "outcome": FAILS, "reason": _reason(error)}
    return {"format": name, **judge(got, expected)}


def judge(got: Sequence[NDArray[Any]], expected: Answers) -> dict[str, Any]:
    """What answers come to, against those of the model that was saved: the outcome, and by how much they differ."""
    told = compare(got, expected)
    faults = told["faults"]
    if [one.shape for one in got] != [one.shape for one in expected.own]:
        return {"outcome": OTHERWISE, "reason": "; ".join(faults)}
    pairs = list(zip(got, expected.own, strict=True))
    same = all(one.dtype == other.dtype and one.tobytes() == other.tobytes() for one, other in pairs)
    difference = max(float(np.max(np.abs(one.astype(np.float64) - other), initial=0.0)) for one, other in pairs)
    return {
        "outcome": IDENTICAL if same else OTHERWISE if faults else ROUNDED,
        "reason": "; ".join(faults) or None,
        "max_abs_diff": difference if np.isfinite(difference) else None,
        "changed_predictions": told.get("changed_predictions") or 0,
    }


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)


def _save_whole(model: Any, path: Path) -> None:
    model.save(str(path))


def _load_whole(path: Path, _twin: Callable[[], Any]) -> Ask:
    import tensorflow as tf

    return _asked(tf.keras.models.load_model(str(path)))


def _save_weights(model: Any, path: Path) -> None:
    model.save_weights(str(path))


def _load_weights(path: Path, twin: Callable[[], Any]) -> Ask:
    model = twin()
    model.load_weights(str(path))
    return _asked(model)


def _save_served(model: Any, path: Path) -> None:
    """As Keras 2 saves a folder, and as Keras 3 exports one."""
    import tensorflow as tf

    if str(getattr(tf.keras, "__version__", "2")).startswith("2"):
        model.save(str(path))
    else:
        model.export(str(path), verbose=False)


def _load_served(path: Path, _twin: Callable[[], Any]) -> Ask:
    return _asked(ServedModel(str(path)))


def _save_onnx(model: Any, path: Path) -> dict[str, Any]:
    import onnx

    exported = Loaded(model, declared_inputs(model), 0).export()
    path.write_bytes(exported.content)
    opsets = {one.domain: one.version for one in onnx.load_from_string(exported.content).opset_import}
    graph = graph_digest(exported.content)
    return {"operators": list(exported.operators), "opset": opsets.get(""), "graph": graph}


def _load_onnx(path: Path, _twin: Callable[[], Any]) -> Ask:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = sorted(one.name for one in session.get_inputs())
    return lambda batch: list(session.run(None, dict(zip(names, _arrays(batch), strict=True))))


def _save_tflite(model: Any, path: Path) -> None:
    import tensorflow as tf

    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def _load_tflite(path: Path, _twin: Callable[[], Any]) -> Ask:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=str(path))

    def ask(batch: Batch) -> list[NDArray[Any]]:
        arrays, inputs = _arrays(batch), interpreter.get_input_details()
        for one, array in zip(inputs, arrays, strict=True):
            interpreter.resize_tensor_input(one["index"], array.shape)
        interpreter.allocate_tensors()
        for one, array in zip(inputs, arrays, strict=True):
            interpreter.set_tensor(one["index"], array)
        interpreter.invoke()
        return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]

    return ask


FORMATS = {
    ".keras": Format("model.keras", _save_whole, _load_whole),
    ".h5": Format("model.h5", _save_whole, _load_whole),
    "weights": Format("model.weights.h5", _save_weights, _load_weights),
    "SavedModel": Format("saved", _save_served, _load_served),
    "ONNX": Format("model.onnx", _save_onnx, _load_onnx),
    "TFLite": Format("model.tflite", _save_tflite, _load_tflite),
}
"""By the name that pages call them by."""


def _reason(error: BaseException) -> str:
    """An error as one line; of a long one the beginning and the end, where the libraries say what they did not know."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= 2 * SHOWN else f"{text[:SHOWN].rstrip()} … {text[-SHOWN:].lstrip()}"


def _asked(model: Any) -> Ask:
    return lambda batch: flat(model(batch, training=False))


def _arrays(batch: Batch) -> list[NDArray[Any]]:
    return batch if isinstance(batch, list) else [batch]


@contextmanager
def _noted(said: list[str]) -> Iterator[None]:
    """Note warnings and logged ones, the first line of each, once."""

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            _note(record.getMessage(), said)

    notes = Notes(logging.WARNING)
    logging.getLogger().addHandler(notes)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        for one in caught:
            _note(str(one.message), said)
    finally:
        logging.getLogger().removeHandler(notes)


def _note(text: str, said: list[str]) -> None:
    line = next(iter(text.strip().splitlines()), "")
    if line and line not in said and len(said) < MOST_WARNINGS:
        said.append(line)
