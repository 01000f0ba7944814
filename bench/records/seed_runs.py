"""The trainings of one published recipe, and what is computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from bench.records.schema.reproductions import FirstModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.schema.reproductions import ReproductionRecord, SeedRun


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
        seed_runs: in the order of their seeds.
        faults: why the recipe's figures are not to be believed, or could not be had.
        available: false where this machine lacks its data.
    """

    seed_runs: list[SeedRun] = field(default_factory=list)
    first_model: FirstModel = field(default_factory=FirstModel)
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


def macro_f1(run: SeedRun) -> float:
    """The mean of the classes' F1 (0-1) on the test images."""
    scores = [one.f1 for one in class_scores(run.confusion)]
    return sum(scores) / len(scores)


def below_floor(result: Result, floor: float) -> dict[int, float]:
    """The seeds whose test accuracy (0-1) is below a recipe's floor, with it.

    One of many may be by chance; where most are, the recipe is INVALID.
    """
    found = {one.seed: one.scores.get("test accuracy", 1.0) for one in result.seed_runs}
    return {seed: accuracy for seed, accuracy in found.items() if accuracy < floor}


def read_result(record: ReproductionRecord) -> Result:
    """The result that is stored in a row."""
    pairs = zip(record.seed_runs, record.values_s, strict=True)
    return Result(
        [msgspec.structs.replace(one, fit_s=fit_s) for one, fit_s in pairs],
        first_model=record.first_model,
        faults=list(record.faults),
        available=record.status != "unavailable",
    )
