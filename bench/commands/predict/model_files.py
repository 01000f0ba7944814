"""Exported models on disk: which file a name means, and whether it can be asked about pictures."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.arguments import existing_results
from bench.data.datasets import DATASETS, DEFAULT
from bench.data.splits import PIXELS
from bench.errors import DensebenchError, unknown_name
from bench.host.devices import Device
from bench.inference.export import OUTPUT_NAME, OnnxModel
from bench.inference.onnx_session import open_session
from bench.records.run_file import DEFAULT_RESULTS
from models import RECIPES
from models.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

FOLDER = "onnx"
EXTRA_INFO = "densebench."
"""What the names of the suite's own metadata properties begin with."""
ONE_THREAD = Device("cpu", 1)
SILENT = 4
KERAS_ENDINGS = (".keras", ".h5", ".hdf5")
FLOATS = ("tensor(float)", "tensor(double)")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file that takes one 28x28 image as 784 numbers and answers with one number per class.

    Attributes:
        input_name: of its only input, float32 (N, 784).
        output_name: of the output to read, (N, classes).
        extra_info: its `densebench.` properties, without that prefix; empty for a file from elsewhere.
    """

    path: Path
    onnx: OnnxModel
    input_name: str
    output_name: str
    extra_info: Mapping[str, str]

    @property
    def dataset(self) -> str | None:
        """The data set that it was trained on, where the file says so."""
        return self.extra_info.get("dataset")

    @property
    def quick(self) -> bool:
        """Whether it comes from a quick run, and so has hardly been trained."""
        return self.extra_info.get("quick") == str(True)

    def open(self) -> AbstractContextManager[Any]:
        """An ONNX Runtime session of this model on one CPU thread, closed at the end of the block."""
        return open_session(self.onnx, ONE_THREAD, threads=ONE_THREAD.threads)


def find_model(model: str, results: Path, dataset: str | None) -> ModelFile:
    """The model that the user named.

    Args:
        model: a path to an ONNX file, or a recipe's name, for its newest export; quick runs' only for want of others.
        results: where the suite's results are.
        dataset: only models that were trained on it, or do not say; ``None`` for any.

    Raises:
        DensebenchError: there is no such model, or it cannot be asked; the text says how to make one.
    """
    if dataset is not None and dataset not in DATASETS:
        raise unknown_name("data set", dataset, DATASETS)
    refuse_keras_model(model)
    if model.endswith(".onnx") or "/" in model:
        return _read_named(Path(model), dataset)
    second_best = None
    for found in _newest_first(results, model):
        if dataset in (None, found.dataset) and not found.quick:
            return found
        if dataset in (None, found.dataset):
            second_best = second_best or found
    if second_best is None:
        raise _no_export(model, results, dataset)
    return second_best


def refuse_keras_model(model: str) -> None:
    """Say how a model that is saved in a format of Keras or TensorFlow becomes an ONNX file.

    Raises:
        DensebenchError: the user named such a file, or a folder.
    """
    path, saved = Path(model), "saved_model"
    load = ""
    if model.endswith(KERAS_ENDINGS):
        load = f"keras.models.load_model({model!r}).export({saved!r}) in Python, then "
    elif path.is_dir() and model not in {*RECIPES, *PUBLISHED}:
        saved = model
    else:
        return
    convert = f"`python -m tf2onnx.convert --saved-model {saved} --output {path.stem}.onnx`"
    raise DensebenchError(f"{model}: predict takes a recipe's name or an .onnx file. To make one: {load}{convert}.")


def making_command(model: str, results: Path, dataset: str | None) -> str | None:
    """The command that exports a recipe; ``None`` where no command makes one of that name."""
    if model in RECIPES:
        words = ["pytest bench/ --benchmark-only --models", model]
        words += ["--dataset", dataset] if dataset and dataset != DEFAULT else []
        words += ["--results", str(results)] if results != DEFAULT_RESULTS else []
        return " ".join(words)
    return f"python -m bench reproduce {model}" if model in PUBLISHED else None


def read_model(path: Path) -> ModelFile:
    """The model in an ONNX file.

    Raises:
        DensebenchError: there is no such file, it holds no model, or one that takes or gives something else.
    """
    try:
        onnx = OnnxModel(path.read_bytes(), ())
    except OSError as error:
        raise DensebenchError(f"{path}: the model cannot be read: {error.strerror}.") from None
    try:
        with open_session(onnx, ONE_THREAD, threads=ONE_THREAD.threads) as session:
            return _describe(path, onnx, session)
    except DensebenchError:
        raise
    except Exception as error:  # noqa: BLE001  the errors of ONNX Runtime have no base of their own
        raise DensebenchError(f"{path}: ONNX Runtime cannot load it as a model: {_first_line(error)}") from None


def ask(model: ModelFile, session: Any, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """The model's answer to one image, (classes,): probabilities, or whatever scores it gives.

    Args:
        model: whose answer it is.
        session: what `model.open()` gave.
        pixels: float32, (784,), in [0, 1].

    Raises:
        DensebenchError: it cannot be run, or its answer is not one finite number per class.
    """
    import onnxruntime as ort

    options = ort.RunOptions()
    options.log_severity_level = SILENT  # what it would log is in the error that it raises
    try:
        (answer,) = session.run([model.output_name], {model.input_name: pixels[np.newaxis]}, options)
    except Exception as error:  # noqa: BLE001  as above
        raise DensebenchError(f"{model.path}: ONNX Runtime cannot run it: {_first_line(error)}") from None
    scores: NDArray[np.float64] = np.asarray(answer, np.float64)
    if scores.ndim != 2 or len(scores) != 1:  # noqa: PLR2004  images and classes
        raise DensebenchError(f"{model.path}: the answer to one image should be (1, classes), found {scores.shape}.")
    if not np.isfinite(scores).all():
        raise DensebenchError(f"{model.path}: its answer holds numbers that are not finite.")
    return scores.reshape(-1)


def _describe(path: Path, onnx: OnnxModel, session: Any) -> ModelFile:
    """Describe a session's inputs and outputs, copied, since they do not outlive it."""
    properties = session.get_modelmeta().custom_metadata_map
    extra_info = {key.removeprefix(EXTRA_INFO): text for key, text in properties.items() if key.startswith(EXTRA_INFO)}
    return ModelFile(
        path, onnx, _find_input(path, session.get_inputs()), _find_output(path, session.get_outputs()), extra_info
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _read_named(path: Path, dataset: str | None) -> ModelFile:
    found = read_model(path)
    if dataset is not None and found.dataset not in (None, dataset):
        raise DensebenchError(f"--dataset {dataset}: {path} says that it was trained on {found.dataset}.")
    if found.dataset is not None and found.dataset not in DATASETS:
        raise DensebenchError(f"{path} was trained on {found.dataset!r}. Known data sets: {', '.join(DATASETS)}.")
    return found


def _newest_first(results: Path, name: str) -> Iterator[ModelFile]:
    """Yield the readable exports of a recipe, newest first (folder names begin with the time of their run)."""
    paths = [path for path in (results / FOLDER).glob("*/*.onnx") if path.stem == name]
    for path in sorted(paths, key=lambda path: path.parent.name, reverse=True):
        try:
            yield _read_named(path, None)
        except DensebenchError as error:
            sys.stderr.write(f"skipped: {error}\n")


def _no_export(model: str, results: Path, dataset: str | None) -> DensebenchError:
    command = making_command(model, results, dataset)
    if command is None:
        return unknown_name("model", model, [*RECIPES, *PUBLISHED])
    existing_results(results, command)
    of = f"{model} trained on {dataset}" if dataset else model
    return DensebenchError(f"{results / FOLDER} holds no export of {of}. `{command}` makes one.")


def _find_input(path: Path, inputs: list[Any]) -> str:
    """The name of the only input.

    Raises:
        DensebenchError: there are others, or it does not take one image of 784 numbers.
    """
    found = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in inputs)
    expected = f"a model here has one input, tensor(float) of shape (N, {PIXELS})"
    if len(inputs) != 1 or inputs[0].type != FLOATS[0]:
        raise DensebenchError(f"{path}: {expected}; this one takes {found or 'nothing'}.")
    rows, *others = inputs[0].shape or [None]
    if others != [PIXELS] or (isinstance(rows, int) and rows != 1):
        raise DensebenchError(f"{path}: {expected}; this one takes {found}.")
    return str(inputs[0].name)


def _find_output(path: Path, outputs: list[Any]) -> str:
    """The name of the output that holds the probabilities: the one called so, or else the first of (N, classes)."""
    tables = [one.name for one in outputs if one.type in FLOATS and len(one.shape or ()) in (0, 2)]
    if not tables:
        found = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in outputs)
        raise DensebenchError(f"{path}: no output has the shape (N, classes); this one gives {found}.")
    return OUTPUT_NAME if OUTPUT_NAME in tables else str(tables[0])
