"""Types of duels and their run files, which hold raw values only; all statistics are computed on reading.

In a run file each case has two benchmarks, one per side. Data of blocks lies in `extra_info` as lists with an entry
per block: `turns` (number of timings of the block), `firsts`, `seeds`, `test_accuracies`, `process_s`, `turns_s`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.records.record import SCHEMA, RunFileError, read_run
from bench.records.run_file import round_timings
from bench.stats.estimate import block_ratio
from bench.stats.verdicts import Finding, Series, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bench.records.record import Run


FOLDER = "duels"
"""Where the run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""
SHARED = ("dataset", "dataset_sha256", "device", "machine")


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a duel.

    Attributes:
        name: by the grammar of `bench.records.cases`; in older files ``train[deep_mlp]`` is a training by `fit`.
        stage: ``train`` or ``infer``.
        trainer: what trains; for inference, what trains the model that is exported.
        batch_size: images per step or per call.
        threads: CPU threads of what is measured.
    """

    name: str
    stage: str
    recipe: str
    trainer: str
    batch_size: int
    threads: int


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


def run_content(rows: Sequence[Row], metadata: Mapping[str, Any], *, complete: bool) -> dict[str, Any]:
    """The content of a duel's run file.

    Args:
        rows: the measured cases.
        metadata: the object `densebench`, without the fields that are computed from the rows.
        complete: true if the duel was not interrupted.
    """
    every = [(extra_info, values_s) for row in rows for extra_info, values_s in _extra_info(row, metadata)]
    return {
        "benchmarks": [
            {
                "name": f"{extra_info['case']} {extra_info['side']}",
                "extra_info": extra_info,
                "stats": {"data": values_s},
            }
            for extra_info, values_s in every
            if values_s and not extra_info["faults"]
        ],
        "densebench": {
            **metadata,
            "complete": complete,
            "cases_planned": [row.case.name for row in rows],
            "invalid": [
                {**extra_info, "values_s": values_s}
                for extra_info, values_s in every
                if extra_info["faults"] or not values_s
            ],
        },
    }


def read_duel(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """The metadata and the rows of the duel in a run file.

    Raises:
        DensebenchError: it cannot be read, or is not the run file of a duel.
    """
    try:
        return duel_of(read_run(path))
    except RunFileError as error:
        raise DensebenchError(f"{path.parent}/{error}" if str(error).startswith(path.name) else str(error)) from error


def duel_of(run: Run) -> tuple[dict[str, Any], list[Row]]:
    """Read a duel from a stored run: its metadata and its rows.

    Raises:
        RunFileError: it is not the run of a duel.
    """
    try:
        metadata = run.metadata
        sides: dict[str, dict[str, Any]] = {}
        for record in run.records:
            sides.setdefault(record.case, {})[record.extra_info["side"]] = record
        rows = [_row(sides[case]) for case in metadata["cases_planned"]]
        known = {name: metadata[name] for name in (*metadata, "duel", "packages_by_side")}
    except (KeyError, TypeError, ValueError) as error:
        raise RunFileError(f"{run.file}: not the run file of a duel: {error!r}") from error
    return known, rows


def _extra_info(row: Row, metadata: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], list[float]]]:
    """Yield `extra_info` and the timings in seconds of each side of a row."""
    faults = [*row.missing.values(), *([row.failed] if row.failed else [])]
    for index, side in enumerate(SIDES):
        timings = [block.head_s if index else block.base_s for block in row.blocks]
        yield (
            {
                **asdict(row.case),
                **{name: metadata[name] for name in SHARED},
                "schema": SCHEMA,
                "case": row.case.name,
                "kind": row.case.stage,
                "stage": "duel",
                "side": side,
                "packages": metadata["packages_by_side"].get(side, {}),
                "status": "failed" if faults else "valid",
                "faults": faults,
                "quick": False,
                "epochs": row.epochs,
                "ends": row.ends,
                "lost": row.lost,
                "missing": row.missing,
                "turns": [len(one) for one in timings],
                "firsts": [block.first for block in row.blocks],
                "seeds": [block.seed for block in row.blocks],
                "test_accuracies": [block.accuracies[index] for block in row.blocks if block.accuracies],
                "process_s": [round(block.process_s, 3) for block in row.blocks],
                "turns_s": [round(block.turns_s, 3) for block in row.blocks],
            },
            round_timings([value_s for one in timings for value_s in one]),
        )


def _row(records: Mapping[str, Any]) -> Row:
    """A row from the records of both its sides."""
    base, head = (records[side] for side in SIDES)
    extra_info = base.extra_info
    case = Case(base.case, extra_info["kind"], base.recipe, str(base.trainer), base.batch_size, base.threads)
    cut = [_cut(record.values_s, record.extra_info["turns"]) for record in (base, head)]
    pairs: list[tuple[float, ...]] = list(zip(base.test_accuracies, head.test_accuracies, strict=True))
    per_block = zip(
        extra_info["seeds"],
        extra_info["firsts"],
        *cut,
        pairs or [()] * len(cut[0]),
        extra_info["process_s"],
        extra_info["turns_s"],
        strict=True,
    )
    blocks = [
        Block(seed=seed, first=first, base_s=one, head_s=other, accuracies=pair, process_s=process_s, turns_s=turns_s)
        for seed, first, one, other, pair, process_s, turns_s in per_block
    ]
    return Row(
        case=case,
        epochs=extra_info["epochs"],
        blocks=blocks,
        lost=list(extra_info["lost"]),
        ends=list(extra_info["ends"]),
        missing=dict(extra_info["missing"]),
        failed=next((fault for fault in extra_info["faults"] if fault not in extra_info["missing"].values()), None),
    )


def _cut(values_s: Sequence[float], turns: Sequence[int]) -> list[tuple[float, ...]]:
    """The timings block by block.

    Raises:
        ValueError: there are not as many timings as the blocks' turns.
    """
    if sum(turns) != len(values_s):
        raise ValueError(f"{len(values_s)} timings for {sum(turns)} turns")
    rest = iter(values_s)
    return [tuple(next(rest) for _ in range(count)) for count in turns]
