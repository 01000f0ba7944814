"""What pytest-benchmark is shown of a latency row: the timings that its visits took, one by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from bench.commands.suite.latency import Replay
from bench.inference import onnx_session

MAKE_BENCHMARK: Any = BenchmarkFixture
VALUES_S = [7e-6, 1.25e-5, 3e-3, 7.1e-6] * 20


def test_pytest_benchmark_stores_exactly_the_timings_that_were_taken() -> None:
    replay = Replay()
    benchmark = MAKE_BENCHMARK(
        SimpleNamespace(name="row", nodeid="row"),
        disable_gc=True,
        timer=SimpleNamespace(target=replay.clock),
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
    replay.load(VALUES_S)
    benchmark.pedantic(replay.call, rounds=len(VALUES_S), iterations=1)
    assert benchmark.stats.stats.data == VALUES_S


def test_a_call_is_one_run_of_the_session_on_the_whole_batch() -> None:
    asked: list[tuple[list[str], dict[str, Any]]] = []

    def run(outputs: list[str], feed: dict[str, Any]) -> list[str]:
        asked.append((outputs, feed))
        return ["answer"]

    session = SimpleNamespace(run=run)
    images = np.zeros((32, 784), np.float32)
    call = onnx_session.batch_call(session, images)
    assert asked == []
    assert call() == ["answer"]
    ((outputs, feed),) = asked
    assert (outputs, list(feed)) == (["probabilities"], ["images"])
    assert feed["images"] is images
    onnx_session.primed_call(session, images)
    assert len(asked) == 1 + onnx_session.PRIME_CALLS
