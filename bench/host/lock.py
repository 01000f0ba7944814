"""One measurement at a time on a machine: a file lock that the measuring process and its children hold."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import DensebenchError

LOCK = Path(tempfile.gettempdir()) / "densebench-measures.lock"
"""The same file for all users of a machine, whatever checkout they measure from."""


@contextmanager
def measuring_alone(path: Path = LOCK) -> Iterator[int]:
    """Hold the machine's lock; its file descriptor.

    Children that are given the descriptor hold it, too: where this process is killed, the machine is free once they
    have ended.

    Raises:
        DensebenchError: another measurement holds it; the text names its process.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DensebenchError(f"{path}, which lets one measurement run at a time: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 100).decode(errors="replace").strip() or "unknown"
            raise DensebenchError(
                f"another measurement runs on this machine (process {holder}); each would disturb the other."
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield handle
    finally:
        os.close(handle)
