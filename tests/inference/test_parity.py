from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.inference.parity import ALLOWED, certify
from bench.trained import Expected

EXACT = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [0.1, 0.3, 0.6]])
OWN = EXACT.astype(np.float32)
ROUNDING = 1e-6


def expected(exact: Any = EXACT, own: Any = OWN, rounding: float = ROUNDING) -> Expected:
    return Expected(own, exact, rounding)


def test_equal_answers_have_no_fault() -> None:
    certificate = certify(expected(), OWN.copy())
    own_diff = float(np.max(np.abs(OWN - EXACT)))
    assert certificate.as_dict() == {
        "images": 3,
        "max_abs_diff": own_diff,
        "own_abs_diff": own_diff,
        "allowed_abs_diff": ALLOWED * own_diff + ROUNDING,
        "changed_predictions": 0,
        "ties": 0,
    }
    assert certificate.faults == []


def test_a_copy_may_be_as_far_off_as_the_trained_model_times_a_factor_and_rounding() -> None:
    own = (EXACT + np.array([2e-6, -2e-6, 0.0])).astype(np.float32)
    off = 8.5e-6  # 4 times 2e-6, and half of what rounding may do
    assert certify(expected(own=own), EXACT + np.array([off, 0.0, 0.0])).faults == []
    (fault,) = certify(expected(own=own), EXACT + np.array([2 * off, 0.0, 0.0])).faults
    assert fault.startswith("probabilities are off by up to 1.7e-05, where the trained model's own are by 2e-06")


def test_a_changed_prediction_is_a_fault_even_where_the_difference_is_small() -> None:
    exact = np.array([[0.500001, 0.499999]])
    own = exact.astype(np.float32)
    certificate = certify(expected(exact, own, 1e-5), own[:, ::-1].copy())
    assert certificate.max_abs_diff < 1e-5
    assert certificate.faults == ["1 of 1 predictions changed"]


def test_a_tie_that_falls_the_other_way_is_counted_apart() -> None:
    answers = OWN.copy()
    answers[1] = np.array([0.5 - 6e-8, 0.5, 0.0], np.float32)
    certificate = certify(expected(), answers)
    assert (certificate.changed_predictions, certificate.ties) == (0, 1)
    assert certificate.faults == []


def test_answers_that_are_not_numbers_are_a_fault() -> None:
    answers = OWN.copy()
    answers[0, 2] = np.nan
    assert any("nan" in fault for fault in certify(expected(), answers).faults)


def test_images_that_were_not_answered_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 3\)"):
        certify(expected(), OWN[:2])
