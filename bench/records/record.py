"""Stored results: a `Run` is a run file, a `Record` one measured row of it, read without any framework.

A run file is pytest-benchmark's JSON. Fields that pytest-benchmark lacks lie in each benchmark's `extra_info` (one
row) and in the top-level object `densebench` (the run), both with a schema number.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.records.cases import named_with_trainer
from bench.records.fields import LARGEST_INTEGER, count, field, numbers, numbers_or_none, strings, timings, within

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = 1
DEFAULT_BACKEND = "tensorflow"
"""What Keras computes with, unless a run says otherwise."""


class RunFileError(Exception):
    """A run file cannot be read; the message names the file and the fault."""


SHAPE_ERRORS = (RunFileError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading stored data of an unexpected shape ends in."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its identity, its certificate and its raw timings.

    Attributes:
        case: the row's name within its run, by the grammar of `bench.records.cases`.
        stage: each value is one whole fit (``train``, ``reproduction``), one call of an exported model in ONNX
            Runtime (``infer``) or of any runtime (``runtime``), a process's way to its first answer (``start``), one
            repetition of a trainer (``trainer``), one turn of a duel (``duel``); and of a probe of a release its import
            (``import``), its first epoch (``process``), or one call of the Keras model (``tensorflow``).
        faults: why the row is INVALID; empty where it is valid.
        values_s: every timing in seconds, in the order in which they were taken.
        batch_size: images per step or per call.
        seeds: training rows only, like the three lists that follow, with one entry per value.
        epochs_run: fewer than the protocol's where early stopping ended the training.
        first_step_s: seconds of the first steps with their compilation; ``None`` where nothing compiles.
        precision: what the exported graph computes in (latency rows).
        trainer: what trained the model (training rows).
        extra_info: everything that was stored with the row.
    """

    case: str
    stage: str
    recipe: str
    faults: tuple[str, ...]
    values_s: tuple[float, ...]
    dataset: str
    device: str
    threads: int
    batch_size: int
    parameters: int | None
    train_images: int | None
    seeds: tuple[int, ...]
    test_accuracies: tuple[float, ...]
    epochs_run: tuple[int, ...]
    first_step_s: tuple[float | None, ...]
    precision: str | None
    trainer: str | None
    onnx_bytes: int | None
    max_abs_diff: float | None
    changed_predictions: int | None
    extra_info: Mapping[str, Any]

    @property
    def images_per_s(self) -> float | None:
        """Images per second: of a training the median over its seeds, counting every epoch, or that of the median call.

        ``None`` where there are no timings, or the number of training images is not stored.
        """
        if not self.values_s:
            return None
        if self.stage != "train":
            return self.batch_size / statistics.median(self.values_s)
        if self.train_images is None:
            return None
        epochs = zip(self.epochs_run, self.values_s, strict=True)
        return statistics.median(self.train_images * passes / value_s for passes, value_s in epochs)

    @property
    def position(self) -> int:
        """The row's position in its tables. Only some kinds of runs store it; KeyError for others."""
        return int(self.extra_info["position"])


@dataclass(frozen=True, slots=True)
class Run:
    """One run file: what one process measured.

    Attributes:
        file: the run file's name.
        machine: the folder-name of the machine.
        started_at: ISO 8601, UTC.
        commit: the suite's commit, with ``+`` where the checkout had changes.
        command: what reproduces it.
        threads: how many CPU threads TensorFlow and BLAS had.
        trainer: what trained the Keras models, where it could.
        backend: what Keras computed with.
        quick: whether the training protocols were cut down.
        complete: false where the run was interrupted.
        missing: planned cases that have no row.
        fallback_reason: why `digits` stands in for another data set; ``None`` where it does not.
        metadata: everything that was stored with the run.
        origin: whose it is, as a reader of the HTML report is told.
    """

    file: str
    machine: Mapping[str, Any]
    packages: Mapping[str, Any]
    started_at: str
    commit: str
    command: str
    dataset: str
    device: str
    threads: int
    trainer: str
    backend: str
    quick: bool
    complete: bool
    missing: tuple[str, ...]
    fallback_reason: str | None
    records: tuple[Record, ...]
    metadata: Mapping[str, Any]
    origin: str = "published"

    @property
    def name(self) -> str:
        """The run file's name without its ending."""
        return self.file.removesuffix(".json")

    @property
    def series(self) -> str | None:
        """The id that all run files of one self-test share; ``None`` for other runs."""
        own = self.metadata.get("selftest")
        name = own.get("id") if isinstance(own, dict) else None
        return name if isinstance(name, str) else None


def read_run(path: Path) -> Run:
    """The run that is stored in a file.

    Raises:
        RunFileError: the file cannot be read, is not JSON, or is not a run file of schema `SCHEMA`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _parse_run(path.name, content)
    except OSError as error:
        raise RunFileError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
        raise RunFileError(f"{path}: not a densebench run file: {error}") from error


def read_runs(results: Path, folder: str = ".") -> tuple[list[Run], list[str]]:
    """The readable runs of a kind, oldest first, and a warning for each file that is not readable.

    Args:
        results: the folder that holds `raw`.
        folder: subfolder of the kind under `raw/<machine>`; ``.`` for the suite.
    """
    runs, warnings = [], []
    for path in sorted((results / "raw").glob(f"*/{folder}/*.json")):
        try:
            runs.append(read_run(path))
        except RunFileError as error:
            warnings.append(str(error))
    return sorted(runs, key=lambda run: run.started_at), warnings


def check_extra_info(run: Run, needs: Mapping[str, type]) -> Run:
    """Check that each row of a run has the extra info of its kind, and return the run.

    Args:
        run: a run as it was read.
        needs: required keys of `extra_info`, with their types.

    Raises:
        RunFileError: a key is missing, or its value has another type.
    """
    for record in run.records:
        for name, kind in needs.items():
            if not isinstance(record.extra_info.get(name), kind):
                raise RunFileError(f"{run.file}: {record.case[:80]}: {name!r} is missing or no {kind.__name__}")
    return run


def _parse_run(file: str, content: Any) -> Run:
    metadata = field(content, "densebench", dict)
    schema = field(metadata, "schema", int)
    if schema != SCHEMA:
        raise ValueError(f"schema {schema}; this version reads {SCHEMA}")
    rows = [_parse_benchmark(row) for row in field(content, "benchmarks", list)]
    rows += [_parse_extra_info(row, timings(row, "values_s")) for row in field(metadata, "invalid", list)]
    planned = strings(metadata, "cases_planned")
    measured = {row.case for row in rows}
    return Run(
        file=file,
        machine=field(metadata, "machine", dict),
        packages=field(metadata, "packages", dict),
        started_at=field(metadata, "started_at", str),
        commit=field(metadata, "commit", str),
        command=field(metadata, "command", str),
        dataset=field(metadata, "dataset", str),
        device=field(metadata, "device", str),
        threads=field(metadata, "threads", int),
        trainer=field(metadata, "trainer", str, default="fit"),  # the only one before there was a choice
        backend=field(metadata, "backend", str, default=DEFAULT_BACKEND),  # the only one before there was a choice
        quick=field(metadata, "quick", bool),
        complete=field(metadata, "complete", bool),
        missing=tuple(case for case in planned if case not in measured),
        fallback_reason=field(metadata, "fallback_reason", (str, type(None))),
        records=tuple(_named_by_grammar(row) for row in rows),
        metadata=metadata,
    )


def _parse_benchmark(row: Any) -> Record:
    values_s = timings(field(row, "stats", dict), "data")
    record = _parse_extra_info(field(row, "extra_info", dict), values_s)
    lists = (record.seeds, record.test_accuracies, record.epochs_run, record.first_step_s)
    if record.stage == "train" and {len(values) for values in lists} != {len(values_s)}:
        raise ValueError(f"{record.case} has {len(values_s)} timings, but not one seed, accuracy, ... for each")
    return record


def _named_by_grammar(record: Record) -> Record:
    """The row by the name that it has today; older names did not tell the trainer."""
    if record.stage != "train":
        return record
    name = named_with_trainer(record.case, record.trainer)
    return record if name == record.case else replace(record, case=name)


def _parse_extra_info(extra_info: Any, values_s: tuple[float, ...]) -> Record:
    optional_int = (int, type(None))
    parity = extra_info.get("parity") or {} if isinstance(extra_info, dict) else {}
    return Record(
        case=field(extra_info, "case", str),
        stage=field(extra_info, "stage", str),
        recipe=field(extra_info, "recipe", str),
        faults=strings(extra_info, "faults"),
        values_s=values_s,
        dataset=field(extra_info, "dataset", str),
        device=field(extra_info, "device", str),
        threads=count(extra_info, "threads"),
        batch_size=count(extra_info, "batch_size"),
        parameters=field(extra_info, "parameters", optional_int, default=None),
        train_images=count(extra_info, "train_images") if extra_info.get("train_images") is not None else None,
        seeds=tuple(int(seed) for seed in numbers(extra_info, "seeds")),
        test_accuracies=within(extra_info, "test_accuracies", 0, 1),
        epochs_run=tuple(int(epochs) for epochs in within(extra_info, "epochs_run", 1, LARGEST_INTEGER)),
        first_step_s=numbers_or_none(extra_info, "first_step_s"),
        precision=field(extra_info, "precision", (str, type(None)), default=None),
        trainer=field(extra_info, "trainer", (str, type(None)), default=None),
        onnx_bytes=field(extra_info, "onnx_bytes", optional_int, default=None),
        max_abs_diff=field(parity, "max_abs_diff", (int, float, type(None)), default=None),
        changed_predictions=field(parity, "changed_predictions", optional_int, default=None),
        extra_info=extra_info,
    )
