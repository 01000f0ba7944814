"""Types of duels and their run files, which hold raw values only; all statistics are computed on reading.

In a run file each case has two benchmarks, one per side (`bench.records.schema.DuelRecord`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.records.cases import Case
from bench.records.record import RunFileError
from bench.records.run_file import round_timings
from bench.records.schema import DuelRecord, facts_of, make_metadata
from bench.stats.estimate import block_ratio
from bench.stats.verdicts import Finding, Series, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.records.record import Run
    from bench.records.run_file import Content

FOLDER = "duels"
"""Where the run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""
SHARED = ("dataset", "dataset_sha256", "device")


SIDES = ("BASE", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One finished block of one case.

    Attributes:
        seed: the seed of both sides' trainings.
        first: the side that was started first and took the first turn.
        base_s: seconds of BASE's turns, in the order in which they ran.
        head_s: seconds of HEAD's turns, likewise.
        accuracies: BASE's and HEAD's test accuracy from the same seed; empty for inference.
        process_s: seconds until both processes were ready.
        turns_s: seconds of all turns, pauses included.
    """

    seed: int
    first: str
    base_s: tuple[float, ...]
    head_s: tuple[float, ...]
    accuracies: tuple[float, ...]
    process_s: float
    turns_s: float


def columns(blocks: Sequence[Block]) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """The seconds of BASE's and of HEAD's turns, block by block."""
    return [block.base_s for block in blocks], [block.head_s for block in blocks]


@dataclass
class Row:
    """The state of one case while it is measured.

    Attributes:
        epochs: passes over the images per training turn.
        turns: number of turns per process in the next block.
        blocks: the finished blocks.
        lost: the reason for each lost block.
        lost_in_a_row: number of blocks lost since the last finished one.
        ends: number of blocks at each time that a time budget ran out.
        missing: side to the reason why it lacks the case.
        failed: why the case was given up; ``None`` otherwise.
        wanted: ``time`` or ``accuracy`` where only that metric must be settled; ``None`` for both.
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
    def measurable(self) -> bool:
        """True if both sides have the case and it has not failed."""
        return not self.missing and self.failed is None


@dataclass(frozen=True, slots=True)
class Margins:
    """Equivalence margins of a duel.

    Attributes:
        time: of the ratio: 0.03 reaches from 1/1.03 to 1.03.
        accuracy: in accuracy (0-1).
    """

    time: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Findings of a row: on its time, and on its accuracy where something is trained."""

    time: Finding
    accuracy: Finding | None

    @property
    def settled(self) -> bool:
        """True if no more blocks are needed."""
        return self.time.settled and (self.accuracy is None or self.accuracy.settled)

    def settles(self, wanted: str | None) -> bool:
        """Tell if the wanted finding is settled; both findings if `wanted` is ``None``."""
        found = {"time": self.time, "accuracy": self.accuracy}.get(wanted or "")
        return found.settled if found else self.settled

    @property
    def more_blocks(self) -> int | None:
        """Blocks that would probably settle both findings; ``None`` where one has no forecast."""
        open_ = [found.more_blocks for found in (self.time, self.accuracy) if found and not found.settled]
        known = [more for more in open_ if more is not None]
        return max(known) if known and len(known) == len(open_) else None


def outcomes(rows: Sequence[Row], margins: Margins) -> list[Outcome]:
    """Judge each row from its blocks so far; false alarms are controlled over all rows together."""
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
    """The logarithms of HEAD's time over BASE's, one per block."""
    values = [block_ratio(block.base_s, block.head_s) for block in row.blocks]
    return [value for value in values if value is not None]


def run_content(rows: Sequence[Row], metadata: Mapping[str, Any], *, complete: bool) -> Content:
    """The metadata and the rows of a duel's run file.

    Args:
        rows: the measured cases.
        metadata: what is known before the duel, as `make_metadata` takes it.
        complete: true if the duel was not interrupted.
    """
    own = make_metadata(metadata, complete=complete, cases_planned=[row.case.name for row in rows])
    return own, [record for row in rows for record in _records(row, metadata)]


def duel_of(run: Run) -> tuple[dict[str, Any], list[Row]]:
    """Read a duel from a stored run: its metadata by their stored names, and its rows.

    Raises:
        RunFileError: it is not the run of a duel.
    """
    sides: dict[str, dict[str, DuelRecord]] = {}
    for record in run.of(DuelRecord):
        sides.setdefault(record.case, {})[record.side] = record
    if run.metadata.duel is None or set(sides) != set(run.metadata.cases_planned):
        raise RunFileError(f"{run.file}: not the run file of a duel")
    try:
        rows = [_row(case, sides[case]) for case in run.metadata.cases_planned]
    except ValueError as error:
        raise RunFileError(f"{run.file}: not the run file of a duel: {error}") from error
    return facts_of(run.metadata) | {"complete": run.complete}, rows


def _records(row: Row, metadata: Mapping[str, Any]) -> Iterator[DuelRecord]:
    """Yield the stored row of each side."""
    faults = (*row.missing.values(), *([row.failed] if row.failed else []))
    for index, side in enumerate(SIDES):
        timings = [block.head_s if index else block.base_s for block in row.blocks]
        yield DuelRecord(
            case=row.case.name,
            case_stage=row.case.stage,
            recipe=row.case.recipe,
            trainer=row.case.trainer,
            batch_size=row.case.batch_size,
            threads=row.case.threads,
            **{name: metadata[name] for name in SHARED},
            side=side,
            packages=metadata["packages_by_side"].get(side, {}),
            status="failed" if faults else "valid",
            faults=faults,
            epochs=row.epochs,
            ends=tuple(row.ends),
            lost=tuple(row.lost),
            missing=row.missing,
            turns=tuple(len(one) for one in timings),
            firsts=tuple(block.first for block in row.blocks),
            seeds=tuple(block.seed for block in row.blocks),
            test_accuracies=tuple(block.accuracies[index] for block in row.blocks if block.accuracies),
            process_s=tuple(round(block.process_s, 3) for block in row.blocks),
            turns_s=tuple(round(block.turns_s, 3) for block in row.blocks),
            values_s=round_timings([value_s for one in timings for value_s in one]),
        )


def _row(name: str, records: Mapping[str, DuelRecord]) -> Row:
    """A row from the records of both its sides. Raises ValueError where they do not fit each other."""
    if set(records) != set(SIDES):
        raise ValueError(f"{name} has the sides {', '.join(sorted(records))}")
    base, head = (records[side] for side in SIDES)
    case = Case(name, base.case_stage, base.recipe, str(base.trainer), base.batch_size, base.threads)
    pairs: list[tuple[float, ...]] = list(zip(base.test_accuracies, head.test_accuracies, strict=True))
    per_block = zip(
        base.seeds,
        base.firsts,
        _cut(base.values_s, base.turns),
        _cut(head.values_s, head.turns),
        pairs or [()] * len(base.turns),
        base.process_s,
        base.turns_s,
        strict=True,
    )
    blocks = [
        Block(seed=seed, first=first, base_s=one, head_s=other, accuracies=pair, process_s=process_s, turns_s=turns_s)
        for seed, first, one, other, pair, process_s, turns_s in per_block
    ]
    if case.stage == "train" and blocks and not pairs:
        raise ValueError(f"{name} is a training without accuracies")
    return Row(
        case=case,
        epochs=base.epochs,
        blocks=blocks,
        lost=list(base.lost),
        ends=list(base.ends),
        missing=dict(base.missing),
        failed=next((fault for fault in base.faults if fault not in base.missing.values()), None),
    )


def _cut(values_s: Sequence[float], turns: Sequence[int]) -> list[tuple[float, ...]]:
    """The timings block by block."""
    rest = iter(values_s)
    return [tuple(next(rest) for _ in range(count)) for count in turns]
