"""The machine and the package versions of a measurement."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "tensorflow",
    "keras",
    "scikit-learn",
    "onnxruntime",
    "onnx",
    "tf2onnx",
    "skl2onnx",
    "numpy",
    "pytest-benchmark",
)
PEAK, RESIDENT, OF_FILES = "VmHWM", "VmRSS", "RssFile"
STATUS = Path("/proc/self/status")
# TensorFlow and ONNX Runtime come under several names with the same import name.
BUILDS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
}


def package_versions() -> dict[str, str | None]:
    """Version by package name, for the packages that can affect results; ``None`` for one that is not installed."""
    return {name: _first_version(BUILDS.get(name, (name,))) for name in PACKAGES}


def describe_machine() -> dict[str, Any]:
    """The machine as stored with each row: processor, CPUs, memory, system; no host name and no paths."""
    return {
        "name": machine_name(),
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def machine_name() -> str:
    """A folder name that is the same for equal machines: ``intel-xeon-processor-2-50ghz-2cpu-24gib``."""
    model = re.sub(r"\((r|tm)\)|\bcpu\b", " ", cpu_model().lower())
    slug = re.sub(r"[^a-z0-9]+", "-", model).strip("-") or "unknown"
    return f"{slug}-{os.cpu_count()}cpu-{memory_gib()}gib"


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model name."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def memory_gib() -> int:
    """The machine's memory in GiB, rounded."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def process_memory(field: str, status: Path = STATUS) -> int | None:
    """The memory of this process in bytes, from Linux (proc(5)); ``None`` where the system does not report it.

    Not from `getrusage`, whose peak begins with the size of the process that started this one.

    Args:
        field: `PEAK` (the largest resident memory so far), `RESIDENT` (now), or `OF_FILES` (its part that is pages of
            mapped files).
        status: the process's status file.
    """
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def private_peak(status: Path = STATUS) -> int | None:
    """The largest memory of this process so far without the pages of mapped files, in bytes; ``None`` if unknown.

    How many pages of a library are resident depends on how the system happens to hold its file: two copies of one
    environment differ by 5 % of their resident memory, and by 0.1 % of the rest.
    """
    peak, of_files = process_memory(PEAK, status), process_memory(OF_FILES, status)
    return None if peak is None or of_files is None else peak - of_files


def _first_version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
