"""Rows of inference runtimes: calls, and starts of a process."""

from __future__ import annotations

from bench.records.schema.numbers import Elapsed, Name, Part, Share, Size, Text
from bench.records.schema.rows import Parity, Record


class StartParts(Part, frozen=True, kw_only=True):
    """The parts of each start of a process, in seconds, and the bytes that it then kept resident."""

    import_s: tuple[Elapsed, ...] = ()
    load_s: tuple[Elapsed, ...] = ()
    first_s: tuple[Elapsed, ...] = ()
    resident_bytes: tuple[Size | None, ...] = ()


class OfRuntime(Record, frozen=True, kw_only=True):
    """What rows of inference runtimes have in common.

    Attributes:
        position: its place in tables.
        exact: whether the runtime computes in the trained model's precision, so that no answer may change.
        artifact: the kind of file that it loads.
    """

    position: Size
    runtime: Name
    exact: bool | None = None
    artifact: Text | None = None
    artifact_bytes: Size | None = None
    artifact_sha256: Text | None = None
    parity: Parity | None = None
    test_accuracy: Share | None = None
    backend: Text | None = None
    precision: Text | None = None


class RuntimeRecord(OfRuntime, frozen=True, kw_only=True, tag="runtime"):
    """Calls of a model in a runtime, from fresh processes that gave `calls_per_process` timings each."""

    calls_per_process: tuple[Size, ...] = ()


class StartRecord(OfRuntime, frozen=True, kw_only=True, tag="start"):
    """Starts of a process with a runtime, to its first answer."""

    starts: StartParts = StartParts()
