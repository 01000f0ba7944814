"""Run files of duels and their tables: what is stored is read back, and what was found is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.records.duels import SIDES, Row, outcomes, run_content
from bench.records.record import RunFileError, read_run
from bench.records.run_file import encode_run
from bench.records.schema import DuelRecord
from tests.fake_duel import (
    COMPILED,
    INFER,
    MARGINS,
    METADATA,
    TRAIN,
    FakeArena,
    duel_page,
    lose,
    read_duel,
    selftest_duels,
)
from tests.fake_runs import run_content as suite_content


def stored(rows: list[Row], path: Path, *, complete: bool = True) -> Path:
    path.write_bytes(encode_run(*run_content(rows, METADATA, complete=complete)))
    return path


def cells(page: str) -> list[list[str]]:
    table = [line for line in page.splitlines() if line.startswith(("| train[", "| infer["))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


# Run files.


def test_a_run_file_holds_all_that_is_needed_to_go_on(tmp_path: Path) -> None:
    rows = [Row(TRAIN, epochs=3), Row(COMPILED), Row(INFER)]
    arena = FakeArena(noise=0.1, trouble=lose("HEAD", 2), missing={COMPILED.name: "BASE"})
    selftest_duels(arena, rows, budget_s=120.0)
    metadata, again = read_duel(stored(rows, tmp_path / "run.json"))
    assert metadata["duel"] == METADATA["duel"]
    for row, copy in zip(rows, again, strict=True):
        assert copy.case == row.case
        assert (copy.epochs, copy.lost, copy.ends) == (row.epochs, row.lost, row.ends)
        assert (copy.missing, copy.failed) == (row.missing, row.failed)
        assert [block.accuracies for block in copy.blocks] == [block.accuracies for block in row.blocks]
        assert [block.head_s for block in copy.blocks] == [
            pytest.approx(block.head_s, abs=1e-9) for block in row.blocks
        ]
    assert [one.time.verdict for one in outcomes(again, MARGINS)] == [
        one.time.verdict for one in outcomes(rows, MARGINS)
    ]


def test_a_run_file_is_read_like_any_other(tmp_path: Path) -> None:
    rows = [Row(TRAIN), Row(INFER)]
    selftest_duels(FakeArena(trouble=lose("HEAD", 1, 2)), rows)
    run = read_run(stored(rows, tmp_path / "run.json", complete=False))
    assert (run.complete, run.missing) == (False, ())
    assert {record.side for record in run.of(DuelRecord)} == set(SIDES)


@pytest.mark.parametrize(
    ("content", "warning"),
    [("{", "not a densebench run file"), (json.dumps(suite_content([])), "not the run file of a duel")],
)
def test_another_file_is_no_duel(content: str, warning: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RunFileError, match=warning):
        read_duel(path)


def test_a_resumed_duel_goes_on_with_the_blocks_that_it_has() -> None:
    arena = FakeArena(noise=0.3)
    rows = [Row(INFER)]
    selftest_duels(arena, rows, budget_s=90.0)
    arena.noise = 0.001
    selftest_duels(arena, rows, budget_s=100.0)
    assert len(rows[0].blocks) == 19
    assert [block.seed for block in rows[0].blocks] == list(range(7, 26))
    assert rows[0].ends == [9, 19]


# The table.


def test_the_table_says_what_was_found() -> None:
    rows = [Row(TRAIN), Row(INFER)]
    arena = FakeArena({TRAIN.name: 1.1}, noise=0.0)
    selftest_duels(arena, rows)
    page = duel_page(rows, outcomes(rows, MARGINS), MARGINS, METADATA)
    assert cells(page) == [
        [
            "train[deep_mlp,trainer=fit]",
            "1.00 s",
            "1.10 s",
            "1.100 (1.100–1.100)",
            "slower",
            "0.8500 → 0.8500 (+0.0000 to +0.0000)",
            "non-inferior",
            "8",
            "–",
            "0 %, 0 %, 0 %",
        ],
        [INFER.name, "1.00 s", "1.00 s", "1.000 (1.000–1.000)", "same", "–", "–", "8", "–", "0 %, 0 %, 0 %"],
    ]
    assert "| tensorflow | 2.21.0 | 2.22.0 |" in page.replace("  ", "")
    assert "numpy" not in page


def test_what_cannot_be_told_says_what_it_would_take() -> None:
    rows = [Row(INFER), Row(TRAIN)]
    selftest_duels(FakeArena({INFER.name: 1.05}, noise=0.08), rows, budget_s=190.0)
    inference, training = cells(duel_page(rows, outcomes(rows, MARGINS), MARGINS, METADATA))
    assert inference[4] == "cannot tell"
    assert inference[8].startswith("about ")
    assert inference[8].endswith(("min 0 s", "0 s", " s"))
    assert "more blocks" in inference[8]
    assert training[5].startswith("0.8500 → 0.8500")


def test_before_the_first_look_the_table_has_no_ratio() -> None:
    rows = [Row(INFER)]
    selftest_duels(FakeArena(), rows, budget_s=30.0)
    (row,) = cells(duel_page(rows, outcomes(rows, MARGINS), MARGINS, METADATA))
    assert row[3:5] == ["–", "cannot tell"]
    assert row[8] == "about 5 more blocks, 50.0 s"


def test_a_duel_without_a_single_block_has_a_page() -> None:
    rows = [Row(TRAIN), Row(INFER, failed="HEAD: the worker ended with status 1")]
    page = duel_page(rows, outcomes(rows, MARGINS), MARGINS, METADATA)
    assert [row[4] for row in cells(page)] == ["cannot tell", "failed"]


def test_a_injected_change_is_told_above_the_table() -> None:
    metadata = {**METADATA, "duel": {**METADATA["duel"], "plant": "train:5%"}}
    assert duel_page([], [], MARGINS, metadata).startswith("**Injected into HEAD: train:5%.**")
