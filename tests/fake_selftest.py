"""Duels of a self-test made by hand, and an arena in which what is injected has its effect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.records.duels import Block, Row
from bench.records.injection import parse_injection
from bench.records.selftests import SelftestDuel
from tests.fake_duel import INFER, METADATA, TRAIN, FakeArena
from tests.fake_runs import PACKAGES


@dataclass
class FakeGround(FakeArena):
    """An arena whose sides are the same."""

    packages: dict[str, Any] = field(default_factory=lambda: {"BASE": PACKAGES, "HEAD": PACKAGES})

    def close(self) -> None:
        self.log.append("close")


def injected(injection: str | None) -> FakeGround:
    """An arena in which what was injected has its effect."""
    kind = parse_injection(injection)
    slower = 1.0 if kind.kind == "labels" else 1 + kind.share
    loss = kind.share / 10 if kind.kind == "labels" else 0.0
    return FakeGround({TRAIN.name: slower, INFER.name: slower}, loss=loss)


def fake_selftest_duel(row: Row, injection: str | None = None, number: int = 0, **selftest: Any) -> SelftestDuel:
    metadata = {**METADATA, "duel": {"base": "tf221", "head": "tf221", "plant": injection, "seed": 1}}
    settings = {"id": "A", "budget_s": 120.0, "margin": 0.03, "accuracy_margin": 0.01, "number": number, **selftest}
    return SelftestDuel({**metadata, "selftest": settings}, row)


def row(ratio: float = 1.0, blocks: int = 8, rounds: int = 3, case: Any = INFER, loss: float = 0.0) -> Row:
    """A row whose blocks all have the same ratio, but for a little noise."""
    made = [
        Block(
            seed=number,
            first="BASE",
            base_s=tuple(1.0 + 0.001 * ((number + turn) % 3) for turn in range(rounds)),
            head_s=tuple(ratio * (1.0 + 0.001 * ((number + turn + 1) % 3)) for turn in range(rounds)),
            accuracies=(0.85, 0.85 - loss) if case is TRAIN else (),
            process_s=6.0,
            turns_s=4.0,
        )
        for number in range(blocks)
    ]
    return Row(case, blocks=made, turns=rounds)


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
