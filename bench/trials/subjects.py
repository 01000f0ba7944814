"""What a case of a trial is measured on: a recipe of the ladder with its data, or a Keras file with made-up data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.splits import scale
from bench.errors import DensebenchError, Unavailable
from bench.inference.onnx_session import make_batch
from bench.inference.own_models import keras_file
from bench.inference.own_models.inputs import MOST_INPUT_BYTES
from bench.training.keras_fit import targets
from bench.training.keras_model import build_model
from bench.trials.cases import BATCH_SIZE
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bench.data.datasets import Dataset
    from bench.inference.own_models.file import ModelFile

STEPS = 100
"""Steps of an epoch at most, so that short turns have the data that they need."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A compiled Keras model, new for each case, and what it is trained on and asked.

    Attributes:
        batch_size: examples per training step.
        training_data: examples with their targets as the loss takes them: an array, or a list of arrays, of each.
            Raises Unavailable.
        class_numbers: the same examples with their classes, for the compiled loop. Raises Unavailable.
        batch: so many examples to ask about.
    """

    model: Any
    batch_size: int
    training_data: Callable[[], tuple[Any, Any]]
    class_numbers: Callable[[], tuple[NDArray[Any], NDArray[np.int64]]]
    batch: Callable[[int], Any]


def make_subject(name: str, files: Mapping[str, ModelFile], dataset: Dataset, seed: int) -> Subject:
    """The model of a case.

    Args:
        name: of a recipe of the ladder, or a key of `files`.
        files: the user's own models.
        dataset: what the ladder trains on and is asked about.
        seed: of the weights and of what is made up.

    Raises:
        Unavailable: it is no Keras model, or the Keras that is there does not load it.
    """
    if name in files:
        return _of_file(files[name], seed)
    recipe = RECIPES[name]
    if recipe.framework != "keras":
        raise Unavailable(f"{recipe.name} is no Keras model")
    size, loss = recipe.training.batch_size, recipe.training.loss

    def class_numbers() -> tuple[NDArray[Any], NDArray[np.int64]]:
        rows = np.arange(STEPS * size) % len(dataset.train_labels)
        return scale(dataset.train_images[rows]), dataset.train_labels[rows].astype(np.int64)

    model = build_model(recipe, recipe.training, seed)

    def training_data() -> tuple[Any, Any]:
        images, labels = class_numbers()
        return images, targets(labels, loss, int(model.output_shape[-1]))

    return Subject(
        model,
        size,
        training_data,
        class_numbers,
        lambda count: make_batch(scale(dataset.test_images), count),
    )


def _of_file(file: ModelFile, seed: int) -> Subject:
    if file.kind != "keras":
        raise Unavailable(f"{file.name} is no Keras model")
    try:
        loaded = keras_file.load(file, seed)
    except DensebenchError as error:
        raise Unavailable(str(error)) from None
    size = loaded.batch_size(BATCH_SIZE)

    def training_data() -> tuple[Any, Any]:
        return loaded.training_data(_room(loaded, size))

    def class_numbers() -> tuple[NDArray[Any], NDArray[np.int64]]:
        examples, answers = training_data()
        if isinstance(examples, list) or isinstance(answers, list):
            raise Unavailable("the compiled loop takes one input and one output")
        return examples, answers.argmax(axis=-1) if answers.ndim > 1 else answers

    return Subject(loaded.model, size, training_data, class_numbers, loaded.batch)


def _room(loaded: keras_file.Loaded, size: int) -> int:
    """Examples of an epoch, in whole batches: as many as `STEPS` take, and as fit into `MOST_INPUT_BYTES`."""
    one = loaded.batch(1)
    needed = sum(array.nbytes for array in (one if isinstance(one, list) else [one]))
    steps: int = max(1, min(STEPS, MOST_INPUT_BYTES // max(1, needed * size)))
    return size * steps
