"""The side of a worker whose calls are visited: timed a few at a time, in turns with those of other workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.host.timing import time_calls

TOUCHED_BYTES = 4_000_000
"""Memory that is written between two calls with cold caches: more than the second-level cache of a core holds."""
PRIMES = 50
"""Untimed calls before the first visit, where they take no longer than `PRIMING_S`."""
PRIMING_S = 0.05
FEWEST_PRIMES = 5
AGAIN = 10
"""Untimed calls before each visit, of at most a tenth of its calls: other rows have had the caches in between."""
NANO = 1e9


@dataclass
class VisitedCalls:
    """The calls of one process, by the name of their row."""

    calls: dict[str, Callable[[], object]] = field(default_factory=dict)

    @property
    def actions(self) -> dict[str, Callable[..., Mapping[str, Any]]]:
        """The requests that a worker answers with them."""
        return {"visit": self.visit, "visit_cold": self.visit_cold}

    def add(self, row: str, call: Callable[[], object]) -> float:
        """Take a row's call, and run it until it is warm; the seconds of a warm one."""
        self.calls[row] = call
        values_s = time_calls(call, PRIMES, budget_s=PRIMING_S, fewest=FEWEST_PRIMES)
        return min(values_s)

    def visit(self, row: str, calls: int) -> Mapping[str, Any]:
        """Time so many single calls, in nanoseconds (`values_ns`)."""
        values_s = time_calls(self.calls[row], calls, prime=max(1, min(AGAIN, calls // AGAIN)))
        return {"values_ns": [round(value_s * NANO) for value_s in values_s]}

    def visit_cold(self, row: str, calls: int) -> Mapping[str, Any]:
        """Time so many single calls, before each of which `TOUCHED_BYTES` of other memory are written."""
        import numpy as np  # a worker that measures cold starts must not import it before it is asked

        call, memory = self.calls[row], np.zeros(TOUCHED_BYTES // 4, np.float32)
        values_s = []
        for _ in range(calls):
            np.add(memory, 1, out=memory)
            values_s += time_calls(call, 1)
        return {"values_ns": [round(value_s * NANO) for value_s in values_s]}
