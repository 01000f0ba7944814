"""The schema of run files: one type per kind of row, checked as a file is read.

A run file is pytest-benchmark's JSON, so its readers take it as it is. What pytest-benchmark has no field for lies in
each benchmark's `extra_info` (a row) and in the top-level object `densebench` (the run), which also holds the rows
that are INVALID and so are no benchmarks.

Schema 2 (2026-11-24): every command writes pytest-benchmark's header and statistics; a row no longer repeats the
machine, the packages and the number of the schema, which the run has.
Schema 1 (2026-11-20): the first; it is still read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union

import msgspec
from msgspec import Meta, Struct

from bench.records.cases import DEFAULT_BACKEND
from bench.records.schema.compatibility import Compatibility
from bench.records.schema.numbers import Count, Date, Integer, Name, Part, Seconds, Size, Text, Versions
from bench.records.schema.profiles import Profile, Script
from bench.records.schema.reproductions import Gallery, ReproductionRecord
from bench.records.schema.rows import Record
from bench.records.schema.runtimes import RuntimeRecord, StartRecord
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.records.schema.trainers import TrainerRecord
from bench.records.schema.trials import TrialOptions, TrialRecord

SCHEMA = 2
OLDEST_SCHEMA = 1


class Machine(Part, frozen=True, kw_only=True):
    """The machine of a run. `name` is its folder: equal machines share it."""

    name: Name
    cpu: Text = ""
    cpus: Size = 0
    memory_gib: Size = 0
    system: Text = ""
    python: Text = ""


AnyRecord = Union[  # noqa: UP007  a list of types reads better one by one
    TrainRecord,
    InferRecord,
    TrainerRecord,
    RuntimeRecord,
    StartRecord,
    ReproductionRecord,
    TrialRecord,
]
OfKind = TypeVar("OfKind", bound=Record)
T = TypeVar("T")


class Metadata(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is stored of a whole run.

    Attributes:
        started_at: ISO 8601, UTC.
        commit: the suite's commit, with ``+`` where the checkout had changes.
        command: what repeats the run.
        threads: how many CPU threads TensorFlow and BLAS had.
        trainer: what trained the Keras models, where it could; the only one of the first files was `fit`.
        backend: what Keras computed with; the only one of the first files was TensorFlow.
        quick: whether the training protocols were cut down.
        complete: false where the run was interrupted.
        fallback_reason: why `digits` stands in for another data set; ``None`` where it does not.
        invalid: rows that are no result.
        orders: the order of the rows in each round.
        gallery: data set to its sample images (reproduction).
        trial: what a trial was asked for.
        compatibility: what survives from one environment to another.
        profiles: where the time of what changed goes.
        scripts: what shows it without densebench.
    """

    schema: Annotated[int, Meta(ge=OLDEST_SCHEMA, le=SCHEMA)] = SCHEMA
    machine: Machine
    packages: Versions
    started_at: Date
    commit: Name
    command: Text
    dataset: Name
    dataset_sha256: Text | Mapping[Name, Text] | None = None
    dataset_source: Text | None = None
    device: Name
    threads: Count
    trainer: Name = "fit"
    backend: Name = DEFAULT_BACKEND
    gpu: Mapping[Name, Text] | None = None
    quick: bool
    complete: bool
    fallback_reason: Text | None = None
    cases_planned: tuple[Name, ...]
    invalid: tuple[AnyRecord, ...] = ()
    order_seed: Integer | None = None
    rounds: Size | None = None
    orders: tuple[tuple[Integer, ...], ...] = ()
    seeds: tuple[Integer, ...] = ()
    gallery: Mapping[Name, Gallery] = {}
    trial: TrialOptions | None = None
    compatibility: Compatibility | None = None
    profiles: tuple[Profile, ...] = ()
    scripts: tuple[Script, ...] = ()


class Stats(Struct, frozen=True):
    """pytest-benchmark's statistics of a row, of which only the timings are read."""

    data: tuple[Seconds, ...] = ()


class Benchmark(Struct, frozen=True):
    """An entry of pytest-benchmark's `benchmarks`."""

    extra_info: AnyRecord
    stats: Stats


class RunFile(Struct, frozen=True):
    """A whole run file."""

    benchmarks: tuple[Benchmark, ...]
    densebench: Metadata


def convert(fields: Any, kind: type[T]) -> T:
    """A part or a row from its fields by their stored names; what is no finite number becomes ``None``.

    Raises:
        msgspec.ValidationError: a field is missing or has another type.
    """
    return msgspec.convert(_finite(fields), kind)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def make_metadata(facts: Mapping[str, Any], *, complete: bool, cases_planned: Sequence[str]) -> Metadata:
    """The metadata of a run from what is known before it, and what its rows tell.

    Args:
        facts: fields of `Metadata` by their stored names.
        complete: false where the run was interrupted.
        cases_planned: the cases that it was to measure.

    Raises:
        msgspec.ValidationError: a field is missing or has another type.
    """
    return convert({**facts, "complete": complete, "cases_planned": list(cases_planned)}, Metadata)


def facts_of(metadata: Metadata) -> dict[str, Any]:
    """What `make_metadata` takes, from the metadata of a stored run."""
    return {name: msgspec.to_builtins(getattr(metadata, attribute)) for name, attribute in _FACTS.items()}


_FACTS = {
    field.encode_name: field.name
    for field in msgspec.structs.fields(Metadata)
    if field.name not in {"schema", "invalid", "complete"}
}
