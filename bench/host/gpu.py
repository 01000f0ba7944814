"""GPU detection: what is missing before a GPU can be used, and its properties. Imports no framework."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
NVIDIA = "0x10de"
DISPLAY_CLASSES = ("0x0300", "0x0302")
"""PCI classes of graphics cards and of cards without an output (PCI Code and ID Assignment Specification)."""
DRIVER_LIBRARY = "libcuda.so.1"
CONTAINER_MARKS = (".dockerenv", "run/.containerenv")
FIELDS = ("name", "driver_version", "compute_cap", "memory.total", "clocks.sm", "clocks.max.sm", "persistence_mode")
"""What is asked of `nvidia-smi`; clocks in MHz, memory in MiB."""
QUERY_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class MissingRequirement:
    """A requirement of GPU use that this process lacks.

    Attributes:
        missing: what was looked for and not found.
        fix: what would help.
    """

    missing: str
    fix: str

    def __str__(self) -> str:
        """One line for the user."""
        return f"{self.missing} {self.fix}"


def find_missing(
    index: int = 0, *, root: Path = ROOT, load: Callable[[str], object] = ctypes.CDLL
) -> MissingRequirement | None:
    """Find the first missing requirement of GPU `index`, from hardware to driver library; ``None`` if all is there.

    Args:
        index: which GPU, from 0.
        root: where the system's files are.
        load: loads a shared library by name. Raises OSError.
    """
    contained = any((root / mark).exists() for mark in CONTAINER_MARKS)
    if not (root / "dev" / "nvidiactl").exists():
        return _without_devices(root, contained=contained)
    if (count := count_gpus(root)) <= index:
        known = ", ".join(f"gpu:{number}" for number in range(count)) or "none"
        return MissingRequirement(
            f"there is no GPU {index} (/dev has {count}).",
            f"Name one that there is ({known}), or give the container more of them.",
        )
    try:
        load(DRIVER_LIBRARY)
    except OSError as error:
        fix = (
            "Start the container by the NVIDIA Container Toolkit (`docker run --gpus all`), which brings it along."
            if contained
            else "Install the driver's user libraries, of the version that `cat /proc/driver/nvidia/version` tells."
        )
        return MissingRequirement(f"the device is there, but the driver's library cannot be loaded ({error}).", fix)
    return None


def count_gpus(root: Path = ROOT) -> int:
    """Count the GPUs that have a device file; a container's may have any numbers, and are counted from 0."""
    return sum(path.name.removeprefix("nvidia").isdecimal() for path in (root / "dev").glob("nvidia*"))


def _without_devices(root: Path, *, contained: bool) -> MissingRequirement:
    """The missing requirement where there is no /dev/nvidiactl."""
    looked = "no GPU is visible here: no /dev/nvidiactl"
    driver, card = (root / "proc" / "driver" / "nvidia").exists(), _has_card(root)
    if contained and (driver or card):
        return MissingRequirement(
            f"{looked}, though the machine has one: this container was started without it.",
            "Start it with `docker run --gpus all`, or the like.",
        )
    if driver:
        return MissingRequirement(
            f"{looked}, though the driver is loaded.", "`nvidia-smi`, run once as root, makes the device files."
        )
    if card:
        return MissingRequirement(
            f"{looked}. There is an NVIDIA card on the PCI bus, and no driver is loaded (no /proc/driver/nvidia).",
            "Install the NVIDIA driver, and load it with `modprobe nvidia`.",
        )
    where = "this container sees" if contained else "this machine has"
    return MissingRequirement(
        f"{looked}, no driver (no /proc/driver/nvidia), and {where} no NVIDIA card (none in /sys/bus/pci/devices).",
        "Run where `nvidia-smi` lists a GPU, or use --device cpu.",
    )


def _has_card(root: Path) -> bool:
    for device in (root / "sys" / "bus" / "pci" / "devices").glob("*"):
        try:
            vendor, kind = ((device / name).read_text(encoding="ascii").strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == NVIDIA and kind.startswith(DISPLAY_CLASSES):
            return True
    return False


def describe_gpu(
    index: int = 0, run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
) -> dict[str, str]:
    """Query `nvidia-smi` about GPU `index`: values by the names of `FIELDS`; empty where it does not answer."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return {}
    words = [command, f"--id={index}", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        answer = run(words, capture_output=True, text=True, check=False, timeout=QUERY_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    values = [value.strip() for value in answer.stdout.strip().split(",")]
    return dict(zip(FIELDS, values, strict=True)) if len(values) == len(FIELDS) else {}


def missing_kernels(capability: tuple[int, int], built_for: Sequence[str]) -> MissingRequirement | None:
    """The missing requirement where a TensorFlow build has no kernels for a chip; ``None`` where it has.

    Without them, the driver compiles everything from PTX at first use, which takes half an hour or fails.

    Args:
        capability: the chip's compute capability: (9, 0).
        built_for: what TensorFlow's build information lists: ``sm_80``, ``compute_90``, ...
    """
    major, minor = capability
    native = {(int(word[3:-1]), int(word[-1])) for word in built_for if word.startswith("sm_") and word[3:].isdecimal()}
    if not native or any(one[0] == major and one[1] <= minor for one in native):
        return None
    has = ", ".join(built_for)
    return MissingRequirement(
        f"this build of TensorFlow has no kernels for compute capability {major}.{minor} (it has {has}).",
        "Install a release that is built for this chip.",
    )
