"""Injected regressions: an environment that is made worse by a known amount, to see whether a trial finds it.

The environment variable `INJECT` asks for one: ``duel tensorflow==2.21 "tensorflow==2.21 DENSEBENCH_INJECT=slow:5%"``.
Work is really added inside the clock, or labels are really wrong; no result is edited.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import DensebenchError
from bench.records.cases import INJECT

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = {
    "slow": "each step or call takes so much longer",
    "stall": "in each fifth turn all steps or calls take five times as much longer",
    "tail": "each fiftieth step or call takes fifty times as much longer",
    "labels": "so many of the training images have a random label",
}
STALLS, TAILS = 5, 50

Lengthening = Callable[[int], float]
"""The share of its own time by which a step or call is lengthened, by its number in the turn."""


@dataclass(frozen=True, slots=True)
class Injection:
    """A regression that is injected.

    Attributes:
        kind: a key of `KINDS`, or nothing at all.
        share: by how much, on the mean of a round: 0.05 is 5 %.
    """

    kind: str = ""
    share: float = 0.0

    @property
    def only_slows(self) -> bool:
        """Whether it changes times and nothing that is trained."""
        return self.kind != "labels"

    def lengthening(self, turn: int, count: int) -> Lengthening:
        """By what the steps or calls of a turn are lengthened.

        Args:
            turn: its number.
            count: of steps or calls of a turn.
        """
        share = self.share
        if self.kind == "slow":
            return lambda _number: share
        if self.kind == "stall":
            return lambda _number: STALLS * share if turn % STALLS == 0 else 0.0
        if self.kind == "tail":
            return lambda number: TAILS * share if (turn * count + number) % TAILS == TAILS // 2 else 0.0
        return unchanged

    def labels(self, labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
        """The labels, some of them drawn anew from all."""
        if self.kind != "labels":
            return labels
        random = np.random.default_rng(seed)
        return np.where(random.random(len(labels)) < self.share, random.permutation(labels), labels)


def unchanged(_number: int) -> float:
    """The `Lengthening` of nothing."""
    return 0.0


def parse_injection(text: str) -> Injection:
    """Parse the value of `INJECT`: ``slow:5%``; nothing where it is empty.

    Raises:
        DensebenchError: it is no such thing.
    """
    if not text:
        return Injection()
    match = re.fullmatch(r"(\w+):(\d+(?:\.\d+)?)%", text)
    if match is None or match[1] not in KINDS:
        raise DensebenchError(f"{INJECT}={text!r} is none of {', '.join(f'{kind}:5%' for kind in KINDS)}.")
    return Injection(match[1], float(match[2]) / 100)
