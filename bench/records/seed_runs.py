"""Types of a reproduction: a `SeedRun` is one training from one seed, a `Result` all trainings of one recipe."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bench.records.record import Record, RunFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STAGE = "reproduction"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRun:
    """One training from one seed, scored.

    Attributes:
        fit_s: seconds of the training alone; trainings from other seeds may have run at the same time.
        first_step_s: seconds of compiling or tracing, not part of `fit_s`; ``None`` where nothing compiles.
        history: metric name to one value per epoch, as in Keras's `History`; empty for scikit-learn.
        scores: part and metric (``"test loss"``, ``"validation accuracy"``) to the value after training.
        folds: cross-validation accuracies, one per fold; empty where the recipe does not cross-validate.
        confusion: number of test images by label (row) and predicted class (column).
        probabilities: ``"test:0"`` to that image's class probabilities.
    """

    seed: int
    trainer: str
    placed_on: str
    parameters: int
    train_images: int
    fit_s: float
    first_step_s: float | None
    epochs_run: int
    history: Mapping[str, Sequence[float]]
    scores: Mapping[str, float]
    folds: Sequence[float]
    confusion: Sequence[Sequence[int]]
    probabilities: Mapping[str, Sequence[float]]

    @property
    def macro_f1(self) -> float:
        """The mean of the classes' F1 (0-1) on the test images."""
        scores = [one.f1 for one in class_scores(self.confusion)]
        return sum(scores) / len(scores)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Precision, recall and F1 (0-1) of one class, 0 where undefined, and the number of images with its label."""

    precision: float
    recall: float
    f1: float
    images: int


@dataclass(slots=True)
class Result:
    """What is known of one recipe so far.

    Attributes:
        repetitions: in the order of their seeds.
        first_model: what was looked at on the first seed's model only: its layers, saving and loading it, its export.
        faults: why the recipe's figures are not to be believed, or could not be had.
        available: false where this machine lacks its data.
    """

    seed_runs: list[SeedRun] = field(default_factory=list)
    first_model: Mapping[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    available: bool = True


def class_scores(confusion: Sequence[Sequence[int]]) -> list[ClassScore]:
    """The scores of each label of a confusion matrix of shape (labels, predicted classes), with columns >= rows.

    F1 is the harmonic mean of precision and recall, 2 x hits / (labelled + answered).
    """
    scores = []
    for label, row in enumerate(confusion):
        hits, labelled, answered = row[label], sum(row), sum(other[label] for other in confusion)
        scores.append(
            ClassScore(
                precision=hits / answered if answered else 0.0,
                recall=hits / labelled if labelled else 0.0,
                f1=2 * hits / (labelled + answered) if labelled + answered else 0.0,
                images=labelled,
            )
        )
    return scores


def stored_seed_runs(result: Result) -> list[dict[str, Any]]:
    """The trainings as JSON objects for a run file, without `fit_s`, which are the row's timings."""
    rows = [asdict(one) for one in result.seed_runs]
    for row in rows:
        del row["fit_s"]
    return rows


def read_result(record: Record) -> Result:
    """The result that is stored in a row.

    Raises:
        RunFileError: a field is missing, unknown or of another shape, or the numbers of trainings and timings differ.
    """
    rows, first_model = record.extra_info.get("repetitions", []), record.extra_info.get("specimen", {})
    try:
        seed_runs = [SeedRun(**row, fit_s=fit_s) for row, fit_s in zip(rows, record.values_s, strict=True)]
        for seed_run in seed_runs:
            _check(seed_run, first_model)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise RunFileError(f"{record.case}: its repetitions cannot be read: {error!r}") from error
    return Result(
        seed_runs,
        first_model=first_model,
        faults=list(record.faults),
        available=record.extra_info.get("status") != "unavailable",
    )


def _check(seed_run: SeedRun, first_model: Mapping[str, Any]) -> None:
    """Read all that the pages read, so that data of another shape raises here."""
    classes = len(first_model["class_names"])
    counts = [len(first_model["label_counts"][part]) for part in ("training", "test")]
    if {classes, *counts, len(seed_run.confusion)} != {classes} or len(seed_run.confusion[0]) < classes:
        raise ValueError(f"{classes} classes, but {counts} counts and a confusion matrix of other size")
    for image, row in seed_run.probabilities.items():
        if not 0 <= first_model["shown_labels"][image] < classes or len(row) > classes:
            raise ValueError(f"the label or the probabilities of {image}")
    numbers = [*seed_run.scores.values(), *seed_run.folds, seed_run.macro_f1]
    numbers += [value for values in seed_run.history.values() for value in values]
    numbers += [value for values in seed_run.probabilities.values() for value in values]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("a score that is not a number")
