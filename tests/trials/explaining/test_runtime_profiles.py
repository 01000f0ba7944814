"""Profiles that runtimes take of themselves: nodes of ONNX Runtime, instructions of XLA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.records.profile_parts import parts_of
from bench.trials.explaining.runtime_profiles import (
    Event,
    count_kinds,
    instructions,
    profile_nodes,
    profile_program,
    self_times,
)

HLO = """\
HloModule a_epoch, is_scheduled=true

%fused_computation.1 (param_0: f32[4]) -> f32[4] {
  %param_0 = f32[4]{0} parameter(0)
  ROOT %multiply.1 = f32[4]{0} multiply(%param_0, %param_0)
}

region_0.2 {
  Arg_0 = f32[] parameter(0)
  ROOT add.3 = f32[] add(Arg_0, Arg_0)
}

ENTRY %main.9 (arg: f32[4]) -> (f32[4], f32[]) {
  %arg = f32[4]{0} parameter(0)
  %loop_fusion.7 = f32[4]{0} fusion(%arg), kind=kLoop, calls=%fused_computation.1
  %MatMul.2 = f32[] dot(%arg, %arg), lhs_contracting_dims={0}
  %both = (f32[4]{0}, f32[]) tuple(%loop_fusion.7, %MatMul.2)
  ROOT copy.1 = (f32[4]{0}, f32[]) copy(%both)
}
"""


def test_instructions_that_run_by_themselves_are_counted_by_kind() -> None:
    assert instructions(HLO)["MatMul.2"] == "dot"
    assert count_kinds(HLO) == {"fusion": 1, "dot": 1, "copy": 1}
    assert count_kinds("") == {}


def test_what_an_event_takes_without_those_within_it() -> None:
    events = [Event("while", 0, 100), Event("dot", 10, 30), Event("fusion", 50, 20), Event("copy", 55, 5)]
    events += [Event("later", 100, 7)]
    assert dict(self_times(events)) == {"while": 50, "dot": 30, "fusion": 15, "copy": 5, "later": 7}
    assert list(self_times([])) == []


@pytest.mark.slow
def test_onnx_runtime_tells_the_time_of_each_node() -> None:
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("MatMul", ["input", "w"], ["product"], name="product"),
        helper.make_node("Tanh", ["product"], ["output"], name="bent"),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 64])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, 64])],
        [helper.make_tensor("w", TensorProto.FLOAT, [64, 64], np.ones((64, 64), np.float32).tobytes(), raw=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    feed = {"input": np.ones((512, 64), np.float32)}

    def make_call(session: Any) -> Any:
        return lambda: session.run(None, feed)

    told = profile_nodes(model.SerializeToString(), "CPUExecutionProvider", 1, make_call, 50)
    parts = parts_of(told["stacks"])
    assert {"node MatMul", "node Tanh", "between nodes", "Python of onnxruntime"} == set(parts)
    assert parts["node MatMul"] + parts["node Tanh"] > 0.5 * sum(parts.values())


@pytest.mark.slow
def test_a_compiled_program_tells_the_time_of_its_instructions() -> None:
    import tensorflow as tf

    weights = tf.ones((300, 300))

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def run(x: Any) -> Any:
        return tf.while_loop(lambda i, _: i < 10, lambda i, x: (i + 1, tf.tanh(x @ weights)), (0, x))[1]

    given = tf.ones((200, 300))
    run(given)
    hlo = run.experimental_get_compiler_ir(given)(stage="optimized_hlo")
    told = profile_program(lambda: run(given).numpy(), 10, hlo)
    parts = parts_of(told["stacks"])
    assert told["counts"]
    named = [name for name in parts if name.startswith("XLA ") and name != "XLA between instructions"]
    assert sum(parts[name] for name in named) > 0.5 * sum(parts.values())
