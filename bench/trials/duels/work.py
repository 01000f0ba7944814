"""What a worker measures: a short training or a group of calls, ready to be repeated.

A training of a duel is short: some epochs over the first images, warm, the same on both sides. Its accuracy is that of
the warm-up, which starts from the block's seed, so that the sides are paired. An inference is of the model that its own
side trained and exported; each process certifies its own session before it is timed.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.splits import Split, scale
from bench.errors import DensebenchError, Unavailable
from bench.host.devices import Device, start_tensorflow
from bench.host.timing import time_groups, time_once
from bench.inference.export import OnnxModel, export
from bench.inference.onnx_session import make_batch, open_session, primed_call, run_in_batches
from bench.inference.parity import certify
from bench.trained import score
from bench.training import find_trainer
from bench.training.compiled_fit import CompiledFit
from bench.training.describe import CannotCompile
from bench.training.keras_fit import CLASSES, targets
from bench.training.keras_model import build_model
from models import RECIPES
from models.recipe import QUICK_FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.data.datasets import Dataset
    from bench.records.cases import Case
    from bench.records.injection import Injection
    from models import Recipe

TRAIN_IMAGES = 6_400
TIMED_IMAGES = {"fit": 1_600}
"""What a timed training takes where it is less: many short turns see through a neighbour's bursts better than few.

On one thread of a machine whose cores were shared, blocks of 15 turns of 55 ms spread by 1.3 %, of 110 ms by 3 %.
"""
EXPORT_EPOCHS = 2
CALLS = 100
"""Calls between two looks at the clock: a clock costs as much as a hundredth of a call."""
GROUPS = {1: 7, 32: 5, 1000: 3}
"""Groups of calls per turn, by batch size; the median of them is the turn's value."""


class Invalid(DensebenchError):
    """Work whose result is wrong, so that its time means nothing."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is ready to be measured.

    Attributes:
        turn: one measurement; its seconds.
        test_accuracy: of what the warm-up trained; ``None`` where nothing is trained.
        facts: what else is stored.
    """

    turn: Callable[[], float]
    test_accuracy: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def prepare_training(case: Case, dataset: Dataset, *, seed: int, epochs: int, injection: Injection) -> Work:
    """A training that is warm: it has run once from the seed, and what that trained was scored.

    Raises:
        Unavailable: the model cannot be trained this way here.
        Invalid: what was trained is no better than chance.
    """
    recipe = RECIPES[case.recipe]
    images, labels = _training_arrays(dataset, min(TRAIN_IMAGES, len(dataset.train_labels)))
    make_run, predict = _TRAININGS[case.trainer](recipe, seed, epochs, case.threads)
    run = make_run(images, injection.labels(labels, CLASSES, seed))
    run()
    scores = predict(scale(dataset.test_images))
    if not np.isfinite(scores).all():
        raise Invalid(f"{case.name}: the scores are not numbers")
    accuracy = float(np.mean(scores.argmax(axis=1) == dataset.test_labels))
    if accuracy < QUICK_FLOOR:
        raise Invalid(f"{case.name}: test accuracy {accuracy:.4f} is below the floor of {QUICK_FLOOR}")
    count = injection.more("train", min(TIMED_IMAGES.get(case.trainer, TRAIN_IMAGES), len(images)))
    if count != len(images):  # what is planted is timed only: the accuracy stays that of a side that is merely slow
        run = make_run(*_training_arrays(dataset, count))
        run()
    return Work(lambda: time_once(run), accuracy, {"train_images": count})


@contextmanager
def prepare_inference(case: Case, dataset: Dataset, folder: Path, injection: Injection) -> Iterator[Work]:
    """Inference on a session that has its parity certificate; the session is closed at the end of the block.

    Raises:
        Invalid: the session answers otherwise than the model that was exported.
    """
    model = OnnxModel((folder / f"{case.recipe}.onnx").read_bytes(), ())
    images = scale(dataset.test_images)
    with open_session(model, Device("cpu", case.threads), threads=case.threads) as session:
        certificate = certify(np.load(folder / f"{case.recipe}.npy"), run_in_batches(session, images))
        if certificate.faults:
            raise Invalid(f"{case.name}: {'; '.join(certificate.faults)}")
        call = primed_call(session, make_batch(images, case.batch_size))
        calls, groups = injection.more("infer", CALLS), GROUPS[case.batch_size]
        yield Work(lambda: seconds_per_call(call, calls, groups), facts={"parity": certificate.as_dict()})


def seconds_per_call(
    call: Callable[[], Any], calls: int, groups: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one of `CALLS` calls: the median over the groups, each timed as a whole.

    Args:
        call: what is measured.
        calls: how many each group makes: `CALLS`, unless more work is injected.
        groups: how many groups.
        clock: returns seconds that only grow.
    """
    return statistics.median(value_s / CALLS for value_s in time_groups(call, calls, groups, clock=clock))


def export_model(case: Case, dataset: Dataset, folder: Path, seed: int) -> float:
    """Train and export the model that a side's inference is measured on, into `folder`; its test accuracy.

    Raises:
        Invalid: what was trained is no better than chance.
        DensebenchError: it did not train, or what was exported is no valid ONNX.
    """
    recipe = RECIPES[case.recipe]
    if recipe.framework == "keras":
        start_tensorflow(Device("cpu", case.threads))
    images, labels = _training_arrays(dataset, min(TRAIN_IMAGES, len(dataset.train_labels)))
    training = replace(recipe.training, epochs=EXPORT_EPOCHS, validate_each_epoch=False, early_stopping=None)
    split = Split(images, labels, images[:0], labels[:0])
    fit = find_trainer(recipe, "fit")(recipe, training, split, seed=seed, on_epoch=lambda _epoch: None)
    fit.run()
    trained = fit.finish()
    test_images = scale(dataset.test_images)
    accuracy = score(trained, test_images, dataset.test_labels.astype(np.int64))
    if accuracy < QUICK_FLOOR:
        raise Invalid(f"{case.name}: test accuracy {accuracy:.4f} is below the floor of {QUICK_FLOOR}")
    (folder / f"{case.recipe}.onnx").write_bytes(export(trained, {}).content)
    np.save(folder / f"{case.recipe}.npy", trained.predict(test_images))
    return accuracy


MakeRun = Callable[["NDArray[np.float32]", "NDArray[np.int64]"], Callable[[], None]]
"""Takes images (n, 784) and labels (n,); returns what trains on them, going on from where training stands."""
Training = tuple[MakeRun, Callable[["NDArray[np.float32]"], "NDArray[Any]"]]
"""How trainings are made, and what predicts with what was trained by them."""


def _fit(recipe: Recipe, seed: int, epochs: int, threads: int) -> Training:
    start_tensorflow(Device("cpu", threads))
    model = build_model(recipe, recipe.training, seed)

    def make_run(images: NDArray[np.float32], labels: NDArray[np.int64]) -> Callable[[], None]:
        batches = _batches(images, targets(labels, recipe.training.loss), recipe.training.batch_size, seed)
        return lambda: _ignore(model.fit(batches, epochs=epochs, verbose=0))

    return make_run, lambda given: np.asarray(model(given, training=False))


def _batches(images: NDArray[np.float32], wanted: NDArray[Any], batch_size: int, seed: int) -> Any:
    """The shuffled batches that `fit` would make of these arrays, as a `tf.data.Dataset` that does not tune itself.

    At the end of an epoch of arrays, the thread that tunes is waited for, and it sleeps 10, 20, 40, ... ms at a time:
    whatever the steps take, the epoch ends 0.17, 0.34 or 0.67 s after its beginning. With 5 % more images, its time
    stayed the same to three digits.
    """
    import tensorflow as tf  # the caller has chosen its devices

    order = tf.data.Dataset.range(len(images)).shuffle(len(images), seed).batch(batch_size)
    arrays = tf.constant(images), tf.constant(wanted)
    options = tf.data.Options()
    options.autotune.enabled = False
    return order.map(lambda rows: tuple(tf.gather(one, rows) for one in arrays)).prefetch(1).with_options(options)


def _compiled(recipe: Recipe, seed: int, epochs: int, threads: int) -> Training:
    start_tensorflow(Device("cpu", threads))
    model = build_model(recipe, recipe.training, seed)

    def make_run(images: NDArray[np.float32], labels: NDArray[np.int64]) -> Callable[[], None]:
        try:
            fit = CompiledFit(model, (images, labels), batch_size=recipe.training.batch_size, epochs=epochs, seed=seed)
        except CannotCompile as reason:
            raise Unavailable(str(reason)) from None
        return lambda: _ignore(fit.run())

    return make_run, lambda given: np.asarray(model(given, training=False))


def _sklearn(recipe: Recipe, seed: int, epochs: int, _threads: int) -> Training:
    from sklearn import linear_model

    model = recipe.build(linear_model).set_params(random_state=seed, max_iter=epochs, tol=None)

    def make_run(images: NDArray[np.float32], labels: NDArray[np.int64]) -> Callable[[], None]:
        wide = images.astype(np.float64)

        def run() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # so few epochs do not converge
                model.fit(wide, labels)

        return run

    return make_run, lambda given: np.asarray(model.predict_proba(given))


_TRAININGS: dict[str, Callable[[Any, int, int, int], Training]] = {
    "fit": _fit,
    "compiled": _compiled,
    "scikit-learn": _sklearn,
}


def _training_arrays(dataset: Dataset, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The first `count` training images, from the start again where there are fewer, and their labels."""
    rows = np.arange(count) % len(dataset.train_labels)
    return scale(dataset.train_images[rows]), dataset.train_labels[rows].astype(np.int64)


def _ignore(_result: object) -> None:
    """Nothing: a run's history is of no interest here."""
