"""Profiles that a runtime takes of itself: the nodes that ONNX Runtime ran, and the parts of a program of XLA's.

Neither is seen in a profile of Python. Stacks are as in `bench.trials.explaining.profiles`.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.errors import Unavailable
from bench.inference.onnx_session import make_session
from bench.records.profile_parts import AROUND_XLA, BETWEEN_NODES, NODE, ORT, XLA

EVENTS = "tensorflow.tsl.profiler.protobuf.xplane_pb2"
"""The module that reads what TensorFlow's profiler writes."""
FEW_EVENTS, ALL_EVENTS = 1, 3
"""Levels of TensorFlow's profiler; the second one has the parts of compiled programs."""
FUNCTION, NEXT = "TFE_Py_Execute", "IteratorGetNextOp::DoCompute"
"""The events of a function of TensorFlow's, and within it of an iterator that is asked for the next batch."""
PROGRAM, PICOSECOND = "EagerKernelExecute", 1e-12
"""The event within which a compiled program runs, and the unit of its length."""
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.-]+) = \S+(?: \S+\))? ([a-z][a-z-]*)\(", re.MULTILINE)
COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.-]+) .*\{$")
UNTIMED = frozenset({"parameter", "constant", "get-tuple-element", "tuple", "bitcast", "while", "call", "conditional"})
"""Instructions that are no work, or that hold the work of others."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that ran.

    Attributes:
        start: in any unit.
        length: in that unit.
    """

    name: str
    start: int
    length: int


def profile_nodes(
    content: bytes, provider: str, threads: int, make_call: Callable[[Any], Callable[[], object]], count: int
) -> dict[str, Any]:
    """Profile so many calls of a graph, node by node, in a session of their own.

    Args:
        content: the graph.
        provider: the execution provider.
        threads: of the session.
        make_call: takes the session and returns what calls it.
        count: of calls.

    Returns:
        ``stacks``: stack to seconds per call.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = make_session(content, provider, threads=threads, profile=str(Path(folder) / "profile"))
        call = make_call(session)
        began_s = time.perf_counter()
        for _ in range(count):
            call()
        whole_s = (time.perf_counter() - began_s) / count
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    runs = [event["dur"] for event in events if event.get("cat") == "Session" and event.get("name") == "model_run"]
    nodes: dict[str, float] = {}
    for event in events:
        operator = event.get("args", {}).get("op_name")
        if event.get("cat") == "Node" and operator and event["name"].endswith("_kernel_time"):
            key = f"{ORT};{NODE}{operator} {event['name'].removesuffix('_kernel_time')}"
            nodes[key] = nodes.get(key, 0.0) + 1e-6 * event["dur"] / len(runs)
    run_s = 1e-6 * sum(runs[-count:]) / count
    between_s = max(1e-6 * sum(runs) / len(runs) - sum(nodes.values()), 0.0)
    return {"stacks": {**nodes, f"{ORT};{BETWEEN_NODES}": between_s, ORT: max(whole_s - run_s, 0.0)}}


def profile_program(run: Callable[[], object], steps: int, hlo: str) -> dict[str, Any]:
    """Profile a compiled program, part by part, where TensorFlow's runtime tells them (from 2.18 on).

    Args:
        run: takes the steps.
        steps: how many that are.
        hlo: the optimized program as text.

    Returns:
        ``stacks``: stack to seconds per step; ``counts``: kind of instruction to how many the program has.

    Raises:
        Unavailable: what TensorFlow's profiler writes cannot be read.
    """
    lines, whole_s = traced(run, ALL_EVENTS)
    kinds = instructions(hlo)
    by_stem = {_stem(name): kind for name, kind in kinds.items()}
    stacks: dict[str, float] = {}
    program_s, whole_s = 0.0, whole_s / steps
    for line in lines:
        program_s += sum(one.length for one in line if PROGRAM in one.name) * PICOSECOND / steps
        for name, length in self_times(line):  # instructions may run on another thread, and numbers differ
            kind = kinds.get(name) or by_stem.get(_stem(name), "")
            if kind and kind not in UNTIMED:
                key = f"{AROUND_XLA};{XLA};{XLA}{kind}"
                stacks[key] = stacks.get(key, 0.0) + length * PICOSECOND / steps
    stacks[f"{AROUND_XLA};{XLA}"] = max(program_s - sum(stacks.values()), 0.0)
    stacks[AROUND_XLA] = max(whole_s - program_s, 0.0)
    return {"stacks": stacks, "counts": count_kinds(hlo)}


def waiting_share(run: Callable[[], object]) -> float:
    """The share of the time in TensorFlow's functions that goes by until their iterators give the next batch (0-1).

    The profiler makes both longer, TensorFlow's operators rather more: the share is too small, 0.35 for one of 0.39.

    Raises:
        Unavailable: what TensorFlow's profiler writes cannot be read.
    """
    lines, _ = traced(run, FEW_EVENTS)
    waiting, whole = (
        sum(one.length for line in lines for one in line if name in one.name) for name in (NEXT, FUNCTION)
    )
    return min(waiting / whole, 1.0) if whole else 0.0


def traced(run: Callable[[], object], level: int) -> tuple[list[list[Event]], float]:
    """Run under TensorFlow's own profiler; the events of each thread, and the seconds that it took.

    Raises:
        Unavailable: what the profiler writes cannot be read.
    """
    import tensorflow as tf

    try:
        reader: Any = import_module(EVENTS)
    except ImportError as error:
        raise Unavailable(f"TensorFlow's profile cannot be read: {error}") from error
    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=level, python_tracer_level=0)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, options=options)
        began_s = time.perf_counter()
        run()
        whole_s = time.perf_counter() - began_s
        tf.profiler.experimental.stop()
        space = reader.XSpace()
        space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    lines = [
        [Event(plane.event_metadata[one.metadata_id].name, one.offset_ps, one.duration_ps) for one in line.events]
        for plane in space.planes
        for line in plane.lines
    ]
    return lines, whole_s


def self_times(events: Sequence[Event]) -> Iterator[tuple[str, int]]:
    """Yield the name of each event of a thread, and how long it took without those within it."""
    open_: list[tuple[Event, list[int]]] = []  # with what is left of its length
    for event in sorted(events, key=lambda one: (one.start, -one.length)):
        while open_ and open_[-1][0].start + open_[-1][0].length <= event.start:
            yield open_[-1][0].name, open_.pop()[1][0]
        if open_:
            open_[-1][1][0] -= event.length
        open_.append((event, [event.length]))
    for one, (left,) in open_:
        yield one.name, left


def instructions(hlo: str) -> dict[str, str]:
    """Name to kind (``fusion``, ``dot``) of each instruction of an optimized program that runs by itself."""
    found: dict[str, str] = {}
    for name, text in _computations(hlo):
        if "fused" not in name and "region" not in name:
            found |= {one[1]: one[2] for one in INSTRUCTION.finditer(text)}
    return found


def count_kinds(hlo: str) -> Mapping[str, int]:
    """Kind to how many instructions of a program do work by themselves."""
    found: dict[str, int] = {}
    for kind in instructions(hlo).values():
        if kind not in UNTIMED:
            found[kind] = found.get(kind, 0) + 1
    return found


def _stem(name: str) -> str:
    """An instruction's name without its number."""
    return re.sub(r"[._]\d+$", "", name)


def _computations(hlo: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each computation."""
    name, lines = "", list[str]()
    for line in hlo.splitlines():
        if match := COMPUTATION.match(line):
            name, lines = match[1], []
        elif line.startswith("}"):
            yield name, "\n".join(lines)
        else:
            lines.append(line)
