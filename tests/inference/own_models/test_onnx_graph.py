"""ONNX files of the user's own: what they take, what is refused, and what they answer in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bench.errors import DensebenchError
from bench.inference.own_models.answers import Answers, compare
from bench.inference.own_models.file import parse_model, parse_models
from bench.inference.own_models.inputs import parse_shapes, random_inputs
from bench.inference.own_models.onnx_graph import answer_exactly, inputs_of, most_terms, read_graph
from bench.inference.own_models.session import answer_once

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
helper, numpy_helper = onnx.helper, onnx.numpy_helper
KERNEL = np.random.default_rng(1).normal(0, 0.3, (6, 3)).astype(np.float32)


def graph(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any], opset: int = 17
) -> onnx.ModelProto:
    """A model of these parts."""
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "test", inputs, outputs, weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def small(shape: Any = ("N", 6), *, opset: int = 17, middle: tuple[Any, ...] = ()) -> onnx.ModelProto:
    """A product, whatever stands in the middle, and probabilities."""
    ends = [helper.make_tensor_value_info("x", FLOAT, shape)], [helper.make_tensor_value_info("y", FLOAT, ["N", 3])]
    last = middle[-1].output[0] if middle else "scores"
    nodes = [
        helper.make_node("MatMul", ["x", "kernel"], ["scores"]),
        *middle,
        helper.make_node("Softmax", [last], ["y"], axis=-1),
    ]
    return graph(
        nodes, *ends, {"kernel": KERNEL, "ones": np.ones(3, np.float32), "zeros": np.zeros(3, np.float32)}, opset
    )


def write(proto: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_graph_tells_what_it_takes_and_the_batch_has_its_name_in_every_input() -> None:
    values = [
        helper.make_tensor_value_info("x", FLOAT, ["batch", 512]),
        helper.make_tensor_value_info("state", FLOAT, [2, "batch", 128]),
        helper.make_tensor_value_info("rate", INT64, []),
    ]
    proto = graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        values,
        [helper.make_tensor_value_info("y", FLOAT, ["batch", 512])],
        {},
    )
    x, state, rate = inputs_of(proto, {})
    assert [one.sizes(4) for one in (x, state, rate)] == [(4, 512), (2, 4, 128), ()]
    assert [one.dtype for one in (x, state, rate)] == ["float32", "float32", "int64"]
    assert [one.batch for one in (x, state, rate)] == [None, None, None]
    assert inputs_of(small((8, 6)), {})[0].batch == 8
    assert inputs_of(small((None, None)), parse_shapes(["x=2,6"]))[0].batch is None


def test_the_reference_is_closer_to_the_truth_than_float32_and_the_runtime_passes(tmp_path: Path) -> None:
    proto = read_graph(write(small(), tmp_path / "small.onnx"), "here", {})
    arrays = random_inputs(inputs_of(proto, {}), 16, seed=0)
    own, exact = answer_exactly(proto, arrays)
    scores = arrays[0].astype(np.float64) @ KERNEL.astype(np.float64)
    powers = np.exp(scores)
    truth = powers / powers.sum(axis=1, keepdims=True)
    assert exact[0].dtype == np.float64
    assert np.abs(exact[0] - truth).max() < 1e-15
    assert 0 < np.abs(own[0] - truth).max() < 1e-6
    found = answer_once(proto.SerializeToString(), arrays, ["y"])
    assert compare(found, Answers(own, exact, [], most_terms(proto)))["faults"] == []
    assert most_terms(proto) == 6


@pytest.mark.parametrize("opset", [9, 11, 17])
def test_batch_normalization_is_that_of_inference(opset: int) -> None:
    norm = helper.make_node(
        "BatchNormalization", ["scores", "ones", "zeros", "zeros", "ones"], ["normed"], momentum=0.9
    )
    proto = small(opset=opset, middle=(norm,))
    arrays = random_inputs(inputs_of(proto, {}), 8, seed=0)
    own, exact = answer_exactly(proto, arrays)
    found = answer_once(proto.SerializeToString(), arrays, ["y"])
    assert compare(found, Answers(own, exact, [], 6))["faults"] == []


@pytest.mark.parametrize("sizes", [(7,), (5, 4), (3, 2, 2)])
def test_the_largest_of_a_signal_is_that_of_each_channel(sizes: tuple[int, ...]) -> None:
    ends = [helper.make_tensor_value_info(name, FLOAT, None) for name in "xy"]
    proto = graph([helper.make_node("GlobalMaxPool", ["x"], ["y"])], ends[:1], ends[1:], {})
    signal = np.random.default_rng(2).random((2, 3, *sizes)).astype(np.float32)
    (own,), (exact,) = answer_exactly(proto, [signal])
    assert own.shape == exact.shape == (2, 3, *[1] * len(sizes))
    assert np.array_equal(own.ravel(), signal.reshape(6, -1).max(axis=1))


def test_what_a_graph_makes_inside_is_widened_too() -> None:
    middle = (
        helper.make_node("Constant", [], ["third"], value_float=1 / 3),
        helper.make_node("Cast", ["third"], ["cast"], to=FLOAT),
        helper.make_node("Mul", ["scores", "cast"], ["product"]),
    )
    proto = small(middle=middle)
    arrays = random_inputs(inputs_of(proto, {}), 4, seed=0)
    _, exact = answer_exactly(proto, arrays)
    assert exact[0].dtype == np.float64


def test_what_no_reference_evaluates_says_so() -> None:
    proto = small(middle=(helper.make_node("Nothing", ["scores"], ["gone"], domain="nobody"),))
    with pytest.raises(DensebenchError, match="ONNX's reference evaluator"):
        answer_exactly(proto, random_inputs(inputs_of(proto, {}), 4, seed=0))


def test_a_shape_for_an_input_that_no_graph_has_is_refused(tmp_path: Path) -> None:
    path = str(write(small((None, None)), tmp_path / "small.onnx"))
    file = parse_models([path], trusted=False, shapes=parse_shapes(["x=N,6"])).files["small"]
    assert (file.inputs, file.batch) == (("x",), None)
    with pytest.raises(DensebenchError, match=r"unknown input in --shape 'y'. Known: x"):
        parse_models([path], trusted=False, shapes=parse_shapes(["y=N,6"]))
    with pytest.raises(DensebenchError, match=r"--shape x=N,6,6: the model declares \(\?, \?\)"):
        parse_models([path], trusted=False, shapes=parse_shapes(["x=N,6,6"]))


def test_a_hostile_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = small().SerializeToString()
    outside, vast = small(), small()
    outside.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    outside.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    vast.graph.initializer[0].dims[:] = [2**20, 2**20]
    cases = {
        "torn": (whole[: len(whole) // 2], "no ONNX file|no valid ONNX file"),
        "outside": (outside.SerializeToString(), "'kernel' lies in another file, which is not opened"),
        "vast": (vast.SerializeToString(), "'kernel' declares 1,099,511,627,776 numbers"),
        "wide": (small((None, 2**30)).SerializeToString(), "at most 268,435,456 are measured"),
        "negative": (small((None, -5, -7)).SerializeToString(), ""),
    }
    for name, (content, reason) in cases.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        if not reason:
            assert parse_model(str(path), trusted=False, shapes={}).kind == "onnx"
            continue
        with pytest.raises(DensebenchError, match=reason) as raised:
            parse_model(str(path), trusted=False, shapes={})
        assert "\n" not in str(raised.value)
