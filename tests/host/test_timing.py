from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from bench.host.timing import no_garbage_collection, time_calls, time_groups, time_once


class Clock:
    """Grows by one with each look."""

    def __init__(self) -> None:
        self.now_s = -1.0

    def __call__(self) -> float:
        self.now_s += 1
        return self.now_s


@pytest.fixture(autouse=True)
def collection_stays_on() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_one_call_takes_what_the_clock_says() -> None:
    clock = Clock()
    assert time_once(clock, clock) == 2


def test_calls_are_timed_one_by_one_after_some_that_are_not() -> None:
    calls: list[int] = []
    assert time_calls(lambda: calls.append(1), 3, prime=10, clock=Clock()) == [1, 1, 1]
    assert len(calls) == 13


def test_slow_calls_are_fewer_but_not_too_few() -> None:
    assert len(time_calls(lambda: None, 400, budget_s=1e9, fewest=20, clock=Clock())) == 400
    assert len(time_calls(lambda: None, 400, budget_s=1.0, fewest=20, clock=Clock())) == 20


def test_groups_are_timed_as_a_whole() -> None:
    calls: list[int] = []
    assert time_groups(lambda: calls.append(1), 5, 2, clock=Clock()) == [1, 1]
    assert len(calls) == 10


def test_no_garbage_is_collected_inside_any_timed_region() -> None:
    seen: list[bool] = []
    time_once(lambda: seen.append(gc.isenabled()))
    time_calls(lambda: seen.append(gc.isenabled()), 2)
    time_groups(lambda: seen.append(gc.isenabled()), 2, 2)
    assert seen == [False] * 7
    assert gc.isenabled()


def test_collection_is_on_or_off_afterwards_as_it_was_before_and_after_an_error_as_well() -> None:
    gc.disable()
    time_once(lambda: None)
    assert not gc.isenabled()
    gc.enable()
    with pytest.raises(ZeroDivisionError):
        time_once(lambda: 1 // 0)
    assert gc.isenabled()


def test_where_regions_of_threads_overlap_it_stays_off_until_the_last_one_ends() -> None:
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with no_garbage_collection():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    collections = sum(generation["collections"] for generation in gc.get_stats())
    with no_garbage_collection():
        pass
    assert sum(generation["collections"] for generation in gc.get_stats()) == collections
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


def test_garbage_is_collected_before_a_timed_region() -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(gc.get_stats()[2]["collections"])

    look()
    time_once(look)
    assert seen[1] == seen[0] + 1
