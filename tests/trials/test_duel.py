from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from bench.commands.paired import exit_status
from bench.errors import DensebenchError
from bench.host.process import WorkerError
from bench.records.duels import SIDES, Outcome, Row, outcomes
from bench.report.pages.duel_table import verdicts
from bench.stats.verdicts import CANNOT_TELL, SLOWER, Finding
from bench.trials.duels.blocks import SideFailed, SideMissing, first_side, run_block, settle_s
from bench.trials.duels.cases import DEFAULT_CASES, known_cases, select_cases
from bench.trials.duels.duel import select_epochs, select_turns
from tests.fake_duel import (
    BLOCK_S,
    COMPILED,
    INFER,
    MARGINS,
    METADATA,
    TRAIN,
    FakeArena,
    duel_page,
    lose,
    selftest_duels,
)

DEFAULT_FAIL_ON = ["slower", "worse", "missing"]


class FakeWorker:
    """A process whose turns take what the clock says, and that remembers what it was asked."""

    def __init__(self, side: str, log: list[str], answers: Mapping[str, Any]) -> None:
        self.side, self.log, self.answers = side, log, answers

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.log.append(f"{request['do']} {self.side}")
        answer = self.answers.get(request["do"], {"value_s": 1.0 if self.side == "BASE" else 2.0})
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    def close(self) -> None:
        self.log.append(f"close {self.side}")


def words(rows: list[Row]) -> list[str]:
    return [word for _, word in verdicts(rows, outcomes(rows, MARGINS))]


# One block.


def test_both_sides_prepare_before_the_first_turn_and_the_turns_change_sides() -> None:
    log: list[str] = []
    prepared = {"prepare": {"test_accuracy": 0.8}}
    block = run_block(
        lambda side: FakeWorker(side, log, prepared), first="HEAD", seed=3, turns=2, settle=lambda: log.append("settle")
    )
    assert log[:2] == ["prepare HEAD", "prepare BASE"]
    turns = ["turn HEAD", "turn BASE", "turn BASE", "turn HEAD"]
    assert log[2:-2] == [line for turn in turns for line in ("settle", turn)]
    assert sorted(log[-2:]) == ["close BASE", "close HEAD"]
    assert (block.base_s, block.head_s, block.accuracies) == ((1.0, 1.0), (2.0, 2.0), (0.8, 0.8))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (WorkerError("the worker was killed by signal 9"), SideFailed),
        ({"failed": "MemoryError: "}, SideFailed),
        ({"unavailable": "the optimizer is unknown"}, SideMissing),
    ],
)
@pytest.mark.parametrize("request_", ["prepare", "turn"])
def test_a_side_that_fails_ends_the_block_and_both_processes(request_: str, answer: Any, error: type) -> None:
    log: list[str] = []
    with pytest.raises(error, match=r"^BASE: "):
        run_block(lambda side: FakeWorker(side, log, {request_: answer}), first="BASE", seed=3, turns=2)
    assert sorted(log[-2:]) == ["close BASE", "close HEAD"]


def test_each_two_blocks_begin_once_with_either_side_and_which_is_drawn() -> None:
    firsts = [[first_side(seed, "train[deep_mlp]", block) for block in range(2)] for seed in range(200)]
    assert all(sorted(pair) == list(SIDES) for pair in firsts)
    drawn = Counter(first for first, _ in firsts)
    assert min(drawn.values()) > 70


def test_idle_threads_of_the_other_side_are_waited_for() -> None:
    assert settle_s("infer", 1) < settle_s("train", 2) < settle_s("infer", 2)


# Whole duels.


def test_a_duel_ends_when_every_row_is_settled_and_settled_rows_are_measured_no_more() -> None:
    arena = FakeArena({TRAIN.name: 1.05}, loss=0.0)
    rows = [Row(TRAIN), Row(INFER)]
    selftest_duels(arena, rows, budget_s=10_000.0)
    assert words(rows) == ["slower", "non-inferior", "same"]
    assert [len(row.blocks) for row in rows] == [8, 8]
    assert not any(row.ends for row in rows)


def test_every_block_is_saved_before_the_next() -> None:
    arena = FakeArena()
    selftest_duels(arena, [Row(INFER)])
    blocks = [line.split()[0] for line in arena.log[1:]]
    assert blocks == ["block", "save"] * 8


def test_both_sides_of_each_block_have_a_seed_of_their_own() -> None:
    rows = [Row(INFER)]
    selftest_duels(FakeArena(), rows)
    assert [block.seed for block in rows[0].blocks] == list(range(7, 15))


def test_the_budget_ends_a_duel_that_is_not_settled_before_a_block_would_exceed_it() -> None:
    arena = FakeArena(noise=0.3)
    rows = [Row(INFER)]
    selftest_duels(arena, rows, budget_s=9 * BLOCK_S + 5)
    assert arena.now_s == 9 * BLOCK_S
    assert rows[0].ends == [9]
    assert words(rows) == ["cannot tell"]


def test_a_killed_worker_costs_its_block_and_is_told() -> None:
    arena = FakeArena(trouble=lose("HEAD", 3))
    rows = [Row(INFER)]
    shown = selftest_duels(arena, rows)
    assert f"LOST a block of {INFER.name}: HEAD: the worker was killed by signal 9" in shown
    assert (len(rows[0].blocks), rows[0].failed) == (8, None)
    assert [block.first for block in rows[0].blocks].count("BASE") == 4
    assert words(rows) == ["same", "failed"]


def test_a_case_that_fails_twice_in_a_row_is_given_up_and_the_others_go_on() -> None:
    def trouble(case: str, number: int) -> None:
        if case == TRAIN.name and number > 2:
            raise SideFailed("BASE", "the worker gave no answer within 120 s")

    rows = [Row(TRAIN), Row(INFER)]
    selftest_duels(FakeArena(trouble=trouble), rows)
    assert rows[0].failed == "lost 2 blocks one after the other: BASE: the worker gave no answer within 120 s"
    assert [len(row.blocks) for row in rows] == [2, 8]
    assert words(rows) == ["failed", "same"]


@pytest.mark.parametrize(("side", "word", "status"), [("HEAD", "missing", 1), ("BASE", "new", 2)])
def test_a_case_on_one_side_only_is_an_alarm(side: str, word: str, status: int) -> None:
    rows = [Row(COMPILED), Row(INFER)]
    shown = selftest_duels(FakeArena(missing={COMPILED.name: side}), rows)
    assert f"MISSING {COMPILED.name} on {side}: no such thing here" in shown
    assert words(rows) == [word, "same"]
    page = duel_page(rows, outcomes(rows, MARGINS), MARGINS, METADATA)
    assert f"**ALARM: {COMPILED.name} exists on one side only; {side}: no such thing here**" in page.replace("\\", "")
    assert exit_status(words(rows), DEFAULT_FAIL_ON) == status


@pytest.mark.parametrize(
    ("found", "fail_on", "status"),
    [
        (["same", "non-inferior", "faster"], DEFAULT_FAIL_ON, 0),
        (["same", "slower", "cannot tell"], DEFAULT_FAIL_ON, 1),
        (["worse"], DEFAULT_FAIL_ON, 1),
        (["same", "cannot tell"], DEFAULT_FAIL_ON, 2),
        (["same", "failed", "cannot tell"], DEFAULT_FAIL_ON, 3),
        (["slower", "failed"], DEFAULT_FAIL_ON, 1),
        (["slower"], ["worse"], 0),
        (["cannot tell"], ["cannot tell"], 1),
        ([], DEFAULT_FAIL_ON, 0),
    ],
)
def test_the_exit_status_says_whether_anything_got_worse(found: list[str], fail_on: list[str], status: int) -> None:
    assert exit_status(found, fail_on) == status


# Choices.


def test_the_first_processes_take_a_fixed_number_of_turns_and_later_ones_what_pays() -> None:
    assert select_turns(Row(TRAIN)) == 15
    row = Row(TRAIN, turns=15)
    selftest_duels(FakeArena(noise=0.05), [row], budget_s=80.0)
    assert select_turns(row) == 8


def test_a_training_turn_is_long_enough_on_the_faster_side() -> None:
    assert select_epochs([0.2, 0.02]) == 3
    assert select_epochs([5.0, 4.0]) == 1
    assert select_epochs([1e-9]) == 60


def test_cases_are_chosen_by_name_and_by_pattern() -> None:
    assert [case.name for case in select_cases(None, 2)] == list(DEFAULT_CASES)
    chosen = select_cases("infer[deep_mlp,batch=1,threads=1], train[single*", 2)
    assert [case.name for case in chosen] == [
        "train[single_dense,trainer=fit]",
        "train[single_dense,trainer=compiled]",
        "infer[deep_mlp,batch=1,threads=1]",
    ]
    everything = select_cases("*", 2)
    assert [case.name for case in everything] == list(known_cases(2))
    own = {"logistic_regression": 7, "single_dense": 8, "deep_mlp": 8, "dropout_mlp": 8}
    assert own.items() <= Counter(case.recipe for case in everything).items()
    assert {case.threads for case in select_cases("infer*", 1)} == {1}


@pytest.mark.parametrize(
    ("text", "warning"),
    [("train[deep_mpl]", r"unknown case 'train\[deep_mpl\]'. Did you mean"), (",", "no case")],
)
def test_a_case_that_does_not_exist_is_said(text: str, warning: str) -> None:
    with pytest.raises(DensebenchError, match=warning):
        select_cases(text, 2)


def test_a_row_is_settled_by_what_is_wanted_of_it() -> None:
    told = Finding(verdict=SLOWER, value=0.1, low=0.09, high=0.11, p_value=0.0, blocks=8)
    untold = Finding(verdict=CANNOT_TELL, value=0.0, low=-0.1, high=0.1, p_value=1.0, blocks=8)
    known = Outcome(time=told, accuracy=untold)
    assert known.settles("time")
    assert not known.settles("accuracy")
    assert not known.settles(None)
    assert Outcome(time=told, accuracy=None).settles(None)
