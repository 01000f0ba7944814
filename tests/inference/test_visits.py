"""Visits with a clock of their own: how often, in which order, how long, and what becomes of what fails."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.host.process import WorkerError
from bench.host.visited import VisitedCalls
from bench.inference.visits import Plan, VisitedRow, make_rows, visit_in_turns
from bench.stats.visits import TYPICAL, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CALL_S = {"quick": 1e-5, "slow": 8e-3}
PLAN = Plan(laps=6, calls=100, span_s=10.0)


class Machine:
    """Processes whose calls take `call_s`, times what `factor` says, on a clock that they alone move."""

    def __init__(
        self,
        factor: Callable[[int, str, float], float] = lambda *_: 1.0,
        call_s: Mapping[str, float] = CALL_S,
    ) -> None:
        self.now_s = 0.0
        self.call_s = call_s
        self.factor = factor
        self.asked: list[tuple[int, str, str, int]] = []

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def clock(self) -> float:
        return self.now_s

    def process(self, number: int) -> Any:
        machine = self

        class Process:
            def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
                row, calls = request["row"], request["calls"]
                machine.asked.append((number, request["do"], row, calls))
                values_s = []
                for _ in range(calls):
                    values_s.append(machine.call_s[row] * machine.factor(number, row, machine.now_s))
                    machine.now_s += values_s[-1]
                return {"values_ns": [round(value_s * 1e9) for value_s in values_s]}

            def close(self) -> None:
                pass

        return Process()


def visited(
    machine: Machine, plan: Plan = PLAN, *, processes: int = 8, replaced: Mapping[int, Any] | None = None, seed: int = 1
) -> dict[str, VisitedRow]:
    rows = make_rows(
        {number: {name: {"call_s": machine.call_s[name]} for name in machine.call_s} for number in range(processes)}
    )
    present = {number: machine.process(number) for number in range(processes)} | dict(replaced or {})
    visit_in_turns(rows, present, plan, seed=seed, clock=machine.clock, wait=machine.wait)
    return rows


def test_each_row_is_visited_by_each_process_in_each_lap_in_drawn_order() -> None:
    machine = Machine()
    rows = visited(machine)
    assert Counter((number, row) for number, _, row, _ in machine.asked) == {
        (number, row): 6 for number in range(8) for row in CALL_S
    }
    laps = [machine.asked[start : start + 16] for start in range(0, 96, 16)]
    assert all(len({(number, row) for number, _, row, _ in lap}) == 16 for lap in laps)
    assert len({tuple(lap) for lap in laps}) == 6
    assert [len(row.visits) for row in rows.values()] == [48, 48]


def test_a_visit_is_a_hundred_calls_or_what_fits_into_15_ms() -> None:
    rows = visited(Machine())
    assert (rows["quick"].calls(100), rows["slow"].calls(100)) == (100, 2)
    assert len(rows["quick"].values_s) == 4800


def test_the_visits_are_spread_over_ten_seconds() -> None:
    rows = visited(Machine())
    for row in rows.values():
        times_s = [at_s for _, at_s, _ in row.visits]
        assert times_s == sorted(times_s)
        assert times_s[0] < 1
        assert times_s[-1] > 10


def test_a_row_that_stays_wide_is_visited_on_until_its_budget_ends() -> None:
    source = random.Random(3)
    machine = Machine(lambda number, row, _now_s: (1 + 0.2 * number if row == "quick" else 1) * source.gauss(1, 0.001))
    rows = visited(machine, Plan(laps=6, calls=100, span_s=0.0, more_s=2.0))
    assert not rows["quick"].is_narrow()
    assert 48 < len(rows["quick"].visits) <= 3 * 48
    assert len(rows["slow"].visits) == 48
    assert machine.now_s < 6


def test_a_row_whose_disturbance_ends_is_visited_until_it_is_narrow() -> None:
    source = random.Random(3)
    machine = Machine(lambda *_: source.choice([1.0, 1.8]) if machine.now_s < 4 else 1.0)
    rows = visited(machine, Plan(laps=6, calls=100, span_s=0.0, more_s=60.0))
    assert all(row.is_narrow() for row in rows.values())
    assert machine.now_s < 60


def test_calls_with_cold_caches_are_kept_apart() -> None:
    rows = visited(Machine(), Plan(laps=6, calls=100, span_s=0.0, cold=["quick"]))
    assert (len(rows["quick"].cold_s), len(rows["slow"].cold_s)) == (2 * 48, 0)


def test_a_process_that_ends_takes_no_other_along() -> None:
    class Dead:
        def ask(self, _request: Mapping[str, Any]) -> dict[str, Any]:
            raise WorkerError("the worker was killed by signal 9")

        def close(self) -> None:
            pass

    rows = visited(Machine(), processes=3, replaced={1: Dead()})
    for row in rows.values():
        assert {number for number, *_ in row.visits} == {0, 2}
    assert [reason for row in rows.values() for reason in row.lost] == ["the worker was killed by signal 9"]


def test_what_one_process_could_not_open_is_visited_in_the_others() -> None:
    rows = make_rows({0: {"quick": {"call_s": 1e-5}}, 1: {"quick": {"failed": "MemoryError: "}}})
    machine = Machine()
    visit_in_turns(rows, {n: machine.process(n) for n in (0, 1)}, PLAN, seed=1, clock=machine.clock, wait=machine.wait)
    assert {number for number, *_ in rows["quick"].visits} == {0}
    assert rows["quick"].lost == ["MemoryError: "]


class SharedMachine(Machine):
    """A core with two states, 1.8 apart, for processes that differ by 2 % and sessions that differ by 1.5 %."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        own = {(number, row): source.gauss(1, 0.015) for number in range(8) for row in ("a", "b")}
        process = {number: source.gauss(1, 0.02) for number in range(8)}
        state = [1.0, 0.0]

        def factor(number: int, row: str, now_s: float) -> float:
            if now_s > state[1]:
                state[0] = 1.8 if state[0] == 1.0 else 1.0
                state[1] = now_s + source.expovariate(1 / (2e-3 if state[0] > 1 else 11e-3))
            return state[0] * own[number, row] * process[number] * source.gauss(1, 0.02)

        super().__init__(factor, {"a": 1e-5, "b": 1e-5})


def test_two_rows_of_one_graph_have_a_ratio_whose_interval_holds_1_in_nine_of_ten_runs() -> None:
    held = 0
    for seed in range(40):
        a, b = (row.by_process for row in visited(SharedMachine(seed), seed=seed).values())
        found = ratio([a[number] for number in range(8)], [b[number] for number in range(8)], TYPICAL)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1 <= found.high
        assert (found.half_width or 1) < 0.05
    assert held >= 36


def test_a_worker_times_the_calls_of_a_row_and_nothing_beside_them() -> None:
    called: list[str] = []
    calls = VisitedCalls()
    assert calls.add("a", lambda: called.append("a")) > 0
    primed = len(called)
    answer = calls.actions["visit"](row="a", calls=100)
    assert len(answer["values_ns"]) == 100
    assert len(called) == primed + 110
    opened = []

    @contextmanager
    def open_call() -> Iterator[Callable[[], object]]:
        opened.append("open")
        yield lambda: opened.append("call")
        opened.append("closed")

    calls.add_opened("b", open_call)
    opened.clear()
    calls.visit("b", 3)
    assert opened == ["open", *["call"] * 6, "closed"], "three untimed calls and three timed ones"
    assert len(calls.actions["visit_cold"](row="a", calls=5)["values_ns"]) == 5
