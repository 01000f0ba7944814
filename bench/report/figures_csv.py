"""All stored figures as one table in CSV, a line each, for spreadsheets and for tools that do not read run files."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from bench.records import latency
from bench.records.record import RunFileError
from bench.records.schema.reproductions import ReproductionRecord
from bench.records.schema.runtimes import RuntimeRecord, StartRecord
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.records.schema.trainers import TrainerRecord
from bench.records.schema.trials import TrialRecord
from bench.records.trainers import mean_rate
from bench.records.trials import MEMORY, trial_of
from bench.report.pages.trials import LABELS
from bench.stats.visits import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.records.record import Run
    from bench.records.schema.run import AnyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure; a field that does not apply to it is empty.

    Attributes:
        origin: whose run it is: ``yours`` or ``published``.
        run: the run file's name without its ending.
        kind: the kind of row, as run files have it.
        runtime: what answers, or what trains.
        environment: the role of the environment that is judged.
        word: what the user calls that environment.
        against: the role of the environment that it is judged against.
        figure: what the value is.
        value: in `unit`; a ratio is that of the environment to the one that it is judged against.
        low: lower end of its 95 % interval.
        high: upper end.
        verdict: of a trial; ``INVALID`` of a row that is no result.
        reason: why it is INVALID.
    """

    origin: str = ""
    run: str = ""
    started_at: str = ""
    machine: str = ""
    dataset: str = ""
    device: str = ""
    threads: int | str = ""
    kind: str = ""
    case: str = ""
    model: str = ""
    runtime: str = ""
    batch_size: int | str = ""
    seed: int | str = ""
    environment: str = ""
    word: str = ""
    against: str = ""
    figure: str = ""
    value: float | str = ""
    low: float | str = ""
    high: float | str = ""
    unit: str = ""
    verdict: str = ""
    reason: str = ""


def figures_csv(runs: Iterable[Run]) -> str:
    """A header and a line per figure."""
    file = io.StringIO()
    writer = csv.DictWriter(file, [field.name for field in fields(Line)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(line) for run in runs for line in _lines(run))
    return file.getvalue()


def _lines(run: Run) -> Iterator[Line]:
    of_run = Line(
        origin=run.origin,
        run=run.name,
        started_at=run.started_at,
        machine=run.machine.name,
        dataset=run.dataset,
        device=run.device,
    )
    if run.metadata.trial:
        yield from _of_trial(of_run, run)
        return
    for record in run.records:
        of_row = replace(
            of_run,
            dataset=record.dataset,
            device=record.device,
            threads=record.threads,
            kind=record.stage,
            case=record.case,
            model=record.recipe,
            runtime=getattr(record, "runtime", None) or record.trainer or "",
            batch_size=record.batch_size,
        )
        if record.faults:
            yield replace(of_row, verdict="INVALID", reason="; ".join(record.faults))
            continue
        yield from _figures(of_row, record)


def _of_trial(of_run: Line, run: Run) -> Iterator[Line]:
    """The findings of a trial: a ratio each."""
    try:
        trial = trial_of(run)
    except RunFileError:
        return
    models = {record.case: record.recipe for record in run.of(TrialRecord)}
    for row in trial.rows:
        effect, unit = row.effect, "bytes" if row.finding == MEMORY else "s"
        of_row = replace(
            of_run,
            threads=run.threads,
            kind="trial",
            case=row.case,
            model=models[row.case],
            environment=row.environment,
            word=trial.environment(row.environment).word,
            against=row.against,
        )
        yield replace(
            of_row,
            figure=f"{LABELS[row.finding]}, ratio",
            value=_exp(effect.value),
            low=_exp(effect.low),
            high=_exp(effect.high),
            verdict=row.word,
        )
        yield replace(of_row, figure=LABELS[row.finding], value=row.head, unit=unit)


def _figures(of_row: Line, record: AnyRecord) -> Iterator[Line]:
    """What a valid row says."""
    if isinstance(record, ReproductionRecord):
        for run in record.seed_runs:
            for name, score in run.scores.items():
                yield replace(of_row, seed=run.seed, figure=name, value=score)
    elif isinstance(record, TrainRecord):
        for seed, accuracy in zip(record.seeds, record.test_accuracies, strict=False):
            yield replace(of_row, seed=seed, figure="test accuracy", value=accuracy)
        yield from _figure(of_row, "training", record.images_per_s, "images/s")
    elif isinstance(record, TrainerRecord):
        yield from _figure(of_row, "training", mean_rate(record), "images/s")
    elif isinstance(record, StartRecord):
        yield from _figure(of_row, "start", record.median_s if record.values_s else None, "s")
    elif isinstance(record, (InferRecord, RuntimeRecord)):
        yield from _figure(of_row, "typical call", latency.typical(record), "s")
        yield from _figure(of_row, "median call", latency.median(record), "s")
        tail = latency.tail(record)
        yield from _figure(of_row, "99th percentile of calls, at most", tail.value_s if tail else None, "s")
        yield from _figure(of_row, "throughput", latency.images_per_s(record), "images/s")
        yield from _figure(of_row, "test accuracy", record.test_accuracy, "")


def _figure(of_row: Line, name: str, found: Figure | float | None, unit: str) -> Iterator[Line]:
    """A line, if there is such a figure."""
    if isinstance(found, Figure):
        low, high = ("" if end is None else end for end in (found.low, found.high))
        yield replace(of_row, figure=name, value=found.value, low=low, high=high, unit=unit)
    elif found is not None:
        yield replace(of_row, figure=name, value=found, unit=unit)


def _exp(logarithm: float | None) -> float | str:
    return "" if logarithm is None else math.exp(logarithm)
