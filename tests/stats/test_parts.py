from __future__ import annotations

import random

from bench.stats.parts import part_differences


def rounds(seed: int, *, more_s: float) -> list[dict[str, float]]:
    source = random.Random(seed)
    return [
        {"compiled code": 1e-3 * source.gauss(1, 0.01), "Python of keras": (5e-4 + more_s) * source.gauss(1, 0.01)}
        for _ in range(8)
    ]


def test_the_part_that_grew_carries_the_difference() -> None:
    first, second = part_differences(rounds(1, more_s=0.0), rounds(2, more_s=2e-4))
    assert first.name == "Python of keras"
    assert first.sure
    assert not second.sure
    assert first.share_low < 1 < first.share_high or abs(first.share - 1) < 0.2
    assert abs(first.share + second.share - 1) < 1e-9


def test_a_part_that_one_side_lacks_took_no_time_there() -> None:
    base = [{"a": 1.0}, {"a": 1.1}, {"a": 0.9}]
    head = [{"a": 1.0, "b": 0.5}, {"a": 1.1, "b": 0.6}, {"a": 0.9, "b": 0.4}]
    assert part_differences(base, head)[0].name == "b"
    assert part_differences([], []) == []
