"""What is true of a whole run and stored with it, for the commands that are no pytest run."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from bench.machine import describe_machine, package_versions
from bench.records import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bench.devices import Device


def about_run(
    device: Device, started_at: datetime, *, command: str, more_packages: Sequence[str] = (), **facts: Any
) -> dict[str, Any]:
    """Machine, packages, commit, time and command, and with them whatever else the run wants to be known by.

    Args:
        device: what was measured on.
        started_at: in UTC.
        command: what a reader types to do the same.
        more_packages: names of packages that matter here beside those that always do.
        facts: `dataset`, `trainer`, `quick` and so on (schema: `bench.records`).
    """
    from pytest_benchmark.utils import get_commit_info  # noqa: PLC0415  slow to import

    commit: dict[str, Any] = get_commit_info("densebench")  # type: ignore[no-untyped-call]  # it ships no types
    return {
        "schema": SCHEMA,
        "machine": describe_machine(),
        "packages": package_versions() | {name: _version(name) for name in more_packages},
        "started_at": started_at.isoformat(timespec="seconds"),
        "commit": commit["id"][:7] + ("+" if commit["dirty"] else ""),
        "command": command,
        "device": device.name,
        "threads": device.threads,
        "fallback_reason": None,
        **facts,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
