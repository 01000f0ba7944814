"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

Pages = tuple[dict[str, str], list[str]]
"""What stored runs say: pages of Markdown by name, and a line for each run file that could not be read."""


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


def write_pages(results: Path, pages: Mapping[str, str]) -> list[Path]:
    """Write pages of tables, by name, as ``results/tables/<name>.md``; their paths.

    Raises:
        OSError: one could not be written; what was there before stays.
    """
    folder = results / "tables"
    paths = [folder / f"{name}.md" for name in pages]
    for path, text in zip(paths, pages.values(), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    return paths
