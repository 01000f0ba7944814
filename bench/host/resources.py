"""Disk and memory that a command needs: printed, and checked, before it starts."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.formats import format_bytes, format_counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.progress import Progress

ENVIRONMENT_BYTES = 1_800_000_000
"""Of an environment with TensorFlow, at most."""
RESULTS_BYTES = 100_000_000
"""More than any command writes."""
MEMINFO, CGROUP_LIMIT = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class Need:
    """A resource that a command needs.

    Attributes:
        text: description of the need: ``makes 2 environments: about 3.60 GB of disk in ~/.cache``.
        size_bytes: the bytes needed.
        free_bytes: the bytes free; ``None`` where the system does not report them.
    """

    text: str
    size_bytes: float
    free_bytes: float | None

    @property
    def line(self) -> str:
        """One line: what is needed, and what is free."""
        free = "nobody knows how much is" if self.free_bytes is None else format_bytes(int(self.free_bytes))
        return f"{self.text} ({free} free)"

    @property
    def met(self) -> bool:
        """True if enough is free, or if the free amount is unknown."""
        return self.free_bytes is None or self.size_bytes <= self.free_bytes


def say_needs(progress: Progress, *, memory_bytes: int, results: Path, environments: Sequence[Path] = ()) -> None:
    """Print what a command needs, and check that it is free.

    Args:
        progress: receives the lines.
        memory_bytes: memory of all its processes together.
        results: the folder of results.
        environments: folders of the environments that it will make, as `missing_environments` finds them.

    Raises:
        DensebenchError: there is too little disk or memory; the text names the need.
    """
    needs = [_environments(folder, environments) for folder in dict.fromkeys(one.parent for one in environments)]
    needs.append(Need(f"needs about {format_bytes(memory_bytes)} of memory", memory_bytes, free_memory_bytes()))
    for need in needs:
        progress.done(need.line)
    room = f"results need {format_bytes(RESULTS_BYTES)} of disk in {short_path(results)}"
    for need in [*needs, Need(room, RESULTS_BYTES, free_disk_bytes(results))]:
        if not need.met:
            raise DensebenchError(f"not enough room: {need.line}.")


def _environments(folder: Path, environments: Sequence[Path]) -> Need:
    """The disk space needed by the environments in a folder."""
    count = sum(one.parent == folder for one in environments)
    size_bytes = count * ENVIRONMENT_BYTES
    counted = f"makes {format_counted(count, 'environment')}: about {format_bytes(size_bytes)} of disk"
    return Need(f"{counted} in {short_path(folder)}", size_bytes, free_disk_bytes(folder))


def short_path(path: Path) -> str:
    """A path as it is printed, with the home folder as ``~``."""
    whole, home = path.absolute(), Path.home()
    return f"~/{whole.relative_to(home)}" if whole.is_relative_to(home) else str(path)


def free_disk_bytes(folder: Path) -> int:
    """The free bytes of the file system where a folder is, or will be."""
    whole = folder.absolute()
    return shutil.disk_usage(next(one for one in (whole, *whole.parents) if one.is_dir())).free


def free_memory_bytes(meminfo: Path = MEMINFO, limit: Path = CGROUP_LIMIT) -> int | None:
    """The bytes of memory that are available, within a container's limit; ``None`` if unknown."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    if match is None:
        return None
    try:
        text = limit.read_text(encoding="ascii").strip()
    except OSError:
        text = "max"
    available = int(match[1]) * 1024
    return min(available, int(text)) if text.isdecimal() else available
