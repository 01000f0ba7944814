"""Rows of published recipes, trained from many seeds, and the sample images of a run of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from bench.records.schema.numbers import Elapsed, Integer, Name, Number, Part, Seconds, Share, Size, Text
from bench.records.schema.rows import Parity, Record


class SeedRun(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One training from one seed, scored.

    Attributes:
        fit_s: seconds of the training alone; trainings from other seeds may have run at the same time. Stored as the
            row's timing.
        first_step_s: seconds of compiling or tracing, not part of `fit_s`; ``None`` where nothing compiles.
        history: metric name to one value per epoch, as in Keras's `History`; empty for scikit-learn.
        scores: part and metric (``"test loss"``, ``"validation accuracy"``) to the value after training.
        folds: cross-validation accuracies, one per fold; empty where the recipe does not cross-validate.
        confusion: number of test images by label (row) and predicted class (column).
        probabilities: ``"test:0"`` to that image's class probabilities.
    """

    seed: Integer
    trainer: Name
    placed_on: Text
    parameters: Size
    train_images: Size
    fit_s: Seconds | None = None
    first_step_s: Elapsed | None
    epochs_run: Size
    history: Mapping[Name, tuple[Number, ...]]
    scores: Mapping[Name, Number]
    folds: tuple[Share, ...]
    confusion: tuple[tuple[Size, ...], ...]
    probabilities: Mapping[Name, tuple[Share, ...]]


class Layer(Part, frozen=True, kw_only=True):
    """A layer of a model."""

    name: Text
    kind: Text
    output_shape: tuple[Size | None, ...]
    parameters: Size


class Saving(Part, frozen=True, kw_only=True):
    """What became of a model that was saved in a format and loaded again."""

    format: Name
    outcome: Name
    reason: Text | None = None


class FirstModel(Part, frozen=True, kw_only=True):
    """What was looked at on the first seed's model only: its layers, saving and loading it, its export.

    Attributes:
        label_counts: images per class, by part of the data set.
        shown_labels: ``"test:0"`` to that image's label.
    """

    seed: Integer = 0
    class_names: tuple[Text, ...] = ()
    label_counts: Mapping[Name, tuple[Size, ...]] = {}
    shown_labels: Mapping[Name, Size] = {}
    layers: tuple[Layer, ...] = ()
    saving: tuple[Saving, ...] = ()
    onnx_sha256: Text | None = None
    parity: Parity | None = None


class ReproductionRecord(Record, frozen=True, kw_only=True, tag="reproduction"):
    """Trainings of a published recipe, one per seed and value."""

    source: Text | None = None
    train_images: Size | None = None
    first_model: FirstModel = msgspec.field(default=FirstModel(), name="specimen")
    seed_runs: tuple[SeedRun, ...] = msgspec.field(default=(), name="repetitions")

    def check(self) -> None:
        """Check that there is one training per timing, and that all agree on the classes and images."""
        if len(self.seed_runs) != len(self.values_s):
            raise ValueError(f"{len(self.values_s)} timings for {len(self.seed_runs)} trainings")
        if not self.seed_runs:
            return
        classes = len(self.first_model.class_names)
        counts = [len(self.first_model.label_counts.get(part, ())) for part in ("training", "test")]
        if not classes or set(counts) != {classes}:
            raise ValueError(f"{classes} classes, but counts of {counts[0]} and {counts[1]}")
        for run in self.seed_runs:
            self._check_seed_run(run, classes)

    def _check_seed_run(self, run: SeedRun, classes: int) -> None:
        columns = {len(row) for row in run.confusion}
        if len(run.confusion) != classes or len(columns) != 1 or min(columns) < classes:
            raise ValueError(f"a confusion matrix that does not fit {classes} classes")
        if len({len(values) for values in run.history.values()}) > 1:
            raise ValueError("metrics of unequal numbers of epochs")
        for image, row in run.probabilities.items():
            label = self.first_model.shown_labels.get(image)
            if label is None or label >= classes or not 1 <= len(row) <= classes:
                raise ValueError(f"the label or the probabilities of {image}")


class SampleImage(Part, frozen=True, kw_only=True):
    """An image: its label, and 28 x 28 bytes in base64."""

    label: Size
    pixels: Annotated[str, Meta(min_length=1048, max_length=1048, pattern="^[A-Za-z0-9+/]*={0,2}$")]


class Gallery(Part, frozen=True, kw_only=True):
    """Sample images of a data set, by part and place (``"test:0"``)."""

    class_names: tuple[Text, ...]
    images: Mapping[Name, SampleImage]
