from __future__ import annotations

import time
import xml.etree.ElementTree as ET

import pytest

from bench.records.profile_parts import AROUND_XLA, BETWEEN_NODES, NODE, ORT, XLA, part_of_stack, parts_of
from bench.report.flame import colour, flame_svg, tree
from bench.trials.profiles import built_in_name, folded, frame_name, own_times, without_small
from bench.trials.workloads import Turn, Workload

KERAS = "keras/src/backend/tensorflow/trainer:fit"


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("fit\0/x/lib/python3.11/site-packages/keras/src/trainer.py\0003", "keras/src/trainer:fit"),
        ("run\0/work/checkout/bench/trials/workloads.py\00012", "bench/trials/workloads:run"),
        ("loads\0/usr/lib/python3.11/json/decoder.py\0001", "python/decoder:loads"),
        ("[await]", "python/:[await]"),
        ("on_batch_end\0/home/me/callbacks.py\0003", "own code/callbacks:on_batch_end"),
    ],
)
def test_a_frame_is_called_by_its_package(identifier: str, name: str) -> None:
    assert frame_name(identifier) == name


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        ([KERAS, "tensorflow/python/eager/execute:quick_execute"], "compiled code"),
        (
            [KERAS, "tensorflow/python/eager/execute:quick_execute", "python/<built-in>:PyCapsule.TFE_Py_Execute"],
            "compiled code",
        ),
        ([KERAS, "x/y:z", "python/<built-in>:PyCapsule.TFE_Py_FastPathExecute"], "single operators"),
        ([KERAS, "keras/src/ops:f", "python/<built-in>:isinstance"], "Python of keras"),
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


def test_the_own_time_of_functions_is_exact_even_before_long_calls_of_what_is_not_python() -> None:
    found = own_times(Workload(take, 0.0), 20)
    own_s = sum(seconds for name, seconds in found.items() if name.startswith("own code/test_profiles:busy"))
    slept_s = found["own code/test_profiles:take;python/<built-in>:sleep"]
    assert 0.0009 < own_s < 0.002
    assert 0.0039 < slept_s < 0.006
    parts = parts_of(without_small(found))
    assert parts["Python of own code"] == pytest.approx(own_s + slept_s, rel=0.1)


def test_functions_that_take_next_to_nothing_are_told_as_their_part() -> None:
    functions = {"keras/a:f": 1.0, "keras/a:g": 1e-5, "keras/b:h": 1e-5, "numpy/c:i": 1e-5}
    found = without_small(functions)
    assert found == pytest.approx({"keras/a:f": 1.0, "others: Python of keras": 2e-5, "others: Python of numpy": 1e-5})
    assert parts_of(found) == pytest.approx(parts_of(functions))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<built-in method tensorflow.python._pywrap_tfe.TFE_Py_Execute>", "TFE_Py_Execute"),
        ("<built-in method PyCapsule.TFE_Py_FastPathExecute>", "TFE_Py_FastPathExecute"),
        ("<method 'append' of 'list' objects>", "append"),
        ("<built-in method time.perf_counter>", "perf_counter"),
        ("", ""),
    ],
)
def test_what_is_not_python_is_called_by_its_last_name(text: str, name: str) -> None:
    assert built_in_name(text) == f"python/<built-in>:{name}"


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
