"""Answers of a model of the user's own, compared with the exact ones: what `bench.inference.parity` is for the ladder.

Of a model of any kind not all products are known, so the bound on rounding is that of Higham and Mary (see
`bench.training.reference`) for a single inner product whose terms do not cancel: sqrt(n) u times the largest answer, n
being the terms of the longest product. Answers below 1 count as 1: what they are made from is of that size (made-up
inputs, activations), and so is the error of a sigmoid that is nearly 0, which ONNX Runtime approximates to 3e-8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.inference.parity import ALLOWED, count_changed
from bench.stats.rounding import ROUNDOFF, growth

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE = 1e-3
"""How far from 1 the sum of probabilities may be."""
MATRIX = 2


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a model answers to the same inputs.

    Attributes:
        own: each output in the precision that the framework computes in.
        exact: each output in float64; the framework's own where there is no exact one.
        exported: each output of the exported graph in ONNX Runtime; empty where nothing was exported.
        terms: of the longest inner product.
        inexact: why there is no exact answer; empty where there is one.
    """

    own: Sequence[NDArray[Any]]
    exact: Sequence[NDArray[Any]]
    exported: Sequence[NDArray[Any]]
    terms: int
    inexact: str = ""

    def save(self, path: Path) -> None:
        """Write them to an `.npz` file."""
        arrays = {
            f"{kind}_{number}": array
            for kind in ("own", "exact", "exported")
            for number, array in enumerate(getattr(self, kind))
        }
        np.savez(path, terms=np.array(self.terms), inexact=np.array(self.inexact), **arrays)

    @classmethod
    def load(cls, path: Path) -> Answers:
        """Those of a file that `save` wrote."""
        with np.load(path, allow_pickle=False) as found:
            kinds = {kind: _numbered(found, kind) for kind in ("own", "exact", "exported")}
            return cls(**kinds, terms=int(found["terms"]), inexact=str(found["inexact"]))


def compare(got: Sequence[NDArray[Any]], expected: Answers) -> dict[str, Any]:
    """The fields of a `bench.records.schema.rows.Parity` of answers, against those of the model that is believed.

    Args:
        got: each output.
        expected: of the base, or of the framework that exported it.
    """
    shapes, wanted = [one.shape for one in got], [one.shape for one in expected.own]
    count = wanted[0][0] if wanted and wanted[0] else 1
    if shapes != wanted:
        return {"images": count, "faults": [f"it answers in the shapes {_told(shapes)}, not {_told(wanted)}"]}
    own, off = _furthest(expected.own, expected.exact), _furthest(got, expected.exact)
    largest = max((_largest(one) for one in expected.exact if _is_number(one)), default=0.0)
    allowed = ALLOWED * own + ROUNDOFF["float32"] * growth(expected.terms, largest)
    pairs = [(one, other) for one, other in zip(expected.own, got, strict=True) if _are_probabilities(one)]
    changed, ties = (sum(counts) for counts in zip((0, 0), *(count_changed(*pair) for pair in pairs), strict=True))
    faults: list[str] = []
    if not off <= allowed:  # also true of NaN
        faults.append(
            f"answers are off by up to {off:.2g}, where the base's own are by {own:.2g} and at most {allowed:.2g} is "
            "allowed"
        )
    if changed:
        faults.append(f"{changed} of {count} predictions changed")
    return {
        "images": count,
        "max_abs_diff": off,
        "own_abs_diff": own,
        "allowed_abs_diff": allowed,
        "changed_predictions": changed,
        "ties": ties,
        "faults": faults,
        "reference": expected.inexact or None,
    }


def _largest(values: NDArray[Any]) -> float:
    return float(np.max(np.abs(values[np.isfinite(values)].astype(np.float64)), initial=0.0))


def _furthest(some: Sequence[NDArray[Any]], exact: Sequence[NDArray[Any]]) -> float:
    """The largest difference; of what are no numbers, 0 where all are equal and else infinite."""
    found = [0.0]
    for one, other in zip(some, exact, strict=True):
        if _is_number(one) and _is_number(other):
            left, right = one.astype(np.float64), other.astype(np.float64)
            with np.errstate(invalid="ignore"):  # infinities that are equal
                differences = np.where((left == right) | (np.isnan(left) & np.isnan(right)), 0, np.abs(left - right))
            found.append(float(np.max(differences, initial=0.0)))
        elif not np.array_equal(one, other):
            found.append(float("inf"))
    return float(np.max(found))


def _are_probabilities(values: NDArray[Any]) -> bool:
    if values.ndim != MATRIX or values.shape[1] < MATRIX or values.dtype.kind != "f" or not len(values):
        return False
    return bool(values.min() >= 0 and np.abs(values.sum(axis=1) - 1).max() <= ONE)


def _is_number(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "fiub"


def _numbered(found: Mapping[str, NDArray[Any]], kind: str) -> list[NDArray[Any]]:
    count = sum(name.rpartition("_")[0] == kind for name in found)
    return [found[f"{kind}_{number}"] for number in range(count)]


def _told(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))
