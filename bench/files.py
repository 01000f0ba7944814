"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all; what was there before stays until then.

    Raises:
        OSError: it could not be written (a full disk, say); the old file is untouched and nothing half-written is left.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_page(results: Path, name: str, text: str) -> Path:
    """Write a page of tables, ``results/tables/<name>.md``; its path.

    Raises:
        OSError: it could not be written; what was there before stays.
    """
    path = results / "tables" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())
    return path
