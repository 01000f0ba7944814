"""Visits: all rows of several processes timed in turns, a few calls at a time, in random order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from bench.host.process import Process, WorkerError
from bench.host.visited import NANO
from bench.stats.visits import is_wide

if TYPE_CHECKING:
    from bench.host.timing import Clock

VISIT_S = 0.015
"""What a visit takes about, where its calls would take longer and one call does not."""
MOST_LAPS = 3
"""How many times as often as planned a row is visited that stays wide: then it is no lack of visits."""
COLD_CALLS = 2
"""Calls with cold caches, in each lap and process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often rows are visited.

    Attributes:
        laps: visits of each row by each process.
        calls: calls of a visit, at most; all timings are stored, and neighbours say much the same.
        span_s: the laps are spread over at least this long.
        more_s: seconds that further laps may take, for rows whose intervals are wider than `WIDE`.
        cold: names of the rows of which calls with cold caches are timed as well.
    """

    laps: int
    calls: int
    span_s: float
    more_s: float = 0.0
    cold: Collection[str] = ()


@dataclass
class VisitedRow:
    """What the visits of one row told.

    Attributes:
        call_s: seconds of a warm call in each process that has it, by the process's number.
        visits: number of the process, seconds since the first visit of any row, and the timings in seconds, of each.
        cold_s: the timings with cold caches.
        lost: why a process no longer takes part.
    """

    call_s: dict[int, float] = field(default_factory=dict)
    visits: list[tuple[int, float, list[float]]] = field(default_factory=list)
    cold_s: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def calls(self, most: int) -> int:
        """Calls of a visit: the same in all processes."""
        return max(1, min(most, round(VISIT_S / min(self.call_s.values()))))

    @property
    def values_s(self) -> list[float]:
        """All timings, in the order in which they were taken."""
        return [value_s for _, _, values_s in self.visits for value_s in values_s]

    @property
    def by_process(self) -> dict[int, list[float]]:
        """The timings of each process that took part, by its number."""
        found: dict[int, list[float]] = {}
        for number, _, values_s in self.visits:
            found.setdefault(number, []).extend(values_s)
        return found

    def is_narrow(self) -> bool:
        """Whether the intervals of its typical and its median call are both as narrow as is asked."""
        return not is_wide(list(self.by_process.values()))

    def as_fields(self) -> dict[str, Any]:
        """What is stored of the visits, by the names that `bench.records.schema.rows.Record` has for it."""
        return {
            "visits": [[number, len(values_s), round(at_s, 3)] for number, at_s, values_s in self.visits],
            "cold_cache_s": self.cold_s,
        }


def visit_in_turns(  # noqa: PLR0913  what is visited, how often, and what a test replaces
    rows: Mapping[str, VisitedRow],
    processes: Mapping[int, Process],
    plan: Plan,
    *,
    seed: int,
    tell: Callable[[str], None] = lambda _text: None,
    clock: Clock = time.perf_counter,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Visit each row in each process that has it, `plan.laps` times, in an order that is drawn for each lap.

    Rows whose intervals are wide after that are visited on, while there is time; how long they are visited depends on
    the width of their intervals alone, not on where these lie. A process that ends, and a row that fails in one, is
    left out from then on.

    Args:
        rows: name to what is visited, with the seconds of a call in each process.
        processes: by number.
        plan: how often.
        seed: of the orders.
        tell: is given a line on what is going on.
        clock: see `bench.host.timing.Clock`.
        wait: waits so many seconds.
    """
    source, start_s = random.Random(seed), clock()
    lost: set[int] = set()

    def lap(number: int, names: Iterable[str], end_s: float = float("inf")) -> None:
        pairs = [(name, one) for name, one in product(names, processes) if one in rows[name].call_s]
        for done, (name, one) in enumerate(source.sample(pairs, len(pairs))):
            if one in lost or one not in rows[name].call_s or clock() > end_s:
                continue
            tell(f"lap {number}, visit {done + 1} of {len(pairs)}")
            _visit(name, rows[name], one, processes[one], lost, start_s=start_s, plan=plan, clock=clock)

    for number in range(plan.laps):
        lap(number + 1, rows)
        if number + 1 < plan.laps:
            ahead_s = plan.span_s * (number + 1) / (plan.laps - 1) - (clock() - start_s)
            wait(max(0.0, ahead_s))
    end_s, number = clock() + plan.more_s, plan.laps
    while plan.more_s and (wide := [name for name, row in rows.items() if row.visits and not row.is_narrow()]):
        number += 1
        if clock() > end_s or number > MOST_LAPS * plan.laps or len(lost) == len(processes):
            break
        lap(number, wide, end_s)


def _visit(  # noqa: PLR0913  one visit
    name: str,
    row: VisitedRow,
    number: int,
    process: Process,
    lost: set[int],
    *,
    start_s: float,
    plan: Plan,
    clock: Clock,
) -> None:
    at_s = clock() - start_s
    try:
        answer = process.ask({"do": "visit", "row": name, "calls": row.calls(plan.calls)})
        cold = process.ask({"do": "visit_cold", "row": name, "calls": COLD_CALLS}) if name in plan.cold else {}
    except WorkerError as error:
        lost.add(number)
        row.lost.append(str(error))
        return
    if reason := answer.get("failed") or cold.get("failed"):
        del row.call_s[number]
        row.lost.append(str(reason))
        return
    row.visits.append((number, at_s, [max(1, value) / NANO for value in answer["values_ns"]]))
    row.cold_s += [max(1, value) / NANO for value in cold.get("values_ns", ())]


def make_rows(told: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> dict[str, VisitedRow]:
    """The rows to visit, from what each process, by its number, told of each: `call_s`, or why it is not there."""
    rows: dict[str, VisitedRow] = {}
    for number, answers in told.items():
        for name, answer in answers.items():
            row = rows.setdefault(name, VisitedRow())
            if "call_s" in answer:
                row.call_s[number] = answer["call_s"]
            else:
                row.lost.append(str(answer.get("failed") or answer.get("unavailable")))
    return rows
