"""Injected changes: real extra work inside the timed region, or real label errors, never edited results.

`python -m bench duel --inject` makes HEAD worse by a known amount, to check that the duel detects it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import DensebenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = {
    "train": "so many more images in each timed training",
    "infer": "so many more calls in each timed group of calls",
    "labels": "so many of the training images labelled at random",
}


@dataclass(frozen=True, slots=True)
class Injection:
    """An injected regression: its kind and size.

    Attributes:
        kind: a key of `KINDS`, or nothing at all.
        share: how much of it: 0.05 is 5 %.
    """

    kind: str = ""
    share: float = 0.0

    def more(self, kind: str, count: int) -> int:
        """`count`, increased by the injected share where this kind of work is injected."""
        return round(count * (1 + self.share)) if kind == self.kind else count

    def labels(self, labels: NDArray[np.int64], classes: int, seed: int) -> NDArray[np.int64]:
        """The labels, or a copy with the injected share of random ones."""
        if self.kind != "labels":
            return labels
        random = np.random.default_rng(seed)
        wrong = random.random(len(labels)) < self.share
        return np.where(wrong, random.integers(0, classes, len(labels)), labels)


def parse_injection(text: str | None) -> Injection:
    """Parse ``train:5%``; no injection where there is no text.

    Raises:
        DensebenchError: it is no such thing.
    """
    if text is None:
        return Injection()
    match = re.fullmatch(r"(\w+):(\d+(?:\.\d+)?)%", text)
    if match is None or match[1] not in KINDS:
        raise DensebenchError(f"--inject {text!r} is none of {', '.join(f'{kind}:5%' for kind in KINDS)}.")
    return Injection(match[1], float(match[2]) / 100)
