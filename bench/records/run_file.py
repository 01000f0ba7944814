"""Run files on disk: paths, encoding, and saving that keeps all measured values if a write fails."""

from __future__ import annotations

import gzip
import io
import re
import secrets
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from pytest_benchmark import __version__ as pytest_benchmark_version
from pytest_benchmark.stats import Stats

from bench.errors import DensebenchError
from bench.files import ROOT, write_atomically
from bench.records.schema.run import SCHEMA

if TYPE_CHECKING:
    from datetime import datetime

    from bench.progress import Progress
    from bench.records.schema.run import AnyRecord, Metadata

PUBLISHED = ROOT / "results"
"""The published runs, and what is made of them: part of the project."""
DEFAULT_RESULTS = PUBLISHED / "local"
"""The user's own runs, and what is made of them: git ignores it."""
Content = tuple["Metadata", Sequence["AnyRecord"]]
"""What a run file is made from: what is stored of the whole run, and its rows."""
ENDING, PACKED = ".json", ".gz"
"""Run files end in the first; what is published of trials and runtimes, megabytes of timings, in both."""
LARGEST_FILE = 64_000_000
"""Bytes; the largest real run file, a trial of eleven releases, has four million."""
CLOCK_DIGITS = 9  # time.perf_counter ticks in nanoseconds
_NUMBER_LIST = re.compile(rb"\[\n\s+([-+.\deE,\n\s]+?)\n\s+\]")
_TURN = re.compile(rb"\[\n\s+([-+.\deE,\n\s]+\[[-+.\deE,\s]*\])\n\s+\]")
"""Numbers, and then a list of numbers that is on one line already."""


def reserve_run_path(results: Path, machine: str, label: str, started_at: datetime) -> Path:
    """The path of a new run file: its folder exists and is writable, its name is unique.

    Raises:
        DensebenchError: the folder cannot be made or written to. Better now than after an hour of measuring.
    """
    folder = results / "raw" / machine
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"densebench")
    except OSError as error:
        raise DensebenchError(
            f"results cannot be written to {folder}: {error.strerror}. Name a folder that can with --results DIR."
        ) from error
    return run_path(results, machine, label, started_at)


def run_path(results: Path, machine: str, label: str, started_at: datetime) -> Path:
    """The path of a new run file, with a unique name."""
    return results / "raw" / machine / f"{started_at:%Y%m%dT%H%M%SZ}-{label}-{secrets.token_hex(3)}{ENDING}"


def run_paths(folder: Path, below: str = "**") -> list[Path]:
    """The run files in the folders below a folder that a pattern names; in all of them unless it is given."""
    return sorted(path for path in folder.glob(f"{below}/*") if path.name.endswith((ENDING, ENDING + PACKED)))


def run_file_name(path: Path) -> str:
    """The name that a run file has, packed or not."""
    return path.name.removesuffix(PACKED)


def pack(content: bytes) -> bytes:
    """A run file's content as it is published: the same bytes each time."""
    return gzip.compress(content, mtime=0)


def read_content(path: Path) -> bytes:
    """The content of a run file, packed or not.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than `LARGEST_FILE`, or is not what its name says.
    """
    too_large = f"larger than {LARGEST_FILE / 1e6:.0f} MB"
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(too_large)
    content = path.read_bytes()
    if not path.name.endswith(PACKED):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked: bytes = file.read(LARGEST_FILE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"not a gzip file: {error}") from error
    if len(unpacked) > LARGEST_FILE:
        raise ValueError(too_large)
    return unpacked


def encode_run(metadata: Metadata, records: Sequence[AnyRecord]) -> bytes:
    """Encode a run as strict JSON with one line per field or list of numbers, for readable diffs.

    NaN and infinities become ``null``.

    Args:
        metadata: what is stored of the whole run, without its invalid rows.
        records: all rows; those that have faults or no timings are stored as invalid.
    """
    valid = [record for record in records if record.values_s and not record.faults]
    invalid = tuple(record for record in records if record.faults or not record.values_s)
    content = {
        **_header(metadata),
        "benchmarks": [_benchmark(record) for record in valid],
        "densebench": msgspec.structs.replace(metadata, schema=SCHEMA, invalid=invalid),
    }
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    return _TURN.sub(_on_one_line, _NUMBER_LIST.sub(_on_one_line, text)) + b"\n"


def round_timings(values_s: Sequence[float]) -> tuple[float, ...]:
    """Timings in seconds, rounded to the clock's resolution of a nanosecond, and at least that."""
    return tuple(max(round(value, CLOCK_DIGITS), 10**-CLOCK_DIGITS) for value in values_s)


def _header(metadata: Metadata) -> dict[str, Any]:
    """What pytest-benchmark stores of a whole run."""
    machine = metadata.machine
    return {
        "machine_info": {
            "node": machine.name,  # not the host's own name: run files are published
            "system": machine.system,
            "python_version": machine.python,
            "cpu": {"brand_raw": machine.cpu, "count": machine.cpus},
        },
        "commit_info": {
            "id": metadata.commit.rstrip("+"),
            "dirty": metadata.commit.endswith("+"),
            "project": "densebench",
        },
        "datetime": metadata.started_at,
        "version": pytest_benchmark_version,
    }


def _benchmark(record: AnyRecord) -> dict[str, Any]:
    """A row as pytest-benchmark stores it."""
    stats: Any = Stats()  # type: ignore[no-untyped-call]  # it ships no types
    stats.data = list(record.values_s)
    side = getattr(record, "side", None) or getattr(record, "environment", None)
    name = f"{record.case} {side}" if side else record.case
    return {
        "name": name,
        "fullname": name,
        "group": None,
        "param": None,
        "params": None,
        "options": {},
        "extra_info": msgspec.structs.replace(record, values_s=()),
        "stats": {**stats.as_dict(), "data": stats.data, "iterations": 1},
    }


def _on_one_line(match: re.Match[bytes]) -> bytes:
    return b"[" + re.sub(rb",\s+", b", ", match[1]) + b"]"


@dataclass
class RunWriter:
    """Saves a run after each case; where that fails, it is said, measuring goes on, and the next save tries again.

    Attributes:
        path: where the run file is.
        write: writes a file whole or not at all; `write_atomically` where it is ``None``.
        error: why the last attempt failed; ``None`` once everything measured is on disk.
        rescued: whether it lies in the temporary folder, because its own could not take it.
    """

    path: Path
    progress: Progress
    write: Callable[[Path, bytes], None] | None = None
    error: str | None = None
    rescued: bool = False

    def save(self, content: Content) -> None:
        """Write the run, or note why that did not work."""
        try:
            (self.write or write_atomically)(self.path, encode_run(*content))
            self.error = None
        except OSError as error:
            self.error = f"{self.path}: {error.strerror or error}"
            self.progress.done(f"NOT SAVED, will try again: {self.error}")

    def finish(self, content: Content) -> bool:
        """Write the run for the last time; where its folder cannot take it, into the temporary folder.

        Returns:
            Whether it lies where it belongs.
        """
        self.save(content)
        if self.error is None:
            return True
        self.path, self.rescued = Path(tempfile.gettempdir()) / self.path.name, True
        self.save(content)
        where = f"Saved in the temporary folder instead:\n  {self.path}"
        self.progress.done(f"NOT SAVED: {self.error}" if self.error else where)
        return False


@dataclass
class RunSeries:
    """Saves several run files, each once it is complete; what cannot be written is tried again with each later one.

    Attributes:
        waiting: what is not on disk yet.
        rescued: whether something lies in the temporary folder, because its own could not take it.
    """

    progress: Progress
    waiting: list[tuple[RunWriter, Content]] = field(default_factory=list)
    rescued: bool = False

    def save(self, path: Path, content: Content) -> None:
        """Write a run, and what was waiting before it."""
        self.waiting.append((RunWriter(path, self.progress), content))
        for writer, waiting in self.waiting:
            writer.save(waiting)
        self.waiting = [one for one in self.waiting if one[0].error]

    def finish(self) -> bool:
        """Write for the last time what is waiting; whether all runs lie where they belong."""
        for writer, waiting in self.waiting:
            self.rescued |= not writer.finish(waiting)
        self.waiting = []
        return not self.rescued
