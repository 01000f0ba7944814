"""One repetition of a published recipe: train from a seed, then score everything that its tutorial shows."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.reproduce.saving import save_and_load
from bench.data.sample_images import SHOWCASE
from bench.data.splits import make_split, scale
from bench.errors import InvalidRow
from bench.host.timing import time_once
from bench.inference import onnx_session
from bench.inference.parity import certify
from bench.records.schema.reproductions import FirstModel, SeedRun
from bench.records.schema.run import convert
from bench.trained import score_answers
from bench.training.keras_fit import targets
from bench.training.keras_model import make_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from bench.commands.suite.model_store import ModelStore
    from bench.data.datasets import Dataset
    from bench.trained import Fit, Trained
    from models import Recipe
    from models.published import Published

SAVED_IMAGES = 1000
"""How many images a model is asked before it is saved and after it is loaded."""

LOSS_DIGITS, PROBABILITY_DIGITS = 6, 9
"""Decimals that are stored: more than are ever published."""


@dataclass(frozen=True, slots=True)
class Training:
    """One training that is over, not yet scored."""

    seed: int
    fit: Fit
    fit_s: float


def train_side_by_side(
    recipe: Recipe, model_store: ModelStore, seeds: Sequence[int], on_epoch: Callable[[int, int], None]
) -> list[Training]:
    """Train a recipe from the first of the seeds, and from as many more beside it as there are threads.

    Small batches keep one core busy, so two trainings beside each other take hardly longer than one; a third one leaves
    no core idle where the number of seeds is odd. Only trainings that share nothing are run so; of others only the
    first is run.

    Args:
        recipe: what to train.
        model_store: on what, and where.
        seeds: those that are left, at least one.
        on_epoch: called with the seed and how many of its epochs are over, in the training's own thread.
    """
    stop = threading.Event()

    def tell(seed: int, epoch: int) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        on_epoch(seed, epoch)

    first = model_store.prepare(recipe, seeds[0], partial(tell, seeds[0]))
    more = seeds[1 : model_store.device.threads + 1] if first.shares_nothing else ()
    fits = [first, *(model_store.prepare(recipe, seed, partial(tell, seed)) for seed in more)]
    if not more:
        with _scikit_learn_threads(model_store.device.threads):
            return [Training(seeds[0], first, time_once(first.run))]
    with ThreadPoolExecutor(len(fits)) as pool:
        try:
            return [
                Training(*each)
                for each in zip(seeds, fits, pool.map(lambda fit: time_once(fit.run), fits), strict=False)
            ]
        except BaseException:
            stop.set()  # Ctrl-C ends the others at their next epoch
            raise


def assess(published: Published, model_store: ModelStore, training: Training) -> tuple[SeedRun, Trained]:
    """Score a training.

    Raises:
        InvalidRow: it was computed elsewhere than claimed.
        DensebenchError: the training diverged.
    """
    trained = training.fit.finish()
    probabilities, scores = answer(trained, "test", model_store.test_images, model_store.test_labels)
    if faults := model_store.misplaced(trained):
        raise InvalidRow(faults)
    images, labels = _validation(published.recipe, model_store)
    if len(labels):
        scores |= answer(trained, "validation", images, labels)[1]
    seed_run = SeedRun(
        seed=training.seed,
        trainer=trained.trainer,
        placed_on=trained.placed_on,
        parameters=trained.parameters,
        train_images=len(model_store.split(published.recipe).train_labels),
        fit_s=training.fit_s,
        first_step_s=training.fit.first_step_s,
        epochs_run=trained.epochs_run,
        history={name: _rounded(values, LOSS_DIGITS) for name, values in trained.history.items()},
        scores=scores,
        folds=cross_validate(published, model_store, training.seed),
        confusion=count_answers(probabilities, model_store.test_labels),
        probabilities=_show(trained, model_store),
    )
    return seed_run, trained


def examine(recipe: Recipe, trained: Trained, model_store: ModelStore) -> tuple[FirstModel, bytes]:
    """Examine a recipe's first model in detail (saving, predictions, confusion), and export it to ONNX.

    Raises:
        InvalidRow: the export fails, or its answers are not the trained model's.
    """
    model_store.keep(trained)
    exported = model_store.exported(recipe)
    with onnx_session.open_session(exported.onnx, model_store.device, threads=model_store.device.threads) as session:
        certificate = certify(exported.expected, onnx_session.run_in_batches(session, model_store.test_images))
    if certificate.faults:
        raise InvalidRow([f"{recipe.name}: {fault}" for fault in certificate.faults])
    facts = {"seed": trained.seed, "parity": certificate.as_dict(), "onnx_sha256": exported.onnx.sha256}
    facts |= _describe_dataset(model_store.dataset)
    if recipe.framework == "keras":
        facts["layers"] = list_layers(trained.model)
        facts["saving"] = save_and_load(trained, model_store.test_images[:SAVED_IMAGES])
    return convert(facts, FirstModel), exported.onnx.content


def cross_validate(published: Published, model_store: ModelStore, seed: int) -> tuple[float, ...]:
    """Accuracy on each fold, by scikit-learn's `cross_validate` on all training images; empty where none is asked."""
    if not published.cross_validation_folds:
        return ()
    from sklearn import linear_model, model_selection
    from sklearn.exceptions import ConvergenceWarning

    training, split = model_store.training(published.recipe), model_store.split(published.recipe)
    model = published.recipe.build(linear_model).set_params(random_state=seed, max_iter=training.epochs)
    images = split.train_images.astype(np.float64)
    with warnings.catch_warnings(), _scikit_learn_threads(model_store.device.threads):
        warnings.simplefilter("ignore", ConvergenceWarning)  # as in the tutorial: five passes do not converge
        scores = model_selection.cross_validate(model, images, split.train_labels, cv=published.cross_validation_folds)
    return tuple(float(score) for score in scores["test_score"])


def count_answers(probabilities: NDArray[Any], labels: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    """The confusion matrix: images per label (row) and answer (column).

    Columns end with the last class that was answered, or with the last label where that is later.
    """
    answers = probabilities.argmax(axis=1)
    counts = np.zeros((labels.max() + 1, max(labels.max(), answers.max()) + 1), np.int64)
    np.add.at(counts, (labels, answers), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)


def list_layers(model: Any) -> list[dict[str, Any]]:
    """The layers as `model.summary()` lists them: name, kind, output shape without the batch, parameters."""
    return [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "output_shape": [int(size) for size in layer.output.shape[1:]],
            "parameters": int(layer.count_params()),
        }
        for layer in model.layers
    ]


@contextmanager
def _scikit_learn_threads(count: int) -> Iterator[None]:
    """Let scikit-learn share out what it trains independently (folds, classes) to so many threads."""
    from joblib import parallel_config

    with parallel_config("threading", n_jobs=count):
        yield


def answer(
    trained: Trained, part: str, images: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[Any], dict[str, float]]:
    """A model's probabilities for images (n, 784) in [0, 1], and its accuracy and, from Keras, its loss on them.

    Raises:
        Diverged: the model answers something that is not a number.
    """
    if trained.recipe.framework != "keras":
        probabilities = trained.predict(images)
        return probabilities, {f"{part} accuracy": score_answers(trained, probabilities, labels)}
    import tensorflow as tf

    training = trained.recipe.training
    # All in one call, without Keras's `evaluate`, which would trace the model for a second. In one call, because of
    # outputs that are put together from batches Keras no longer knows the logits.
    outputs = trained.model(images, training=False)
    losses = tf.keras.losses.get(make_loss(tf.keras, training))(tf.constant(targets(labels, training.loss)), outputs)
    accuracy = score_answers(trained, outputs.numpy(), labels)
    loss = round(float(tf.reduce_mean(losses)), LOSS_DIGITS)
    return outputs.numpy(), {f"{part} loss": loss, f"{part} accuracy": accuracy}


def _validation(recipe: Recipe, model_store: ModelStore) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The validation images in [0, 1], which is what a finished model takes."""
    training = model_store.training(recipe)
    split = model_store.split(recipe)
    if split.scaling:
        split = make_split(model_store.dataset, replace(training, scaling="unit"))
    return split.validation_images, split.validation_labels


def _show(trained: Trained, model_store: ModelStore) -> dict[str, tuple[float, ...]]:
    """Class probabilities of the tutorials' images, as far as the data set has them; further outputs are left out."""
    shown: dict[str, tuple[float, ...]] = {}
    classes = len(model_store.dataset.class_names)
    for part, all_images in (("training", model_store.dataset.train_images), ("test", model_store.dataset.test_images)):
        places = [place for place in SHOWCASE[part] if place < len(all_images)]
        rows = trained.predict(scale(all_images[places]))[:, :classes]
        shown |= {f"{part}:{place}": _rounded(row, PROBABILITY_DIGITS) for place, row in zip(places, rows, strict=True)}
    return shown


def _describe_dataset(dataset: Dataset) -> dict[str, Any]:
    parts = {"training": dataset.train_labels, "test": dataset.test_labels}
    classes = len(dataset.class_names)
    return {
        "class_names": list(dataset.class_names),
        "label_counts": {
            part: [int(count) for count in np.bincount(labels, minlength=classes)] for part, labels in parts.items()
        },
        "shown_labels": {
            f"{part}:{place}": int(labels[place])
            for part, labels in parts.items()
            for place in SHOWCASE[part]
            if place < len(labels)
        },
    }


def _rounded(values: Any, digits: int) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)
