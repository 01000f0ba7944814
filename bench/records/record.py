"""Stored results: a `Run` is a run file, a `Record` one measured row of it, read without any framework."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from bench.records.cases import named_with_trainer
from bench.records.run_file import ENDING, read_content, run_file_name, run_paths
from bench.records.schema.run import OLDEST_SCHEMA, SCHEMA, OfKind, RunFile
from bench.records.schema.suite import TrainRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bench.records.schema.numbers import Versions
    from bench.records.schema.run import AnyRecord, Machine, Metadata

SHAPE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a page ends in whose code does not foresee something that the schema allows."""
LONGEST_REASON = 300
"""Characters of a reason that a file cannot be read."""
_DECODER = msgspec.json.Decoder(RunFile)


class RunFileError(Exception):
    """A run file cannot be read; the message names the file and the fault, in one line whatever the file holds."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


@dataclass(frozen=True)
class Run:
    """One run file: what one process measured.

    Attributes:
        file: the run file's name; where it is packed, without the ending that says so.
        metadata: what is stored of the whole run.
        records: its rows, INVALID ones last.
        missing: planned cases that have no row.
        origin: whose it is, as a reader of the HTML report is told.
    """

    file: str
    metadata: Metadata
    records: tuple[AnyRecord, ...]
    missing: tuple[str, ...] = ()
    origin: str = "published"

    @property
    def name(self) -> str:
        """The run file's name without its ending."""
        return self.file.removesuffix(ENDING)

    @property
    def machine(self) -> Machine:
        """What was measured on."""
        return self.metadata.machine

    @property
    def packages(self) -> Versions:
        """Version by package."""
        return self.metadata.packages

    @property
    def started_at(self) -> str:
        """ISO 8601, UTC."""
        return self.metadata.started_at

    @property
    def commit(self) -> str:
        """The suite's commit, with ``+`` where the checkout had changes."""
        return self.metadata.commit

    @property
    def command(self) -> str:
        """What repeats the run."""
        return self.metadata.command

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.metadata.dataset

    @property
    def device(self) -> str:
        """The device that was measured."""
        return self.metadata.device

    @property
    def threads(self) -> int:
        """CPU threads of TensorFlow and BLAS."""
        return self.metadata.threads

    @property
    def trainer(self) -> str:
        """What trained the Keras models, where it could."""
        return self.metadata.trainer

    @property
    def backend(self) -> str:
        """What Keras computed with."""
        return self.metadata.backend

    @property
    def quick(self) -> bool:
        """Whether the training protocols were cut down."""
        return self.metadata.quick

    @property
    def complete(self) -> bool:
        """False where the run was interrupted."""
        return self.metadata.complete

    @property
    def fallback_reason(self) -> str | None:
        """Why `digits` stands in for another data set; ``None`` where it does not."""
        return self.metadata.fallback_reason

    @property
    def series(self) -> str | None:
        """The id that all run files of one self-test or bisection share; ``None`` for other runs."""
        return (self.metadata.trial.series or None) if self.metadata.trial else None

    @cached_property
    def medians_s(self) -> Mapping[str, float]:
        """The median seconds of each valid case."""
        return {record.case: record.median_s for record in self.records if record.values_s and not record.faults}

    def of(self, kind: type[OfKind]) -> list[OfKind]:
        """The rows of a kind."""
        return [record for record in self.records if isinstance(record, kind)]


@dataclass
class RunReader:
    """Reads run files, each of them once, however many pages show it: a command makes one and hands it on."""

    _known: dict[Path, Run | RunFileError] = field(default_factory=dict)

    def read(self, path: Path) -> Run:
        """The run that is stored in a file.

        Raises:
            RunFileError: the file cannot be read or is not a run file; the message names it and the fault.
        """
        found = self._known.get(path) or _read(path)
        self._known[path] = found
        if isinstance(found, RunFileError):
            raise found
        return found

    def forget(self, path: Path) -> None:
        """Read a file anew the next time: it has been written meanwhile."""
        self._known.pop(path, None)

    def read_folder(self, results: Path, folder: str = ".") -> tuple[list[Run], list[str]]:
        """The readable runs of a kind, oldest first, and a warning for each file that is not readable.

        Args:
            results: the folder that holds `raw`.
            folder: subfolder of the kind under `raw/<machine>`; ``.`` for the suite.
        """
        runs, warnings = [], []
        with _no_garbage():
            for path in run_paths(results / "raw", f"*/{folder}"):
                try:
                    runs.append(self.read(path))
                except RunFileError as error:
                    warnings.append(str(error))
        return sorted(runs, key=lambda run: run.started_at), warnings


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Collect no garbage for a while: what is read has no circles, and looking for them takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_run(path: Path) -> Run:
    """The run that is stored in a file. Raises RunFileError."""
    return RunReader().read(path)


def _read(path: Path) -> Run | RunFileError:
    try:
        text = read_content(path)
        text.decode()  # the decoder looks only at what it knows
        content = _DECODER.decode(text)
        rows = _rows(content)
        measured = {row.case for row in rows}
        missing = [case for case in content.densebench.cases_planned if case not in measured]
        return Run(run_file_name(path), content.densebench, tuple(map(_named_by_grammar, rows)), tuple(missing))
    except OSError as error:
        return RunFileError(f"{path}: {error.strerror}")
    except (ValueError, RecursionError) as error:  # msgspec's and UTF-8 errors are ValueErrors
        return RunFileError(
            f"{path}: not a densebench run file of schema {OLDEST_SCHEMA} or {SCHEMA}: {_shortened(error)}"
        )


def _shortened(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def _rows(content: RunFile) -> list[AnyRecord]:
    """The rows of a file, checked. Raises ValueError."""
    rows = [msgspec.structs.replace(row.extra_info, values_s=row.stats.data) for row in content.benchmarks]
    rows += content.densebench.invalid
    for row in rows:
        try:
            row.check()
        except ValueError as error:
            raise ValueError(f"{row.case[:80]}: {error}") from error
    return rows


def _named_by_grammar(record: AnyRecord) -> AnyRecord:
    """The row by the name that it has today; older names did not tell the trainer."""
    if not isinstance(record, TrainRecord):
        return record
    name = named_with_trainer(record.case, record.trainer)
    return record if name == record.case else msgspec.structs.replace(record, case=name)
