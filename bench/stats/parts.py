"""Which part of a step carries a difference between two environments, from rounds in which both were profiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.stats.estimate import centre, student_quantile

ERROR = 0.05
"""Of all parts' intervals of a case together."""


@dataclass(frozen=True, slots=True)
class PartDifference:
    """What one part adds to a step or call.

    Attributes:
        base_s: its seconds per step or call in the first environment, the mean over the rounds.
        head_s: in the second.
        low_s: lower end of the difference's interval.
        high_s: upper end.
        share: of the whole difference; the interval is that of the part, over the mean of the whole.
    """

    name: str
    base_s: float
    head_s: float
    low_s: float
    high_s: float
    share: float
    share_low: float
    share_high: float

    @property
    def sure(self) -> bool:
        """Whether the part differs at all."""
        return self.low_s > 0 or self.high_s < 0


def part_differences(base: Sequence[Mapping[str, float]], head: Sequence[Mapping[str, float]]) -> list[PartDifference]:
    """What each part adds, the most first.

    Args:
        base: per round, part to seconds; a part that is missing took none.
        head: the same rounds of the other environment.
    """
    names = list(dict.fromkeys(name for one in (*base, *head) for name in one))
    whole = centre([sum(new.values()) - sum(old.values()) for old, new in zip(base, head, strict=True)])
    found = []
    for name in names:
        pairs = [(old.get(name, 0.0), new.get(name, 0.0)) for old, new in zip(base, head, strict=True)]
        known = centre([new - old for old, new in pairs])
        if known is None or whole is None:
            continue
        half_s = student_quantile(ERROR / len(names), known.freedom) * known.error
        low_s, high_s = known.value - half_s, known.value + half_s
        shares = sorted(end / whole.value for end in (low_s, high_s)) if whole.value else [0.0, 0.0]
        base_s, head_s = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
        share = known.value / whole.value if whole.value else 0.0
        found.append(PartDifference(name, base_s, head_s, low_s, high_s, share, *shares))
    return sorted(found, key=lambda one: -one.share)
