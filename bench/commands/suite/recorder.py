"""Records each measured case as a row, valid or INVALID, and saves the run file at once."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bench.errors import DensebenchError
from bench.files import write_atomically
from bench.host.interference import interference, take_snapshot
from bench.records.run_file import round_timings
from bench.records.schema.run import convert, make_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.progress import Progress
    from bench.records.run_file import Content, RunWriter
    from bench.records.schema.run import AnyRecord


@dataclass
class Recorder:
    """The rows of this process, and the run file that they are saved to after each case.

    Attributes:
        writer: writes the run file; it exists once the first case is over.
        facts: what is known of the whole run (as `make_metadata` takes it).
        identity: what is true of every row.
        planned: the cases that this run wants to measure.
        done: the cases that are over.
        records: their rows; there is none where nothing was timed.
        files: what was written beside the run file.
        troubles: lines that the user must see at the end.
        number: which case is being measured, from 1.
    """

    writer: RunWriter
    facts: Mapping[str, Any]
    identity: Mapping[str, Any]
    progress: Progress
    planned: Sequence[str] = ()
    done: list[str] = field(default_factory=list)
    records: list[AnyRecord] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    number: int = 0

    @contextmanager
    def measuring(self, benchmark: Any, kind: type[AnyRecord], case: str, **identity: Any) -> Iterator[dict[str, Any]]:
        """The fields of one row, to be filled while it is measured.

        A DensebenchError inside makes the row INVALID and fails the test; the run goes on. An interrupted case leaves
        no row. Whatever happened, what is complete is on disk afterwards.

        Args:
            benchmark: pytest-benchmark's fixture, which takes the timings.
            kind: the row's type.
            case: its name.
            identity: fields that are known before.
        """
        fields: dict[str, Any] = {"case": case, **identity, **self.identity}
        self.number += 1
        self.progress.update(f"{self._position()} {case}")
        before, start_s = take_snapshot(), time.perf_counter()
        refused: DensebenchError | None = None
        try:
            yield fields
        except DensebenchError as error:
            refused = error
        except Exception as error:
            self._finish(benchmark, kind, fields, [f"{type(error).__name__}: {error}"])
            raise
        except BaseException:
            benchmark.has_error = True  # a case that was interrupted is no result
            raise
        fields.setdefault("contamination", interference(before, take_snapshot()))
        fields["case_s"] = round(time.perf_counter() - start_s, 3)
        if refused:
            self._finish(benchmark, kind, fields, getattr(refused, "faults", None) or [str(refused)])
            self.conclude(case, f"INVALID: {refused}")
            pytest.fail(f"{case} is INVALID: {refused}", pytrace=False)
        self._finish(benchmark, kind, fields, [])

    def say(self, case: str, text: str) -> None:
        """Show what a case is doing now."""
        self.progress.update(f"{self._position()} {case} · {text}")

    def conclude(self, case: str, text: str) -> None:
        """Show what came out of a case, for good."""
        self.progress.done(f"{self._position()} {case} · {text}")

    def finish(self) -> bool:
        """Save the run file for the last time; whether it lies where it belongs."""
        return self.writer.finish(self._content(complete=len(self.done) == len(self.planned)))

    def keep_file(self, name: str, content: bytes) -> None:
        """Write an artifact of this run; failing to is told at the end and makes no row invalid."""
        path = self.writer.path.parents[2] / "onnx" / self.writer.path.stem / name
        if path in self.files:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
            self.files.append(path)
        except OSError as error:
            self.troubles.append(f"NOT SAVED: {path}: {error.strerror or error}.")

    def _finish(self, benchmark: Any, kind: type[AnyRecord], fields: dict[str, Any], faults: list[str]) -> None:
        self.done.append(fields["case"])
        if benchmark.disabled:  # --benchmark-disable: nothing was timed, so there is no row
            return
        if faults:
            benchmark.has_error = True  # keeps the row out of everything that pytest-benchmark saves and compares
            benchmark._mode = benchmark._mode or "refused"  # noqa: SLF001  or it warns of a fixture left unused
        else:
            benchmark.extra_info.update(fields)
        timings = benchmark.stats.stats.data if benchmark.stats else []
        row = {**fields, "stage": kind.__struct_config__.tag, "status": "invalid" if faults else "valid"}
        row |= {"faults": faults, "values_s": round_timings(timings)}
        self.records.append(convert(row, kind))
        self.writer.save(self._content(complete=False))

    def _content(self, *, complete: bool) -> Content:
        return make_metadata(self.facts, complete=complete, cases_planned=self.planned), self.records

    def _position(self) -> str:
        return f"[{self.number}/{len(self.planned)}]"
