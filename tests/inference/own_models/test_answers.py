"""Answers of any model against exact ones: rounding passes, errors do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.inference.own_models.answers import Answers, compare

RANDOM = np.random.default_rng(0)
KERNELS = [RANDOM.normal(0, 0.3, shape) for shape in ((40, 30), (30, 5))]
INPUTS = RANDOM.random((32, 40))


def network(kernels: list[Any], dtype: Any, *, softmax: bool) -> Any:
    """A small network's answers in a precision."""
    hidden = np.maximum(INPUTS.astype(dtype) @ kernels[0].astype(dtype), 0)
    scores = hidden @ kernels[1].astype(dtype)
    if not softmax:
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def expected(*, softmax: bool) -> Answers:
    own, exact = (network(KERNELS, dtype, softmax=softmax) for dtype in (np.float32, np.float64))
    return Answers([own], [exact], [], terms=40)


def other_order(kernels: list[Any], *, softmax: bool) -> Any:
    """The same in float32, each sum in two halves."""
    left, right = kernels[0][:20], kernels[0][20:]
    inputs = INPUTS.astype(np.float32)
    hidden = np.maximum(inputs[:, :20] @ left.astype(np.float32) + inputs[:, 20:] @ right.astype(np.float32), 0)
    scores = hidden @ kernels[1].astype(np.float32)
    if not softmax:
        return scores
    powers = np.exp(scores)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("softmax", [True, False])
def test_another_order_of_sums_is_no_fault(softmax: bool) -> None:  # noqa: FBT001
    found = compare([other_order(KERNELS, softmax=softmax)], expected(softmax=softmax))
    assert found["faults"] == []
    assert 0 < found["max_abs_diff"] <= found["allowed_abs_diff"]
    assert found["images"] == 32


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("planted", ["weight", "half precision", "activation"])
def test_a_planted_error_is_a_fault(planted: str, softmax: bool) -> None:  # noqa: FBT001
    kernels = [kernel.copy() for kernel in KERNELS]
    if planted == "weight":
        kernels[0][3, 4] += 1e-3
    elif planted == "half precision":
        kernels[1] = kernels[1].astype(np.float16)
    answers = network(kernels, np.float32, softmax=softmax)
    if planted == "activation":
        answers = np.tanh(answers)
    assert "answers are off by up to" in compare([answers], expected(softmax=softmax))["faults"][0]


def test_changed_predictions_are_faults_and_ties_are_none() -> None:
    own = np.array([[0.4, 0.4, 0.2], [0.2, 0.7, 0.1]], np.float32)
    model = Answers([own], [own.astype(np.float64)], [], terms=1)
    got = np.array([[0.4, 0.4 + 3e-8, 0.2], [0.7, 0.2, 0.1]], np.float32)
    found = compare([got], model)
    assert (found["ties"], found["changed_predictions"]) == (1, 1)
    assert "1 of 2 predictions changed" in found["faults"]


def test_other_shapes_and_numbers_that_are_none_are_faults_and_equal_infinities_are_not() -> None:
    own = np.array([[1.0, np.inf], [2.0, np.nan]], np.float32)
    model = Answers([own], [own.astype(np.float64)], [], terms=1)
    assert compare([own], model)["faults"] == []
    assert compare([own[:1]], model)["faults"] == ["it answers in the shapes (1, 2), not (2, 2)"]
    assert compare([np.full_like(own, np.nan)], model)["faults"]


def test_whole_numbers_are_equal_or_not() -> None:
    model = Answers([np.arange(4)], [np.arange(4)], [], terms=1)
    assert compare([np.arange(4)], model)["faults"] == []
    assert compare([np.arange(4) + 1], model)["faults"]


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    model = Answers([np.ones((2, 3))], [np.ones((2, 3)), np.zeros(1)], [], terms=7, inexact="why")
    model.save(tmp_path / "x.npz")
    read = Answers.load(tmp_path / "x.npz")
    assert (len(read.own), len(read.exact), len(read.exported), read.terms, read.inexact) == (1, 2, 0, 7, "why")
    assert np.array_equal(read.own[0], model.own[0])
