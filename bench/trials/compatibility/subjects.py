"""What is saved, asked and trained: a recipe of the ladder with given weights, or the user's own Keras file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import Unavailable, one_line
from bench.inference.digests import digest
from bench.inference.own_models.answers import Answers
from bench.inference.own_models.keras_file import SAMPLES, flat, in_float64, wide
from bench.stats.rounding import most_terms
from bench.trials.subjects import make_subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.data.datasets import Dataset
    from bench.inference.own_models.file import ModelFile
    from bench.trials.subjects import Subject

IMAGES = 1000
"""Test images that a recipe's model is asked."""
STEPS_BEFORE_SAVING = 2
"""Training steps, so that an optimizer's state is saved as well."""
EPOCHS, STEPS = 3, 50
"""Of the training that is compared."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Makes models, the same in every environment as far as it lets them be.

    Attributes:
        dataset: whose images the ladder trains on and is asked about.
        seed: of weights and of what is made up.
        files: the user's own Keras files, by name.
    """

    dataset: Dataset
    seed: int
    files: Mapping[str, ModelFile]

    def make(self, name: str) -> Subject:
        """A model with weights that no environment has drawn: those of its file, or NumPy's. Raises Unavailable."""
        subject = make_subject(name, self.files, self.dataset, self.seed)
        if name not in self.files:
            subject.model.set_weights(given_weights([one.shape for one in subject.model.get_weights()], self.seed))
        return subject

    def batch(self, name: str, subject: Subject) -> Any:
        """What it is asked."""
        return subject.batch(SAMPLES if name in self.files else IMAGES)

    def train_a_little(self, subject: Subject) -> None:
        """Take a few training steps, where the model can be trained."""
        try:
            examples, answers = subject.training_data()
        except Unavailable:
            return
        count = STEPS_BEFORE_SAVING * subject.batch_size
        _fit(subject, _first(examples, count), _first(answers, count), epochs=1)

    def train(self, name: str) -> list[str]:
        """Train from the seed: the digest of the weights before, and after each epoch. Raises Unavailable."""
        subject = make_subject(name, self.files, self.dataset, self.seed)
        examples, answers = subject.training_data()
        count = STEPS * subject.batch_size
        found = [digest(subject.model.get_weights())]
        for _ in range(EPOCHS):
            _fit(subject, _first(examples, count), _first(answers, count), epochs=1)
            found.append(digest(subject.model.get_weights()))
        return found


def ask(model: Any, batch: Any) -> Answers:
    """A model's answers, with those in float64 where it can be rebuilt."""
    own = flat(model(batch, training=False))
    terms = most_terms([weight.shape for weight in model.weights if "embeddings" not in weight.name])
    try:
        return Answers(own, flat(in_float64(model)(wide(batch), training=False)), (), terms)
    except Exception as error:  # noqa: BLE001  a model that cannot be rebuilt has no exact answer
        return Answers(own, own, (), terms, f"it cannot be rebuilt in float64: {one_line(error)}")


def given_weights(shapes: Sequence[Sequence[int]], seed: int) -> list[NDArray[np.float32]]:
    """Weights of these shapes, drawn by NumPy: the products' as He and others do (ICCV 2015), the rest a tenth."""
    source = np.random.default_rng(seed)
    return [
        (source.standard_normal(shape) * (math.sqrt(2 / shape[0]) if len(shape) > 1 else 0.1)).astype(np.float32)
        for shape in shapes
    ]


def _fit(subject: Subject, examples: Any, answers: Any, *, epochs: int) -> None:
    subject.model.fit(examples, answers, batch_size=subject.batch_size, epochs=epochs, shuffle=False, verbose=0)


def _first(arrays: Any, count: int) -> Any:
    return [one[:count] for one in arrays] if isinstance(arrays, list) else arrays[:count]
