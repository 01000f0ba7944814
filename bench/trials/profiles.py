"""A profile of one case in one process: its stacks by pyinstrument, summed up to parts. Run in a process of its own.

pyinstrument (BSD licence) lies in a folder outside of the environment, which so stays what it is; it takes the stack of
the interpreter a few thousand times a second, and gives the time since the last one to where the interpreter is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.trials.injections import unchanged

if TYPE_CHECKING:
    from bench.trials.workloads import Workload

INTERVAL_S = 0.0005
LEAST_SHARE = 0.002
"""Of the whole: stacks below are told as their callers."""
OWN = "bench"
UNTIMED = "bench/host/timing:no_garbage_collection"
"""What a turn does before its clock starts."""


def profile_turn(workload: Workload, count: int, folder: str) -> dict[str, Any]:
    """Take a turn of so many steps or calls under the profiler.

    Args:
        workload: the case.
        count: of steps or calls.
        folder: where pyinstrument lies.

    Returns:
        ``stacks``: stack to seconds per step or call.
    """
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
        if UNTIMED in key:
            continue
        stacks[key] = stacks.get(key, 0.0) + seconds / count
    return {"stacks": folded(stacks)}


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
