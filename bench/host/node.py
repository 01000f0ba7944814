"""Which machine this is, and which of its boots, as digests that name nobody."""

from __future__ import annotations

import hashlib
from pathlib import Path

MACHINE, BOOT = Path("/etc/machine-id"), Path("/proc/sys/kernel/random/boot_id")


def node_identity() -> str:
    """A digest that tells this very machine from others of its kind."""
    return _digest(MACHINE) or _digest(BOOT) or hashlib.sha256(b"unknown").hexdigest()[:16]


def boot_identity() -> str:
    """A digest that another boot of the machine does not have; empty where the system does not tell."""
    return _digest(BOOT)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_text(encoding="ascii").strip().encode()).hexdigest()[:16]
    except OSError:
        return ""
