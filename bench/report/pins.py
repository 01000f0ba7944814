"""Pins: the list of published runs, `published.toml` in the folder of results."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.files import write_atomically

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "published.toml"
HEAD = """\
# The stored runs that the published pages, sections of READMEs and pictures are made from, and nothing else:
# run files by their name, or the one name that all run files of a self-test share.
# `python -m bench report --publish RUN...` changes this file.
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """The published runs of one kind.

    Attributes:
        runs: names of run files without their ending, or of series of them.
        withdrawn: why nothing of this kind is published now; ``None`` where it is.
    """

    runs: tuple[str, ...] = ()
    withdrawn: str | None = None


def read_pins(results: Path) -> dict[str, Pin] | None:
    """Read `published.toml`: a pin per kind; ``None`` where a folder of results has no such file.

    Raises:
        DensebenchError: the file is not what it should be.
    """
    path = results / FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # TOML and UTF-8 errors are ValueErrors
        raise DensebenchError(f"{path}: {error}") from error
    return {kind: _pin(path, kind, value) for kind, value in content.items()}


def write_pins(results: Path, pins: Mapping[str, Pin]) -> Path:
    """Write `published.toml` and return its path. Raises OSError and keeps the old file if that fails."""
    parts = [HEAD]
    for kind, pin in pins.items():
        parts.append(f"[{kind}]")
        parts += [f"withdrawn = {_text(pin.withdrawn)}"] if pin.withdrawn else []
        parts += ["runs = [", *(f"    {_text(run)}," for run in pin.runs), "]"] if pin.runs else []
        parts.append("")
    path = results / FILE
    write_atomically(path, "\n".join(parts).encode())
    return path


def _pin(path: Path, kind: str, value: Any) -> Pin:
    runs = value.get("runs", []) if isinstance(value, dict) else None
    withdrawn = value.get("withdrawn") if isinstance(value, dict) else None
    if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
        raise DensebenchError(f"{path}: [{kind}] must have `runs`, a list of names of run files.")
    if not isinstance(withdrawn, (str, type(None))):
        raise DensebenchError(f"{path}: [{kind}] has `withdrawn` {withdrawn!r}; a sentence is expected.")
    return Pin(tuple(runs), withdrawn)


def _text(text: str | None) -> str:
    """A string in TOML syntax, which includes that of JSON."""
    return json.dumps(text, ensure_ascii=False)
