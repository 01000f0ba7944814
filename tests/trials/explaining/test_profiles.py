from __future__ import annotations

import signal
import time
import xml.etree.ElementTree as ET

import pytest

from bench.records.profile_parts import AROUND_XLA, BETWEEN_NODES, NODE, ORT, XLA, part_of_stack, parts_of
from bench.report.flame import colour, flame_svg, tree
from bench.trials.explaining.profiles import folded, frame_name, profile_turn
from bench.trials.workloads import Turn, Workload

KERAS = "keras/src/backend/tensorflow/trainer:fit"


@pytest.mark.parametrize(
    ("function", "file", "name"),
    [
        ("fit", "/x/lib/python3.11/site-packages/keras/src/trainer.py", "keras/src/trainer:fit"),
        ("run", "/work/checkout/bench/trials/workloads.py", "bench/trials/workloads:run"),
        ("loads", "/usr/lib/python3.11/json/decoder.py", "python/decoder:loads"),
        ("<module>", "<string>", "python/<string>:<module>"),
        ("on_batch_end", "/home/me/callbacks.py", "own code/callbacks:on_batch_end"),
    ],
)
def test_a_frame_is_called_by_its_package(function: str, file: str, name: str) -> None:
    assert frame_name(function, file) == name


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        ([KERAS, "tensorflow/python/eager/execute:quick_execute"], "compiled code"),
        ([KERAS, "tensorflow/python/data/ops/iterator_ops:next", "python/threading:wait"], "input pipeline"),
        ([KERAS, "tensorflow/python/ops/gen_math_ops:add"], "single operators"),
        ([KERAS, "keras/src/callbacks:on_batch_end"], "Python of keras"),
        ([KERAS, "numpy/core/numeric:asarray"], "Python of numpy"),
        ([KERAS, "bench/trials/workloads:on_train_batch_end"], "Python of bench"),
        ([ORT, f"{NODE}Gemm dense/MatMul"], "node Gemm"),
        ([ORT, BETWEEN_NODES], "between nodes"),
        ([ORT], "Python of onnxruntime"),
        ([AROUND_XLA, XLA, f"{XLA}fusion"], "XLA fusion"),
        ([AROUND_XLA, XLA], "XLA between instructions"),
        ([AROUND_XLA], "TensorFlow around the program"),
    ],
)
def test_a_stack_belongs_to_a_part(stack: list[str], part: str) -> None:
    assert part_of_stack(stack) == part


def busy(seconds: float) -> None:
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pass


def take(count: int, _injected: object) -> Turn:
    for _ in range(count):
        time.sleep(0.004)
        busy(0.001)
    return Turn([0.0], 0.0)


def test_what_goes_before_a_long_call_of_what_is_not_python_is_not_told_as_that_call() -> None:
    stacks = profile_turn(Workload(take, 0.0), 200)["stacks"]
    inside = {name: seconds for name, seconds in stacks.items() if "test_profiles:" in name}
    busy_s = sum(seconds for name, seconds in inside.items() if "test_profiles:busy" in name)
    assert sum(inside.values()) == pytest.approx(0.005, rel=0.25)
    assert busy_s / sum(inside.values()) == pytest.approx(0.2, abs=0.05)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_small_stacks_are_told_as_their_callers_and_nothing_is_lost() -> None:
    stacks = {"a;b;c": 1e-6, "a;b": 1.0, "a;d;e": 1e-6, "a;d;f": 1e-6, "a;g": 2.0}
    found = folded(stacks)
    assert found == pytest.approx({"a;b": 1.0 + 1e-6, "a": 2e-6, "a;g": 2.0})
    assert sum(parts_of(found).values()) == pytest.approx(sum(stacks.values()))


def test_a_flame_graph_is_wide_where_time_goes_and_red_where_it_grew() -> None:
    base, head = {"a;<b>": 1.0, "a;c": 1.0, "a;gone": 1.0}, {"a;<b>": 3.0, "a;c": 1.0}
    root = tree(base, head)
    assert (root.base_s, root.head_s) == (3.0, 4.0)
    svg = flame_svg(base, head, "a & b")
    elements = ET.fromstring(svg)  # noqa: S314  our own
    titles = [one.text or "" for one in elements.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "a & b"
    assert any(text.startswith("<b>: 1000000.0 µs to 3000000.0 µs (+200 %") for text in titles)
    assert any(text.startswith("gone: 1000000.0 µs to 0.0 µs") for text in titles)
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert colour(1.0) != colour(-1.0) != colour(0.0) == "#ffffff"
