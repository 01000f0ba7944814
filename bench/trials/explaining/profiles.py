"""Where the time of one case goes in one process: Python's stacks, sampled by a timer. Run in a process of its own.

No library is asked: pyinstrument looks when a function is called or returns, and so gives what went before a long call
of TensorFlow to that call (274 µs of a callback's own work were found as 198 µs of compiled code); cProfile misses
nothing, but makes Python half as long again, and TensorFlow's code no longer; py-spy needs a privilege.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable
from bench.records.profile_parts import COMPILED, part_of_stack
from bench.trials.explaining.runtime_profiles import waiting_share
from bench.trials.injections import unchanged

if TYPE_CHECKING:
    from bench.trials.workloads import Workload

INTERVAL_S = 0.0017
"""Between two looks at a stack of 40 frames, on average; each takes some 20 µs."""
LEAST_SHARE = 0.002
"""Of the whole: stacks below are told as their callers."""
OWN = "bench"
WAITING = "tensorflow/python/data/<iterator>:next"
"""A frame for what Python does not see: a function of TensorFlow's waits for its iterator."""
UNTIMED = {"bench/host/timing:no_garbage_collection", "bench/trials/workloads:_batches"}
"""What a turn does before its clock starts."""


class Sampler:
    """Counts the stacks of the main thread at ticks, between which half to one and a half times `INTERVAL_S` go by.

    They are drawn: evenly spaced ones would meet some parts of a step that takes as long each time, and others never.
    The timer's signal is handled between two instructions of Python: while a function runs that is not Python, once it
    returns, in the frame that called it. All ticks that have gone by until then are that function's, since any before
    it would have been handled before it.

    Attributes:
        ticks: stack of code, the innermost last, to how many ticks it had.
    """

    def __init__(self) -> None:
        self.ticks: dict[tuple[CodeType, ...], int] = {}
        self._draw, self._next_s = Random(0), 0.0

    def start(self) -> None:
        """Start the clock."""
        signal.signal(signal.SIGALRM, self._take)
        signal.siginterrupt(signal.SIGALRM, False)  # noqa: FBT003  its only argument
        self._next_s = time.perf_counter() + self._interval_s()
        self._set_timer()

    def stop(self) -> None:
        """Stop it."""
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # first: a tick that is handled now sets the timer anew
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _interval_s(self) -> float:
        return INTERVAL_S * self._draw.uniform(0.5, 1.5)

    def _set_timer(self) -> None:
        """Have it end at the next tick."""
        signal.setitimer(signal.ITIMER_REAL, max(self._next_s - time.perf_counter(), 1e-6))  # 0 would turn it off

    def _take(self, _signal: int, frame: FrameType | None) -> None:
        now_s, ticks = time.perf_counter(), 0
        while self._next_s <= now_s:
            self._next_s += self._interval_s()
            ticks += 1
        codes = []
        while frame is not None:
            codes.append(frame.f_code)
            frame = frame.f_back
        if ticks:  # the timer may be early
            stack = tuple(reversed(codes))
            self.ticks[stack] = self.ticks.get(stack, 0) + ticks
        self._set_timer()


def profile_turn(workload: Workload, count: int) -> dict[str, Any]:
    """Take a turn of so many steps or calls under the sampler.

    Args:
        workload: the case.
        count: of steps or calls.

    Returns:
        ``stacks``: stack to seconds per step or call.
    """
    sampler = Sampler()
    sampler.start()
    workload.turn(count, unchanged)
    sampler.stop()
    stacks: dict[str, float] = {}
    for codes, ticks in sampler.ticks.items():
        names = [frame_name(code.co_name, code.co_filename) for code in codes]
        if not UNTIMED & {*names}:
            key = ";".join(names)
            stacks[key] = stacks.get(key, 0.0) + ticks * INTERVAL_S / count
    compiled = [key for key in stacks if part_of_stack(key.split(";")) == COMPILED]
    if compiled:
        with suppress(Unavailable):
            share = waiting_share(lambda: workload.turn(count, unchanged))
            for key in compiled:
                stacks[f"{key};{WAITING}"] = share * stacks[key]
                stacks[key] *= 1 - share
    return {"stacks": folded(stacks)}


def frame_name(function: str, file: str) -> str:
    """``package/path:function`` of a frame."""
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
