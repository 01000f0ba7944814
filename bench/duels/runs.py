"""Run files of duels: rows to pytest-benchmark's JSON and back. Raw values only; every statistic is made on reading.

Each case has two benchmarks, one per side. What belongs to blocks stands in `extra_info` as lists with an entry per
block: `turns` (how many of the timings are the block's), `firsts`, `seeds`, `test_accuracies`, `process_s`, `turns_s`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.duels.blocks import SIDES, Block
from bench.duels.cases import Case
from bench.duels.duel import Row
from bench.errors import DensebenchError
from bench.records import SCHEMA, RunFileError, read_run
from bench.runfile import round_timings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.records import Run

FOLDER = "duels"
"""Where the run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""
SHARED = ("dataset", "dataset_sha256", "device", "machine")


def run_content(rows: Sequence[Row], about: Mapping[str, Any], *, complete: bool) -> dict[str, Any]:
    """The run file.

    Args:
        rows: what was measured.
        about: the object `densebench`, but for what follows from the rows.
        complete: whether the duel came to its end.
    """
    every = [(papers, values_s) for row in rows for papers, values_s in _papers(row, about)]
    return {
        "benchmarks": [
            {"name": f"{papers['case']} {papers['side']}", "extra_info": papers, "stats": {"data": values_s}}
            for papers, values_s in every
            if values_s and not papers["faults"]
        ],
        "densebench": {
            **about,
            "complete": complete,
            "cases_planned": [row.case.name for row in rows],
            "invalid": [
                {**papers, "values_s": values_s} for papers, values_s in every if papers["faults"] or not values_s
            ],
        },
    }


def read_duel(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """The duel that a run file holds, as `duel_of` has it.

    Raises:
        DensebenchError: it cannot be read, or is not the run file of a duel.
    """
    try:
        return duel_of(read_run(path))
    except RunFileError as error:
        raise DensebenchError(f"{path.parent}/{error}" if str(error).startswith(path.name) else str(error)) from error


def duel_of(run: Run) -> tuple[dict[str, Any], list[Row]]:
    """What a stored run says about its duel, and its rows.

    Raises:
        RunFileError: it is not the run of a duel.
    """
    try:
        about = run.papers
        sides: dict[str, dict[str, Any]] = {}
        for record in run.records:
            sides.setdefault(record.case, {})[record.papers["side"]] = record
        rows = [_row(sides[case]) for case in about["cases_planned"]]
        known = {name: about[name] for name in (*about, "duel", "packages_by_side")}
    except (KeyError, TypeError, ValueError) as error:
        raise RunFileError(f"{run.file}: not the run file of a duel: {error!r}") from error
    return known, rows


def _papers(row: Row, about: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], list[float]]]:
    """For each side of a row what is stored beside its timings, and these."""
    faults = [*row.missing.values(), *([row.failed] if row.failed else [])]
    for index, side in enumerate(SIDES):
        timings = [block.head_s if index else block.base_s for block in row.blocks]
        yield (
            {
                **asdict(row.case),
                **{name: about[name] for name in SHARED},
                "schema": SCHEMA,
                "case": row.case.name,
                "kind": row.case.stage,
                "stage": "duel",
                "side": side,
                "packages": about["packages_by_side"].get(side, {}),
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
    papers = base.papers
    case = Case(base.case, papers["kind"], base.recipe, str(base.trainer), base.batch_size, base.threads)
    cut = [_cut(record.values_s, record.papers["turns"]) for record in (base, head)]
    pairs: list[tuple[float, ...]] = list(zip(base.test_accuracies, head.test_accuracies, strict=True))
    per_block = zip(
        papers["seeds"],
        papers["firsts"],
        *cut,
        pairs or [()] * len(cut[0]),
        papers["process_s"],
        papers["turns_s"],
        strict=True,
    )
    blocks = [
        Block(seed=seed, first=first, base_s=one, head_s=other, accuracies=pair, process_s=process_s, turns_s=turns_s)
        for seed, first, one, other, pair, process_s, turns_s in per_block
    ]
    return Row(
        case=case,
        epochs=papers["epochs"],
        blocks=blocks,
        lost=list(papers["lost"]),
        ends=list(papers["ends"]),
        missing=dict(papers["missing"]),
        failed=next((fault for fault in papers["faults"] if fault not in papers["missing"].values()), None),
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
