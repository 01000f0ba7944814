"""Which part of a step or call a stack belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COMPILED, INPUT, OPERATORS = "compiled code", "input pipeline", "single operators"
INPUT_PLACES = ("tensorflow/python/data/", "epoch_iterator", "data_adapter", "gen_dataset_ops")
COMPILED_PLACES = (":quick_execute", ":call_flat", ":call_preflattened", ":_call_flat")
OPERATOR_PLACE = "tensorflow/python/ops/gen_"
"""What is not Python has no frame: these are the functions that call it."""
ORT, BETWEEN_NODES, NODE = "onnxruntime:run", "between nodes", "node:"
"""Frames of a profile that ONNX Runtime takes of itself; the last one's name goes on with operator and node."""
AROUND_XLA, XLA = "tensorflow:call", "XLA:"
"""Frames of a profile of a compiled program; the second one's name goes on with a kind of instruction."""
BETWEEN_INSTRUCTIONS = "XLA between instructions"
RUNTIMES = {ORT: "Python of onnxruntime", AROUND_XLA: "TensorFlow around the program", XLA: BETWEEN_INSTRUCTIONS}


def part_of_stack(frames: Sequence[str]) -> str:
    """The part of a step that a stack belongs to: waiting for data, running compiled code, or a package's Python."""
    if part := _part_of_runtime(frames[-1]):
        return part
    if any(place in frame for frame in frames for place in INPUT_PLACES):
        return INPUT
    if frames[-1].endswith(COMPILED_PLACES):
        return COMPILED
    if OPERATOR_PLACE in frames[-1]:
        return OPERATORS
    package = frames[-1].partition("/")[0].partition(":")[0]
    return f"Python of {package}"


def _part_of_runtime(frame: str) -> str:
    """The part that a frame of a runtime's own profile stands for; empty for a frame of Python."""
    if frame.startswith(NODE):
        return f"node {frame.removeprefix(NODE).partition(' ')[0]}"
    if frame.startswith(XLA) and frame != XLA:
        return f"XLA {frame.removeprefix(XLA)}"
    return frame if frame == BETWEEN_NODES else RUNTIMES.get(frame, "")


def parts_of(stacks: Mapping[str, float]) -> dict[str, float]:
    """Part to seconds per step or call."""
    found: dict[str, float] = {}
    for stack, seconds in stacks.items():
        part = part_of_stack(stack.split(";"))
        found[part] = found.get(part, 0.0) + seconds
    return found
