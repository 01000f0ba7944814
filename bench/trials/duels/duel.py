"""The duel: blocks of every case in turn until each row is settled or the budget is spent."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from bench.records.duels import SIDES, Block, Margins, Row, columns, outcomes
from bench.stats.alpha_spending import FIRST_BLOCKS
from bench.stats.estimate import block_ratio
from bench.stats.variance_components import select_rounds, split_noise
from bench.trials.duels.blocks import SideFailed, SideMissing, first_side, settle_s

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.records.cases import Case


TURNS = {"train": (8, 15, 30), "infer": (20, 40, 120)}
"""Turns per process, by stage: the fewest, those before the noise is known, and the most."""
SHORTEST_S = 0.05
"""A training turn is made of so many epochs that it lasts at least this long on the faster side."""
MOST_EPOCHS = 60
LARGEST_SEED = 2**31 - 1
"""Of a training: the largest that every framework takes."""
MOST_LOST = 2
"""A case that has lost as many blocks one after the other is given up."""


class Arena(Protocol):
    """Where blocks are measured."""

    def scout(self, row: Row) -> None:
        """Try the case on both sides, and choose its epochs. Raises SideFailed or SideMissing."""

    def block(self, row: Row, *, first: str, seed: int) -> Block:
        """One block. Raises SideFailed."""


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
    return [row for row, known in judged if row.measurable and not known.settles(row.wanted)]


def _fight_block(row: Row, arena: Arena, seed: int, progress: Progress) -> None:
    number = len(row.blocks)
    row.turns = select_turns(row)
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


def select_turns(row: Row) -> int:
    """How many turns each process of the next block takes, from the noise and the costs so far."""
    fewest, first, most = TURNS[row.case.stage]
    split = split_noise(*columns(row.blocks))
    if split is None or len(row.blocks) < FIRST_BLOCKS:  # more turns would only put the first look off
        return first
    turn_s = statistics.median(block.turns_s / (2 * len(block.base_s)) for block in row.blocks)
    process_s = statistics.median(block.process_s for block in row.blocks) / 2
    return select_rounds(split, round_s=turn_s, process_s=process_s, fewest=fewest, most=most)


def select_epochs(turns_s: Sequence[float]) -> int:
    """Epochs per turn, from the seconds that one epoch took on each side."""
    return min(MOST_EPOCHS, max(1, math.ceil(SHORTEST_S / min(turns_s))))


def pause(case: Case, sleep: Callable[[float], None] = time.sleep) -> Callable[[], None]:
    """What lets the machine come to rest before each turn of a case."""
    return lambda: sleep(settle_s(case.stage, case.threads))
