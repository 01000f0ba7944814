"""The side of a worker whose calls are visited: timed a few at a time, in turns with those of other workers."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.host.timing import time_calls

TOUCHED_BYTES = 4_000_000
"""Memory that is written between two calls with cold caches: more than the second-level cache of a core holds."""
PRIMES = 50
"""Untimed calls before the first visit, where they take no longer than `PRIMING_S`."""
PRIMING_S = 0.05
FEWEST_PRIMES = 5
AGAIN = 10
"""Before each visit a tenth as many untimed calls, but five at least where the visit has as many: other rows have had
the caches in between."""
NANO = 1e9


Call = Callable[[], object]
Open = Callable[[], AbstractContextManager[Call]]
"""Opens what makes a row's calls, for the time of a visit."""


@dataclass
class VisitedCalls:
    """The calls of one process, by the name of their row."""

    rows: dict[str, Open] = field(default_factory=dict)

    @property
    def actions(self) -> dict[str, Callable[..., Mapping[str, Any]]]:
        """The requests that a worker answers with them."""
        return {"visit": self.visit, "visit_cold": self.visit_cold}

    def add(self, row: str, call: Call) -> float:
        """Take a row's call, and run it until it is warm; the seconds of a warm one."""
        return self.add_opened(row, lambda: nullcontext(call))

    def add_opened(self, row: str, open_row: Open) -> float:
        """Take a row whose calls are opened anew for each visit: threads of its own would spin on after it."""
        self.rows[row] = open_row
        with open_row() as call:
            return min(time_calls(call, PRIMES, budget_s=PRIMING_S, fewest=FEWEST_PRIMES))

    def visit(self, row: str, calls: int) -> Mapping[str, Any]:
        """Time so many single calls, in nanoseconds (`values_ns`)."""
        gc.freeze()  # else each collection before a clock looks through all that libraries have made
        with self.rows[row]() as call:
            values_s = time_calls(call, calls, prime=min(calls, max(FEWEST_PRIMES, calls // AGAIN)))
        return {"values_ns": [round(value_s * NANO) for value_s in values_s]}

    def visit_cold(self, row: str, calls: int) -> Mapping[str, Any]:
        """Time so many single calls, before each of which `TOUCHED_BYTES` of other memory are written."""
        memory = self._memory
        with self.rows[row]() as call:
            values_s = time_calls(call, calls, prime=1, between=lambda: memory.__iadd__(1))
        return {"values_ns": [round(value_s * NANO) for value_s in values_s]}

    @cached_property
    def _memory(self) -> Any:
        """What is written to empty the caches."""
        import numpy as np  # a worker that measures cold starts must not import it before it is asked

        return np.ones(TOUCHED_BYTES // 4, np.float32)
