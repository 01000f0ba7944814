"""`python -m bench devices`: the suite on each device, one process after the other, and the table across them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.arguments import words_of
from bench.commands.cluster import add_cluster_options, elsewhere
from bench.errors import DensebenchError, gravest, unknown_name
from bench.files import ROOT
from bench.host.devices import available_threads, parse_device
from bench.host.gpu import count_gpus, find_missing
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.cases import DEFAULT_BACKEND
from bench.records.record import RunReader
from bench.records.run_file import DEFAULT_RESULTS
from bench.report.own_pages import refresh_pages
from bench.report.pages.devices import devices_page, select_device_runs
from bench.training.backends import BACKENDS, missing_packages

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

ALL = "all"
MEMORY_BYTES = 1_500_000_000
"""Of one run; they come one after the other."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--device", default=ALL, help="with commas between: cpu:1,cpu,gpu (default: all that there are)"
    )
    parser.add_argument(
        "--backend", default=DEFAULT_BACKEND, help=f"likewise, of {', '.join(BACKENDS)}, or all installed"
    )
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")
    add_cluster_options(parser, resume=True)
    parser.add_argument("options", nargs="*", metavar="OPTION", help="after --, what each run takes: --models deep_mlp")


def run(arguments: argparse.Namespace, start: Callable[[Sequence[str]], int] | None = None) -> int:
    """Run the suite on each device, and print the table of what is stored.

    Returns:
        The gravest exit status of all runs; one that fails keeps no other from being made.

    Raises:
        DensebenchError: a device is unknown, or is not there.
    """
    if (status := elsewhere(arguments, "devices")) is not None:
        return status
    jobs = [
        (name, device) for device in select_devices(arguments.device) for name in select_backends(arguments.backend)
    ]
    progress = Progress(sys.stdout)
    say_needs(progress, memory_bytes=MEMORY_BYTES, results=arguments.results)
    statuses: list[int] = []

    def kept() -> str:
        left = ", ".join(f"--backend {name} --device {device}" for name, device in jobs[len(statuses) :])
        return f"Kept: {len(statuses)} of {len(jobs)} runs, and what the last one says above. Left: {left}."

    with kept_on_interrupt(progress, kept):
        for name, device in jobs:
            words = [f"--backend={name}", f"--device={device}", f"--results={arguments.results}", *arguments.options]
            progress.done(f"\n=== {name}, {device}: pytest bench/ --benchmark-only {shlex.join(words)}")
            statuses.append((start or _start)([sys.executable, "-m", "pytest", "bench/", "--benchmark-only", *words]))
    reader = RunReader()
    runs, warnings = reader.read_folder(arguments.results)
    if shown := select_device_runs(runs):
        progress.done(f"\n{devices_page(shown)}")
    for warning in warnings:
        progress.done(warning)
    if written := refresh_pages(arguments.results, "devices", reader):
        progress.done("\n  ".join(["Wrote:", *written]))
    for (name, device), status in zip(jobs, statuses, strict=True):
        if status:
            progress.done(f"{name}, {device}: the run ended with status {status}")
    return gravest(statuses)


def select_backends(text: str) -> list[str]:
    """The backends that the user named, or all that are installed. Raises DensebenchError."""
    names = words_of(text)
    if text == ALL:
        names = [name for name in BACKENDS if not missing_packages(name)]
    for name in names:
        if name not in BACKENDS:
            raise unknown_name("backend", name, BACKENDS)
        if missing := missing_packages(name):
            lack = f"not installed: {', '.join(missing)}"
            raise DensebenchError(f"--backend {name}: {lack}. `tox -e {name}` makes an environment for it.")
    if not names:
        raise DensebenchError(f"--backend {text!r} names no backend: {', '.join(BACKENDS)} and all do.")
    return list(dict.fromkeys(names))


def select_devices(text: str) -> list[str]:
    """The devices that the user named, or all that there are: one CPU thread, all of them, and each GPU.

    Raises:
        DensebenchError: one is unknown, or cannot be used.
    """
    if text == ALL:
        cpus = [parse_device(f"cpu:{count}").name for count in sorted({1, available_threads()})]
        return cpus + [f"gpu:{index}" for index in range(count_gpus()) if find_missing(index) is None]
    names = [parse_device(word).name for word in words_of(text)]
    for name in names:
        index = parse_device(name).index
        if index is not None and (lack := find_missing(index)):
            raise DensebenchError(f"device {name!r}: {lack}")
    if not names:
        raise DensebenchError(f"--device {text!r} names no device: cpu:1,cpu does, and so does all.")
    return list(dict.fromkeys(names))


def _start(command: Sequence[str]) -> int:
    """The exit status of one run, which writes to this process's own output."""
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()  # it was interrupted as well, and saves what it has
        raise
