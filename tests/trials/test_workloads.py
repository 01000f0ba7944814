"""What cases run, ready to be repeated, and what is injected into them."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from bench.data.datasets import load_dataset
from bench.errors import Unavailable
from bench.inference.digests import digest, graph_digest
from bench.records.cases import Case
from bench.trials.injections import Injection, unchanged
from bench.trials.proofs import survey
from bench.trials.workloads import Setting, prepare, quantiles
from tests.fake_trial import CASES


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    found = list(quantiles(values, (0.075, 0.5, 0.925)))
    assert set(found) <= set(values)
    assert found == [8.0, 51.0, 93.0]
    assert list(quantiles([1.0], (0.075, 0.925))) == [1.0, 1.0]


@pytest.mark.usefixtures("tf")
@pytest.mark.parametrize(
    ("name", "count", "values"),
    [
        ("train[deep_mlp,trainer=fit]", 20, 19),
        ("train[deep_mlp,trainer=compiled]", 50, 5),
        ("call[deep_mlp,batch=1]", 4, 4),
        ("predict[deep_mlp,batch=32]", 2, 2),
    ],
)
def test_a_case_is_timed_step_by_step(name: str, count: int, values: int, tmp_path: Path) -> None:
    with ExitStack() as stack:
        workload = prepare(CASES[name], Setting(load_dataset("digits", None), 1, tmp_path, {}), stack)
        plain, slow = (workload.turn(count, added) for added in (unchanged, lambda _number: 50.0))
    assert len(plain.values_s) == len(slow.values_s) == values
    assert workload.first_s > statistics.median(plain.values_s)
    assert plain.mean_s > min(plain.values_s)
    assert min(slow.values_s) > 10 * min(plain.values_s), "what is injected is inside the clock, per step"


@pytest.mark.usefixtures("tf")
def test_a_survey_trains_exports_and_is_the_same_twice(tmp_path: Path) -> None:
    dataset = load_dataset("digits", None)
    first, second = (
        survey(["single_dense", "logistic_regression"], dataset, (0, 1), tmp_path, Injection()) for _ in range(2)
    )
    assert first == second
    found = first["single_dense"]
    assert found["weights"][0] != found["weights"][1]
    assert all(accuracy > 0.5 for accuracy in found["accuracies"])
    setting = Setting(dataset, 0, tmp_path, {})
    with ExitStack() as stack:
        case = CASES["infer[single_dense,batch=32,threads=1]"]
        assert len(prepare(case, setting, stack).turn(7, unchanged).values_s) == 7
        with pytest.raises(Unavailable, match="was not exported"):
            prepare(CASES["infer[deep_mlp,batch=32,threads=1]"], setting, stack)
        with pytest.raises(Unavailable, match="no Keras model"):
            prepare(Case("x", "call", "logistic_regression", "", 1, 1), setting, stack)


@pytest.mark.usefixtures("tf")
def test_graphs_are_equal_whatever_their_names_and_weights(tmp_path: Path) -> None:
    import onnx

    survey(["single_dense"], load_dataset("digits", None), (0,), tmp_path, Injection())
    content = (tmp_path / "single_dense.onnx").read_bytes()
    proto = onnx.load_from_string(content)
    proto.producer_name, proto.graph.name, proto.graph.node[0].name = "another", "another", "another"
    proto.graph.initializer[0].raw_data = bytes(len(proto.graph.initializer[0].raw_data))
    assert graph_digest(proto.SerializeToString()) == graph_digest(content)
    proto.graph.node[-1].op_type = "Sigmoid"
    assert graph_digest(proto.SerializeToString()) != graph_digest(content)


def test_a_digest_tells_types_shapes_and_bits_apart() -> None:
    arrays = [np.zeros(4, np.float32), np.zeros((2, 2), np.float32), np.zeros(4, np.float64), np.ones(4, np.float32)]
    assert len({digest([array]) for array in arrays}) == len(arrays)
