"""The one clock: every timed region of the commands stands in here, with garbage collection off inside it.

It imports nothing but the standard library, and little of that: a cold start is measured in processes that import it.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Clock = Callable[[], float]
"""Returns seconds that only grow."""

_lock = threading.Lock()
_timed_now: list[bool] = []
"""An entry per timed region that is open, in whichever thread: whether collection was on before the first of them."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect garbage now and not again until the region ends; then collection is on or off as it was before.

    Where regions of several threads overlap, only the first one collects, lest it happen inside the others' clocks, and
    it stays off until the last of them ends.
    """
    with _lock:
        was_on = _timed_now[0] if _timed_now else gc.isenabled()
        if not _timed_now:
            gc.collect()
            gc.disable()
        _timed_now.append(was_on)
    try:
        yield
    finally:
        with _lock:
            _timed_now.pop()
            if was_on and not _timed_now:
                gc.enable()


def time_once(run: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Seconds that one call takes."""
    with no_garbage_collection():
        start_s = clock()
        run()
        return clock() - start_s


def time_calls(  # noqa: PLR0913  what is timed, and when enough is
    call: Callable[[], object],
    count: int,
    *,
    prime: int = 0,
    budget_s: float = float("inf"),
    fewest: int = 1,
    between: Callable[[], object] | None = None,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Seconds of each of up to `count` single calls.

    Args:
        call: what is measured.
        count: timings at most.
        prime: calls before them that are not timed; they come after the garbage collection, which empties the caches.
        budget_s: seconds after which no further call begins.
        fewest: timings that are taken whatever the budget.
        between: what is done before each timed call, outside the clock.
        clock: see `Clock`.
    """
    values_s: list[float] = []
    with no_garbage_collection():
        for _ in range(prime):
            call()
        end_s = clock() + budget_s if budget_s < float("inf") else budget_s
        for _ in range(count):
            if between:
                between()
            start_s = clock()
            if start_s > end_s and len(values_s) >= fewest:
                break
            call()
            values_s.append(clock() - start_s)
    return values_s


def time_groups(
    call: Callable[[], object], calls: int, groups: int, *, clock: Clock = time.perf_counter
) -> list[float]:
    """Seconds of each of `groups` groups of `calls` calls, each group timed as a whole: for calls of microseconds."""
    values_s = []
    with no_garbage_collection():
        for _ in range(groups):
            start_s = clock()
            for _ in range(calls):
                call()
            values_s.append(clock() - start_s)
    return values_s
