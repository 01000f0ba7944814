"""Records each measured case as a benchmark with its `extra_info`, or as an INVALID row, and saves it at once."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bench.errors import DensebenchError
from bench.files import write_atomically
from bench.host.interference import interference, take_snapshot
from bench.records.record import SCHEMA
from bench.records.run_file import encode_run, round_timings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.progress import Progress


@dataclass
class Recorder:
    """The rows of this process, and the run file that they are saved to after each case.

    Attributes:
        path: the run file; it exists once the first case is over.
        run: what is true of the whole run (schema: `bench.records.record`).
        identity: what is true of every row.
        benchmarks_json: returns pytest-benchmark's own JSON of everything valid so far.
        planned: the cases that this run wants to measure.
        save_error: why the last attempt to save failed; ``None`` once everything measured is on disk.
        files: what was written beside the run file.
        troubles: lines that the user must see at the end.
        number: which case is being measured, from 1.
        timed: whether there is anything to save.
    """

    path: Path
    run: dict[str, Any]
    identity: dict[str, Any]
    benchmarks_json: Callable[[], dict[str, Any]]
    progress: Progress
    planned: Sequence[str] = ()
    done: list[str] = field(default_factory=list)
    invalid: list[dict[str, Any]] = field(default_factory=list)
    save_error: str | None = None
    files: list[Path] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    number: int = 0
    timed: bool = False

    @contextmanager
    def measuring(self, benchmark: Any, case: str, **identity: Any) -> Iterator[dict[str, Any]]:
        """The `extra_info` of one row, to be filled while it is measured.

        A DensebenchError inside makes the row INVALID and fails the test; the run goes on. An interrupted case leaves
        no row. Whatever happened, what is complete is on disk afterwards.
        """
        extra_info: dict[str, Any] = {"schema": SCHEMA, "case": case, **identity, **self.identity}
        self.number += 1
        self.progress.update(f"{self._position()} {case}")
        before, start_s = take_snapshot(), time.perf_counter()
        refused: DensebenchError | None = None
        try:
            yield extra_info
        except DensebenchError as error:
            refused = error
        except Exception as error:
            self._finish(benchmark, extra_info, [f"{type(error).__name__}: {error}"])
            raise
        except BaseException:
            benchmark.has_error = True  # a case that was interrupted is no result
            raise
        extra_info["contamination"] = interference(before, take_snapshot())
        extra_info["case_s"] = round(time.perf_counter() - start_s, 3)
        if refused:
            self._finish(benchmark, extra_info, getattr(refused, "faults", None) or [str(refused)])
            self.conclude(case, f"INVALID: {refused}")
            pytest.fail(f"{case} is INVALID: {refused}", pytrace=False)
        self._finish(benchmark, extra_info, [])

    def say(self, case: str, text: str) -> None:
        """Show what a case is doing now."""
        self.progress.update(f"{self._position()} {case} · {text}")

    def conclude(self, case: str, text: str) -> None:
        """Show what came out of a case, for good."""
        self.progress.done(f"{self._position()} {case} · {text}")

    def save(self, *, complete: bool) -> None:
        """Write the run file as it stands; a failure is remembered in `save_error` and tried again after each case."""
        content = self.benchmarks_json()
        for row in content["benchmarks"]:
            row["stats"]["data"] = round_timings(row["stats"]["data"])
        content["densebench"] = {
            **self.run,
            "complete": complete,
            "cases_planned": list(self.planned),
            "invalid": self.invalid,
        }
        try:
            write_atomically(self.path, encode_run(content))
            self.save_error = None
        except OSError as error:
            self.save_error = f"{self.path}: {error.strerror or error}"
            self.progress.done(f"NOT SAVED, will try again: {self.save_error}")

    def rescue(self, folder: Path, *, complete: bool) -> None:
        """Save the run to another folder, since its own could not take it; says where, or that this failed too."""
        self.troubles.append(f"NOT SAVED: {self.save_error}.")
        self.path = folder / self.path.name
        self.save(complete=complete)
        self.troubles.append(
            f"NOT SAVED there either: {self.save_error}."
            if self.save_error
            else f"Everything measured is in {self.path} instead; move it where it belongs."
        )

    def keep_file(self, name: str, content: bytes) -> None:
        """Write an artifact of this run; failing to is told at the end and makes no row invalid."""
        path = self.path.parents[2] / "onnx" / self.path.stem / name
        if path in self.files:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
            self.files.append(path)
        except OSError as error:
            self.troubles.append(f"NOT SAVED: {path}: {error.strerror or error}.")

    def _finish(self, benchmark: Any, extra_info: dict[str, Any], faults: list[str]) -> None:
        self.done.append(extra_info["case"])
        if benchmark.disabled:  # --benchmark-disable: nothing was timed, so there is no row
            return
        self.timed = True
        extra_info["status"] = "invalid" if faults else "valid"
        extra_info["faults"] = faults
        benchmark.extra_info.update(extra_info)
        if faults:
            benchmark.has_error = True  # keeps the row out of everything that pytest-benchmark saves and compares
            benchmark._mode = benchmark._mode or "refused"  # noqa: SLF001  or it warns of a fixture left unused
            timings = benchmark.stats.stats.data if benchmark.stats else []
            self.invalid.append({**extra_info, "values_s": round_timings(timings)})
        self.save(complete=False)

    def _position(self) -> str:
        return f"[{self.number}/{len(self.planned)}]"
