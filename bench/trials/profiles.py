"""A profile of one case in one process: functions by Python's own profiler, and stacks by pyinstrument for pictures.

pyinstrument (BSD licence) lies in a folder outside of the environment, which so stays what it is; it takes the stack of
the interpreter a few thousand times a second, and gives the time since the last one to where the interpreter is.
"""

from __future__ import annotations

import cProfile
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable
from bench.records.profile_parts import COMPILED, OTHERS, part_of_stack
from bench.trials.injections import unchanged
from bench.trials.runtime_profiles import waiting_share

if TYPE_CHECKING:
    from bench.trials.workloads import Workload

INTERVAL_S = 0.0005
LEAST_SHARE = 0.002
"""Of the whole: stacks below are told as their callers."""
OWN = "bench"
WAITING = "tensorflow/python/data/<iterator>:next"
"""A frame for what Python does not see: a function of TensorFlow's waits for its iterator."""
UNTIMED = "bench/host/timing:no_garbage_collection"
"""What a turn does before its clock starts."""


def profile_turn(workload: Workload, count: int, folder: str) -> dict[str, Any]:
    """Take turns of so many steps or calls under profilers.

    Args:
        workload: the case.
        count: of steps or calls.
        folder: where pyinstrument lies.

    Returns:
        ``functions``: function, with its caller before it where it is not Python, to its own seconds per step or call;
        ``stacks``: whole stacks to seconds, by samples.
    """
    functions = own_times(workload, count)
    compiled = [key for key in functions if part_of_stack(key.split(";")) == COMPILED]
    if compiled:
        with suppress(Unavailable):
            share = waiting_share(lambda: workload.turn(count, unchanged))
            for key in compiled:
                functions[f"{key};{WAITING}"] = share * functions[key]
                functions[key] *= 1 - share
    return {"functions": without_small(functions), "stacks": folded(sampled_stacks(workload, count, folder))}


def own_times(workload: Workload, count: int) -> dict[str, float]:
    """The own seconds per step or call of each function, by Python's own profiler, which misses none.

    A sampling profiler does: it looks when a function is called or returns, and so gives what went before a long call
    of TensorFlow to that call. 274 µs of a callback's own work were found as 198 µs of compiled code.
    """
    profiler = cProfile.Profile()
    profiler.enable()
    workload.turn(count, unchanged)
    profiler.disable()
    found: dict[str, float] = {}
    for entry in profiler.getstats():
        if isinstance(entry.code, str):
            continue  # told with its callers
        name = frame_name(f"{entry.code.co_name}\0{entry.code.co_filename}\0{entry.code.co_firstlineno}")
        if name == UNTIMED:
            continue
        found[name] = found.get(name, 0.0) + entry.inlinetime / count
        for called in entry.calls or ():
            if isinstance(called.code, str):
                key = f"{name};{built_in_name(called.code)}"
                found[key] = found.get(key, 0.0) + called.inlinetime / count
    return found


def sampled_stacks(workload: Workload, count: int, folder: str) -> dict[str, float]:
    """Stack to seconds per step or call, by pyinstrument."""
    if folder not in sys.path:
        sys.path.append(folder)
    from pyinstrument import Profiler

    profiler: Any = Profiler(interval=INTERVAL_S, async_mode="disabled")
    profiler.start()
    workload.turn(count, unchanged)
    session = profiler.stop()
    stacks: dict[str, float] = {}
    for frames, seconds in session.frame_records:
        key = ";".join(map(frame_name, frames))
        if UNTIMED not in key:
            stacks[key] = stacks.get(key, 0.0) + seconds / count
    return stacks


def built_in_name(text: str) -> str:
    """``python/<built-in>:NAME`` of a function that is not Python, from what Python's profiler calls it."""
    words = re.findall(r"[\w.]+", text.partition(" of ")[0])
    return f"python/<built-in>:{(words[-1] if words else text).rpartition('.')[2]}"


def without_small(functions: Mapping[str, float]) -> dict[str, float]:
    """The functions that matter; what all others of a part take is told as one of it."""
    least = LEAST_SHARE * sum(functions.values())
    found: dict[str, float] = {}
    for name, seconds in functions.items():
        key = name if seconds >= least else f"{OTHERS}{part_of_stack(name.split(';'))}"
        found[key] = found.get(key, 0.0) + seconds
    return found


def frame_name(identifier: str) -> str:
    """``package/path:function`` of a frame as pyinstrument has it: function, file and line with zeros between."""
    function, file, *_ = f"{identifier}\0".split("\0")
    place = file.replace("\\", "/")
    for mark in ("/site-packages/", "/dist-packages/"):
        if mark in place:
            return f"{place.rpartition(mark)[2].removesuffix('.py')}:{function}"
    module = place.rpartition("/")[2].removesuffix(".py")
    if "/bench/" in place:
        return f"{OWN}/{place.rpartition('/bench/')[2].removesuffix('.py')}:{function}"
    inside = not file or place.startswith("<") or re.search(r"/(lib|zip)[^/]*/python3\.\d+/", place)
    return f"{'python' if inside else 'own code'}/{module}:{function}"


def folded(stacks: Mapping[str, float]) -> dict[str, float]:
    """The stacks, with those that take next to nothing added to their callers."""
    least = LEAST_SHARE * sum(stacks.values())
    found = dict(stacks)
    for depth in range(max((stack.count(";") for stack in found), default=0), 0, -1):
        for stack in [one for one in found if one.count(";") == depth and found[one] < least]:
            caller = stack.rpartition(";")[0]
            found[caller] = found.get(caller, 0.0) + found.pop(stack)
    return found
