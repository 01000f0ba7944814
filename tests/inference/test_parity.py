from __future__ import annotations

import numpy as np
import pytest

from bench.inference.parity import certify

REFERENCE = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [0.1, 0.3, 0.6]], dtype=np.float32)


def test_equal_answers_have_no_fault() -> None:
    certificate = certify(REFERENCE, REFERENCE.copy())
    assert certificate.as_dict() == {
        "images": 3,
        "max_abs_diff": 0.0,
        "changed_predictions": 0,
        "ties": 0,
        "allowed_abs_diff": 1e-5,
    }
    assert certificate.faults == []


def test_a_difference_above_the_limit_is_a_fault_even_where_no_prediction_changes() -> None:
    certificate = certify(REFERENCE, REFERENCE + np.float32(2e-5))
    assert certificate.changed_predictions == 0
    assert certificate.faults == ["probabilities differ by up to 2e-05; at most 1e-05 is allowed"]


def test_a_changed_prediction_is_a_fault_even_where_the_difference_is_small() -> None:
    reference = np.array([[0.500001, 0.499999]], dtype=np.float32)
    certificate = certify(reference, reference[:, ::-1].copy())
    assert certificate.max_abs_diff < 1e-5
    assert certificate.faults == ["1 of 1 predictions changed"]


def test_a_tie_that_falls_the_other_way_is_counted_apart() -> None:
    exported = REFERENCE.copy()
    exported[1] = np.array([0.5 - 6e-8, 0.5, 0.0], np.float32)
    certificate = certify(REFERENCE, exported)
    assert (certificate.changed_predictions, certificate.ties) == (0, 1)
    assert certificate.faults == []


def test_answers_that_are_not_numbers_are_a_fault() -> None:
    exported = REFERENCE.copy()
    exported[0, 2] = np.nan
    assert any("nan" in fault for fault in certify(REFERENCE, exported).faults)


def test_images_that_were_not_answered_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 3\)"):
        certify(REFERENCE, REFERENCE[:2])
