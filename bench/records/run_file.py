"""Run files on disk: paths, encoding, and saving that keeps all measured values if a write fails."""

from __future__ import annotations

import json
import math
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.files import ROOT, write_atomically
from bench.records.record import SCHEMA

if TYPE_CHECKING:
    from datetime import datetime

    from bench.progress import Progress


PUBLISHED = ROOT / "results"
"""The published runs, and what is made of them: part of the project."""
DEFAULT_RESULTS = PUBLISHED / "local"
"""The user's own runs, and what is made of them: git ignores it."""
CLOCK_DIGITS = 9  # time.perf_counter ticks in nanoseconds
_NUMBER_LIST = re.compile(r"\[\n\s+([-+.\deE,\n\s]+?)\n\s+\]")


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
    return folder / f"{started_at:%Y%m%dT%H%M%SZ}-{label}-{secrets.token_hex(3)}.json"


def encode_run(content: Mapping[str, Any]) -> bytes:
    """Encode a run as strict JSON with one line per field or list of numbers, for readable diffs.

    NaN and infinities become ``null``. The run gets the schema number.
    """
    if "densebench" in content:
        content = {**content, "densebench": {"schema": SCHEMA, **content["densebench"]}}
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    return (_NUMBER_LIST.sub(_on_one_line, text) + "\n").encode()


def round_timings(values_s: list[float]) -> list[float]:
    """Timings in seconds, rounded to the clock's resolution of a nanosecond."""
    return [round(value, CLOCK_DIGITS) for value in values_s]


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _on_one_line(match: re.Match[str]) -> str:
    numbers = re.sub(r",\s+", ", ", match[1])
    return f"[{numbers}]"


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

    def save(self, content: Mapping[str, Any]) -> None:
        """Write the run, or note why that did not work."""
        try:
            (self.write or write_atomically)(self.path, encode_run(content))
            self.error = None
        except OSError as error:
            self.error = f"{self.path}: {error.strerror or error}"
            self.progress.done(f"NOT SAVED, will try again: {self.error}")

    def finish(self, content: Mapping[str, Any]) -> bool:
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
