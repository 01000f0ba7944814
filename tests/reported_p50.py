"""Not a test of its own: `test_latency.py` runs it in a process in which pytest-benchmark is not switched off.

In turns, the suite's way to time single calls and a bare loop around `session.run` on the same session; at the end it
prints the ratios of the two medians.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import numpy as np
import pytest

from bench.host.devices import CPU_PROVIDER
from bench.inference import onnx_session
from bench.inference.export import INPUT_NAME, OUTPUT_NAME
from tests.minimal_graph import deep_mlp

ROUNDS = 1000
CHUNK = 20
REPEATS = 9
RATIOS: list[float] = []


@pytest.fixture(scope="module")
def session() -> Any:
    rng = np.random.default_rng(0)
    shapes = ((784, 100), (100,), (100, 10), (10,))
    return onnx_session.make_session(
        deep_mlp([rng.normal(0, 0.05, shape) for shape in shapes]), CPU_PROVIDER, threads=1
    )


def bare_median_s(session: Any, images: Any) -> float:
    """The median seconds per call, over chunks of a loop that does nothing else."""
    run, outputs, feed, chunks = session.run, [OUTPUT_NAME], {INPUT_NAME: images}, []
    for _ in range(ROUNDS // CHUNK):
        start_s = time.perf_counter()
        for _ in range(CHUNK):
            run(outputs, feed)
        chunks.append((time.perf_counter() - start_s) / CHUNK)
    return statistics.median(chunks)


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_in_turns(benchmark: Any, session: Any, repeat: int) -> None:
    images = np.random.default_rng(repeat).random((1, 784), dtype=np.float32)
    call = onnx_session.primed_call(session, images)
    before = bare_median_s(session, images)
    benchmark.pedantic(call, rounds=ROUNDS, iterations=1)
    after = bare_median_s(session, images)
    RATIOS.append(statistics.median(benchmark.stats.stats.data) / ((before + after) / 2))


def test_last(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nRATIOS {json.dumps(RATIOS)}")  # noqa: T201  the answer to who runs this
