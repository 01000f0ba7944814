"""Run metadata: machine, packages, commit, command."""

from __future__ import annotations

import subprocess
from importlib import metadata
from typing import TYPE_CHECKING, Any

from bench.files import ROOT
from bench.host.machine import describe_machine, package_versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from bench.host.devices import Device

MADE_FROM_RESULTS = (":(exclude)results", ":(exclude)README*.md")
"""What of the checkout may differ from its commit without a ``+``, in git's own words."""


def current_commit() -> str:
    """The checkout's commit, as `commit_text` tells it."""
    from pytest_benchmark.utils import get_commit_info

    return commit_text(get_commit_info("densebench"))  # type: ignore[no-untyped-call]  # it ships no types


def collect_metadata(
    device: Device, started_at: datetime, *, command: str, more_packages: Sequence[str] = (), **facts: Any
) -> dict[str, Any]:
    """The metadata of a run: machine, packages, commit, time, command and `facts`.

    Args:
        device: the device that was measured.
        started_at: in UTC.
        command: the command line that repeats the run.
        more_packages: packages whose versions are stored besides `bench.host.machine.PACKAGES`.
        facts: further entries: `dataset`, `trainer`, `quick` and so on (`bench.records.schema.run.Metadata`).
    """
    return {
        "machine": describe_machine(),
        "packages": package_versions() | {name: _version(name) for name in more_packages},
        "started_at": started_at.isoformat(timespec="seconds"),
        "commit": current_commit(),
        "command": command,
        "device": device.name,
        "threads": device.threads,
        "fallback_reason": None,
        **facts,
    }


def commit_text(commit: Mapping[str, Any], root: Path = ROOT) -> str:
    """A commit's first seven digits, and ``+`` if the checkout has changes that can affect a measurement.

    Changes to results and READMEs are ignored, since no measurement depends on them.

    Args:
        commit: its `id` and whether the checkout is `dirty`, from pytest-benchmark.
        root: the checkout.
    """
    short = str(commit["id"])[:7]
    if not commit["dirty"]:
        return short
    command = ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", *MADE_FROM_RESULTS]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return short if done.returncode == 0 and not done.stdout.strip() else f"{short}+"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
