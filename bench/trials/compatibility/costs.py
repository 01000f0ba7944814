"""What it costs to have an environment: installed bytes, packages, memory, and whether memory grows."""

from __future__ import annotations

import gc
import re
from importlib import metadata
from typing import TYPE_CHECKING

from bench.host.machine import RESIDENT, process_memory
from bench.trials.identity import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.trials.compatibility.subjects import Subjects

CYCLES = 50
EXTRA = re.compile(r"\bextra\s*==")
OWNERS = ("tensorflow-cpu", "tensorflow", "tf-nightly-cpu", "tf-nightly")
IMPORT = """
import time, sys
began_s = time.perf_counter()
import tensorflow
tensorflow.keras.Sequential
taken_s = time.perf_counter() - began_s
resident = next(line for line in open("/proc/self/status") if line.startswith("VmRSS:"))
print("imported:", taken_s, int(resident.split()[1]) * 1024)
"""
"""A program that imports TensorFlow and its Keras: prints `IMPORTED`: seconds, and bytes of resident memory."""
IMPORTED = re.compile(r"^imported: (\S+) (\d+)$", re.MULTILINE)
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*([\w.]+)")


def installed_sizes(distributions: Iterable[metadata.Distribution] | None = None) -> dict[str, int]:
    """Bytes of TensorFlow's distribution and of each that it requires here, by name.

    Args:
        distributions: those that are installed; this interpreter's unless given.
    """
    known: dict[str, metadata.Distribution] = {}
    for one in metadata.distributions() if distributions is None else distributions:
        known.setdefault(canonical(one.metadata["Name"]), one)
    waiting = [name for name in OWNERS if name in known][:1]
    found: dict[str, int] = {}
    while waiting:
        name = waiting.pop()
        if name in found or name not in known:
            continue
        found[name] = sum(_size(file) for file in known[name].files or ())
        required = [one for one in known[name].requires or () if not EXTRA.search(one)]
        waiting += [canonical(match[0]) for one in required if (match := re.match(r"[\w.-]+", one))]
    return found


def import_parts(report: str) -> dict[str, float]:
    """Top-level package to the seconds that were spent in its own modules, from what ``-X importtime`` writes."""
    found: dict[str, float] = {}
    for match in LINE.finditer(report):
        package = match[2].partition(".")[0]
        found[package] = found.get(package, 0.0) + int(match[1]) / 1e6
    return found


def grow(name: str, subjects: Subjects, cycles: int = CYCLES) -> list[int]:
    """Resident memory after each cycle of building, training and asking a model."""
    found = []
    for _ in range(cycles):
        subject = subjects.make(name)
        subjects.train_a_little(subject)
        subject.model.predict(subjects.batch(name, subject), verbose=0)
        del subject
        gc.collect()
        found.append(process_memory(RESIDENT) or 0)
    return found


def _size(file: metadata.PackagePath) -> int:
    if file.size is not None:
        return int(file.size)
    try:
        return file.locate().stat().st_size  # type: ignore[attr-defined,no-any-return]  # a path
    except OSError:
        return 0
