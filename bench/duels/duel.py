"""The duel: blocks of every case in turn until each row is settled or the budget is spent."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bench.duels.blocks import SIDES, Block, SideFailed, SideMissing, columns, first_side, settle_s
from bench.stats.alpha_spending import FIRST_BLOCKS
from bench.stats.estimate import block_ratio
from bench.stats.variance_components import choose_rounds, split_noise
from bench.stats.verdicts import Finding, Series, judge

if TYPE_CHECKING:
    from bench.duels.cases import Case
    from bench.progress import Progress

TURNS = {"train": (8, 15, 30), "infer": (20, 40, 120)}
"""Turns per process, by stage: the fewest, those before the noise is known, and the most."""
SHORTEST_S = 0.05
"""A training turn is made of so many epochs that it lasts at least this long on the faster side."""
MOST_EPOCHS = 60
MOST_LOST = 2
"""A case that has lost as many blocks one after the other is given up."""


@dataclass
class Row:
    """One case while it is measured.

    Attributes:
        epochs: passes over the images per training turn.
        turns: how many turns the next block's processes take.
        blocks: the finished ones.
        lost: why each lost block was lost.
        lost_in_a_row: how many since the last finished one.
        ends: at how many blocks a time budget ran out, each time that one did.
        missing: side to the reason why it does not have the case.
        failed: why the case was given up.
        wanted: ``time`` or ``accuracy`` where the row is settled as soon as that is, whatever the other one says.
    """

    case: Case
    epochs: int = 1
    turns: int = 0
    blocks: list[Block] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    lost_in_a_row: int = 0
    ends: list[int] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    failed: str | None = None
    wanted: str | None = None

    @property
    def well(self) -> bool:
        """Whether it can be measured."""
        return not self.missing and self.failed is None


@dataclass(frozen=True, slots=True)
class Margins:
    """What still counts as the same.

    Attributes:
        time: of the ratio: 0.03 reaches from 1/1.03 to 1.03.
        accuracy: in accuracy (0-1).
    """

    time: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a row: a finding on its time, and on its accuracy where something is trained."""

    time: Finding
    accuracy: Finding | None

    @property
    def settled(self) -> bool:
        """Whether no more blocks are needed."""
        return self.time.settled and (self.accuracy is None or self.accuracy.settled)

    def settles(self, wanted: str | None) -> bool:
        """Whether no more blocks are needed for what is wanted; for both findings where nothing is."""
        found = {"time": self.time, "accuracy": self.accuracy}.get(wanted or "")
        return found.settled if found else self.settled

    @property
    def more_blocks(self) -> int | None:
        """How many more blocks would probably settle both; ``None`` where one of them has no forecast."""
        open_ = [found.more_blocks for found in (self.time, self.accuracy) if found and not found.settled]
        known = [more for more in open_ if more is not None]
        return max(known) if known and len(known) == len(open_) else None


class Arena(Protocol):
    """Where blocks are measured."""

    def scout(self, row: Row) -> None:
        """Try the case on both sides, and choose its epochs. Raises SideFailed or SideMissing."""

    def block(self, row: Row, *, first: str, seed: int) -> Block:
        """One block. Raises SideFailed."""


def outcomes(rows: Sequence[Row], margins: Margins) -> list[Outcome]:
    """What the blocks so far say about each row, the false alarms held for all of them together."""
    family: list[Series] = []
    for row in rows:
        family.append(Series(kind="time", values=ratios(row), margin=math.log1p(margins.time), ends=row.ends))
        if row.case.stage == "train":
            pairs = [block.accuracies for block in row.blocks]
            differences = [head - base for base, head in pairs]
            family.append(Series(kind="accuracy", values=differences, margin=margins.accuracy, ends=row.ends))
    found = iter(judge(family))
    return [Outcome(next(found), next(found) if row.case.stage == "train" else None) for row in rows]


def ratios(row: Row) -> list[float]:
    """The logarithm of HEAD's time over BASE's, a value per block."""
    values = [block_ratio(block.base_s, block.head_s) for block in row.blocks]
    return [value for value in values if value is not None]


def scout_all(rows: Sequence[Row], arena: Arena, progress: Progress) -> None:
    """Try each case once on both sides; those that cannot be measured say so from then on."""
    for row in rows:
        progress.update(f"trying {row.case.name} on both sides")
        try:
            arena.scout(row)
        except SideMissing as error:
            row.missing[error.side] = str(error)
            progress.done(f"MISSING {row.case.name} on {error}")
        except SideFailed as error:
            row.failed = str(error)
            progress.done(f"FAILED {row.case.name} on {error}")


def fight(  # noqa: PLR0913  who takes part, and what a test replaces
    rows: Sequence[Row],
    arena: Arena,
    margins: Margins,
    *,
    seed: int,
    budget_s: float,
    save: Callable[[], None],
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Measure blocks of all open rows in turn, `save` after each, until all are settled or the time is over.

    A row is left as it is once a block as long as its last one would not end within the budget. A lost block is told
    and counts for nothing; a row that loses too many is given up.
    """
    start_s, last_s = clock(), dict.fromkeys((row.case.name for row in rows), 0.0)

    def has_time(row: Row) -> bool:
        return clock() - start_s + last_s[row.case.name] <= budget_s

    while open_rows := [row for row in open_ones(rows, margins) if has_time(row)]:
        for row in open_rows:
            if not has_time(row):
                continue
            began_s = clock()
            _fight_block(row, arena, seed, progress)
            last_s[row.case.name] = clock() - began_s
            save()
    for row in open_ones(rows, margins):
        row.ends.append(len(row.blocks))


def fight_alone(  # noqa: PLR0913  like `fight`
    row: Row,
    arena: Arena,
    margins: Margins,
    *,
    seed: int,
    budget_s: float,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """A whole duel of one case, its scout included in the budget; what came out is in the row, to be stored then."""
    start_s = clock()
    scout_all([row], arena, progress)
    rest_s = budget_s - (clock() - start_s)
    fight([row], arena, margins, seed=seed, budget_s=rest_s, save=lambda: None, progress=progress, clock=clock)


def open_ones(rows: Sequence[Row], margins: Margins) -> list[Row]:
    """The rows that can be measured and are not settled."""
    judged = zip(rows, outcomes(rows, margins), strict=True)
    return [row for row, known in judged if row.well and not known.settles(row.wanted)]


def _fight_block(row: Row, arena: Arena, seed: int, progress: Progress) -> None:
    number = len(row.blocks)
    row.turns = choose_turns(row)
    try:
        block = arena.block(row, first=first_side(seed, row.case.name, number), seed=seed + number)
    except SideFailed as error:
        row.lost.append(str(error))
        progress.done(f"LOST a block of {row.case.name}: {error}")
        row.lost_in_a_row += 1
        if row.lost_in_a_row >= MOST_LOST:
            row.failed = f"lost {row.lost_in_a_row} blocks one after the other: {error}"
        return
    row.lost_in_a_row = 0
    row.blocks.append(block)
    ratio = block_ratio(block.base_s, block.head_s)
    shown = "no ratio" if ratio is None else f"{SIDES[1]}/{SIDES[0]} {math.exp(ratio):.3f}"
    progress.update(f"block {number + 1} of {row.case.name}: {shown}")


def choose_turns(row: Row) -> int:
    """How many turns each process of the next block takes, from the noise and the costs so far."""
    fewest, first, most = TURNS[row.case.stage]
    split = split_noise(*columns(row.blocks))
    if split is None or len(row.blocks) < FIRST_BLOCKS:  # more turns would only put the first look off
        return first
    turn_s = statistics.median(block.turns_s / (2 * len(block.base_s)) for block in row.blocks)
    process_s = statistics.median(block.process_s for block in row.blocks) / 2
    return choose_rounds(split, round_s=turn_s, process_s=process_s, fewest=fewest, most=most)


def choose_epochs(turns_s: Sequence[float]) -> int:
    """Epochs per turn, from the seconds that one epoch took on each side."""
    return min(MOST_EPOCHS, max(1, math.ceil(SHORTEST_S / min(turns_s))))


def pause(case: Case, sleep: Callable[[float], None] = time.sleep) -> Callable[[], None]:
    """What lets the machine come to rest before each turn of a case."""
    return lambda: sleep(settle_s(case.stage, case.threads))
