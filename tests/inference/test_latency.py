"""The clock of a latency row: single calls of the session are inside it, and nothing else."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from bench.inference import onnx_session

CALL_S = 7e-6
OUTSIDE_S = 1.0
ROUNDS = 50
MAKE_BENCHMARK: Any = BenchmarkFixture


class Bench:
    """A session and a clock of its own, on which a call takes `CALL_S`, and all that happens outside much longer.

    Attributes:
        inside: the functions that Python called between a round's two looks at the clock, for each round.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timing = False
        self.inside: list[list[str]] = []

    def run(self, _outputs: list[str], feed: dict[str, Any]) -> list[Any]:
        self.now_s += CALL_S if self.timing else OUTSIDE_S
        return [feed]

    def clock(self) -> float:
        """The seconds that have gone by; between two looks, Python tells of each call."""
        self.timing = not self.timing
        if not self.timing:
            sys.setprofile(None)
            return self.now_s
        self.now_s += OUTSIDE_S
        self.inside.append([])
        sys.setprofile(self.note)
        return self.now_s

    def note(self, frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code is not Bench.clock.__code__:
            self.inside[-1].append(frame.f_code.co_name)
        elif event == "c_call" and argument is not sys.setprofile:
            self.inside[-1].append(argument.__name__)


def test_a_row_has_the_seconds_of_each_single_call_and_of_nothing_beside_it() -> None:
    bench = Bench()
    call = onnx_session.primed_call(bench, np.zeros((1, 784), np.float32))
    assert bench.now_s == onnx_session.PRIME_CALLS * OUTSIDE_S
    benchmark = MAKE_BENCHMARK(
        SimpleNamespace(name="row", nodeid="row"),
        disable_gc=True,
        timer=SimpleNamespace(target=bench.clock),
        min_rounds=1,
        min_time=0,
        max_time=0,
        precision=None,
        confidence=None,
        warmup=False,
        warmup_iterations=0,
        calibration_precision=1,
        add_stats=lambda _stats: None,
        logger=None,
        warner=None,
        disabled=False,
        cprofile=None,
        cprofile_loops=None,
        cprofile_dump=None,
    )
    benchmark.pedantic(call, rounds=ROUNDS, iterations=1)
    np.testing.assert_allclose(benchmark.stats.stats.data, [CALL_S] * ROUNDS, rtol=1e-6)
    assert bench.inside == [["call", "run"]] * ROUNDS
