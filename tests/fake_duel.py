"""An arena without processes, whose blocks advance a clock of its own."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.progress import Progress
from bench.records.duels import Block, Margins, Outcome, Row, duel_of
from bench.records.record import read_run
from bench.report.pages.duel_table import caption, duel_table, explanation, notices, packages_table
from bench.trials.duels.blocks import SideFailed, SideMissing
from bench.trials.duels.cases import known_cases
from bench.trials.duels.duel import fight, scout_all
from tests.fake_runs import MACHINE, PACKAGES

BLOCK_S = 10.0
MARGINS = Margins(0.03, 0.01)
CASES = known_cases(2)
TRAIN, COMPILED = CASES["train[deep_mlp,trainer=fit]"], CASES["train[deep_mlp,trainer=compiled]"]
INFER = CASES["infer[deep_mlp,batch=1,threads=1]"]
METADATA: dict[str, Any] = {
    "schema": 1,
    "machine": MACHINE,
    "packages": PACKAGES,
    "packages_by_side": {"BASE": PACKAGES, "HEAD": {**PACKAGES, "tensorflow": "2.22.0", "keras": None}},
    "started_at": "2026-01-02T03:04:05+00:00",
    "commit": "abc1234",
    "command": "python -m bench duel tf219 tf221",
    "dataset": "fashion_mnist",
    "dataset_sha256": "0",
    "dataset_source": "cache",
    "device": "cpu",
    "threads": 2,
    "trainer": "all",
    "quick": False,
    "fallback_reason": None,
    "duel": {"base": "tf219", "head": "tf221", "plant": None, "seed": 1},
}


def fine(_case: str, _block: int) -> None:
    """Nothing goes wrong."""


@dataclass
class FakeArena:
    """Blocks whose HEAD takes `slower` times as long as BASE by case, with some noise."""

    slower: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.005
    loss: float = 0.0
    trouble: Callable[[str, int], None] = fine
    missing: Mapping[str, str] = field(default_factory=dict)
    now_s: float = 0.0
    log: list[str] = field(default_factory=list)

    def scout(self, row: Row) -> None:
        self.log.append(f"scout {row.case.name}")
        if row.case.name in self.missing:
            raise SideMissing(self.missing[row.case.name], "no such thing here")

    def block(self, row: Row, *, first: str, seed: int) -> Block:
        self.now_s += BLOCK_S
        self.log.append(f"block {row.case.name} {first} {seed}")
        self.trouble(row.case.name, sum(line.startswith(f"block {row.case.name} ") for line in self.log))
        source = random.Random(f"{row.case.name} {seed}")
        ratio = self.slower.get(row.case.name, 1.0) * math.exp(source.gauss(0, self.noise))
        accuracies = (0.85, 0.85 - self.loss) if row.case.stage == "train" else ()
        return Block(
            seed=seed,
            first=first,
            base_s=(1.0,) * row.turns,
            head_s=(ratio,) * row.turns,
            accuracies=accuracies,
            process_s=6.0,
            turns_s=4.0,
        )


def selftest_duels(
    arena: FakeArena, rows: list[Row], budget_s: float = 200.0, save: Callable[[], None] | None = None
) -> str:
    """What a duel in a fake arena showed; the rows are changed."""
    shown = io.StringIO()
    progress = Progress(shown, clock=lambda: arena.now_s)
    scout_all(rows, arena, progress)
    fight(
        rows,
        arena,
        MARGINS,
        seed=7,
        budget_s=budget_s,
        save=save or (lambda: arena.log.append("save")),
        progress=progress,
        clock=lambda: arena.now_s,
    )
    return shown.getvalue()


def lose(side: str, *numbers: int) -> Callable[[str, int], None]:
    """A side that is killed in the blocks of these numbers, counted from 1 with the lost ones."""

    def trouble(_case: str, number: int) -> None:
        if number in numbers:
            raise SideFailed(side, "the worker was killed by signal 9")

    return trouble


def read_duel(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """The metadata and the rows of the duel in a run file."""
    return duel_of(read_run(path))


def duel_page(rows: Sequence[Row], found: Sequence[Outcome], margins: Margins, metadata: Mapping[str, Any]) -> str:
    """A duel of two sides as Markdown, as a page of all duels has it."""
    parts = [*notices(rows, metadata), duel_table(rows, found), explanation(margins), packages_table(metadata)]
    return "\n\n".join(part for part in [*parts, caption(metadata)] if part)
