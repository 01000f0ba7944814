"""What a stored run of the suite tells of each of its models, gathered for the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.records.schema.suite import InferRecord, TrainRecord
from bench.report.html.view import YOURS, Facets, facets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run
    from bench.records.schema.rows import Record


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model of one run: its records of training, of single calls on one thread and of large batches on all."""

    run: Run
    model: str
    train: TrainRecord | None
    single: InferRecord | None
    bulk: InferRecord | None

    @property
    def label(self) -> str:
        """The model, and whose the run is where it is the reader's own."""
        return f"{self.model} ({YOURS})" if self.run.origin == YOURS else self.model

    @property
    def facets(self) -> Facets:
        """Facets to filter by."""
        return facets_of(self.run, self.model)

    @property
    def faults(self) -> list[str]:
        """Reasons that it is INVALID."""
        records: list[Record] = [record for record in (self.train, self.single, self.bulk) if record]
        return list(dict.fromkeys(fault for record in records for fault in record.faults))


def model_summaries(runs: Sequence[Run]) -> list[ModelSummary]:
    """Summarise each model of each run, in the order of the runs."""
    return [_summary(run, model) for run in runs for model in dict.fromkeys(record.recipe for record in run.records)]


def _summary(run: Run, model: str) -> ModelSummary:
    calls = [record for record in run.of(InferRecord) if record.recipe == model]
    infer = {size: [one for one in calls if one.batch_size == size] for size in (1, 1000)}
    return ModelSummary(
        run,
        model,
        next((record for record in run.of(TrainRecord) if record.recipe == model), None),
        min(infer[1], key=lambda record: record.threads, default=None),
        max(infer[1000], key=lambda record: record.threads, default=None),
    )
