"""The checkout, and files in it that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The checkout."""


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all; what was there before stays until then.

    Raises:
        OSError: it could not be written (a full disk, say), with the path; the old file is untouched and nothing
            half-written is left.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
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
    """A path as people read it: seen from where they are, if it lies below."""
    here = Path.cwd()
    whole = path.absolute()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)
