"""The checkout's folder, atomic writes, and paths as they are printed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The checkout."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically: the old file stays until the new one is complete.

    Raises:
        OSError: it could not be written (a full disk, say), with the path; the old file is untouched and nothing
            half-written is left.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk's own error names no file
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def short(path: Path) -> str:
    """A path as it is printed: relative to the current directory if it lies below, absolute otherwise."""
    here = Path.cwd()
    whole = path.absolute()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)


def public_word(word: str) -> str:
    """A word without the folders of this machine, where it is a path or ``NAME=PATH``: run files are published."""
    name, equals, path = word.partition("=")
    if equals and "/" in path and re.fullmatch(r"[\w.-]+", name) and not path.startswith("="):
        return f"{name}={public_word(path)}"
    parts = [part for part in Path(word).parts if part != os.sep]
    return "/".join(("…", *parts[-3:])) if "/" in word and not re.search("[=<>~]", word) else word


def write_changed(folder: Path, contents: Mapping[str, bytes]) -> list[str]:
    """Write files, given by name, into a folder; the paths of those that changed.

    Raises:
        OSError: one could not be written; its old file is kept.
    """
    lines = []
    for name, content in contents.items():
        path = folder / name
        if path.exists() and path.read_bytes() == content:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        lines.append(short(path))
    return lines
