"""`python -m bench doctor`: what this machine offers to a measurement, and what may disturb it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.cluster.engines import HERE, WORDS
from bench.commands.arguments import add_common
from bench.commands.cluster import nodes_of
from bench.data.datasets import DATASETS, probe_sources
from bench.errors import DensebenchError
from bench.host.devices import available_threads, import_tensorflow
from bench.host.gpu import describe_gpu, find_missing
from bench.host.interference import interference, take_snapshot
from bench.host.machine import describe_machine, machine_name, package_versions

WATCH_S = 1.0
QUIET_LOAD_PER_CPU = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_common(parser, "data-dir")
    parser.add_argument("--on", default=HERE, metavar="PLACE", help=f"{WORDS} (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings as they come in; 0."""
    for line in examine(arguments.data_dir) if arguments.on == HERE else examine_nodes(arguments.on):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


def examine(data_dir: Path | None) -> Iterator[str]:
    """The findings, line by line, as they come in.

    Args:
        data_dir: where the user keeps data sets; ``None`` takes DENSEBENCH_DATA.
    """
    yield "Machine"
    yield from (f"  {name}: {value}" for name, value in describe_machine().items())
    yield "Devices"
    yield from (f"  {line}" for line in _devices())
    yield "Packages"
    yield from (f"  {name} {version or 'is not installed'}" for name, version in package_versions().items())
    yield "Noise"
    yield from (f"  {line}" for line in _noise())
    for dataset in DATASETS:
        yield f"Data set {dataset}"
        for source in probe_sources(dataset, data_dir):
            yield f"  {'yes' if source.available else 'no '} {source.source}: {source.detail}"


def examine_nodes(place: str) -> Iterator[str]:
    """What each machine of a place says of itself. Raises DensebenchError."""
    found = nodes_of(place)
    for name, facts in found.items():
        yield f"Node {name}: {facts.node}, boot {facts.boot or 'not told'}"
        yield f"  {facts.kind}, {facts.cpus} CPUs, Python {facts.python}, commit {facts.commit}, load {facts.load}"
        yield f"  {'; '.join(facts.faults) or 'fit to measure'}"
    yield f"{len(found)} nodes, {len({facts.node for facts in found.values()})} machines"


def _devices() -> Iterator[str]:
    yield f"cpu: {available_threads()} threads may be used (results go to results/raw/{machine_name()}/)"
    yield f"gpu: {_gpus()}"
    try:
        tf = import_tensorflow()
        seen = ", ".join(device.name.removeprefix("/physical_device:") for device in tf.config.list_physical_devices())
        yield f"TensorFlow {tf.__version__} sees: {seen}"
    except DensebenchError as error:
        yield str(error)
    try:
        import onnxruntime as ort

        yield f"ONNX Runtime {ort.__version__} offers: {', '.join(ort.get_available_providers())}"
    except ImportError as error:
        yield f"ONNX Runtime cannot be imported: {error}"


def _gpus() -> str:
    if lack := find_missing():
        return f"none: {lack}"
    known = describe_gpu()
    return ", ".join(f"{name} {value}" for name, value in known.items()) or "found, but nvidia-smi says nothing of it"


def _noise() -> Iterator[str]:
    cpus, load = os.cpu_count() or 1, os.getloadavg()[0]
    busy = load > QUIET_LOAD_PER_CPU * cpus
    yield f"load average {load:.2f} on {cpus} CPUs{': something else is running' if busy else ''}"
    before = take_snapshot()
    time.sleep(WATCH_S)
    stolen = interference(before, take_snapshot())["steal_s"]
    yield (
        "CPU time stolen by the hypervisor: not told by this system"
        if stolen is None
        else f"CPU time stolen by the hypervisor: {stolen:.3f} s in {WATCH_S:g} s"
    )
    for name, path in (
        ("frequency governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        ("turbo off (intel_pstate no_turbo)", "/sys/devices/system/cpu/intel_pstate/no_turbo"),
        ("container CPU limit (quota period)", "/sys/fs/cgroup/cpu.max"),
    ):
        yield f"{name}: {_read(Path(path))}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return "not told here"
