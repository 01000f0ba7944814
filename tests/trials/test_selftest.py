"""The self-test: which duels are fought, and what is counted from them."""

from __future__ import annotations

import io
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import DensebenchError
from bench.progress import Progress
from bench.records.duels import Block, Row
from bench.records.other_rules import RULES
from bench.report.pages.selftest import gate_table, rules_table, selftest_page
from bench.stats.power import Rate, detectable_slowdown, mean_split
from bench.stats.variance_components import Split
from bench.trials.selftest.trials import Limits, Trial, fight_trials, plan_trials, select_injections
from tests.fake_duel import BLOCK_S, INFER, MARGINS, TRAIN
from tests.fake_selftest import FakeGround, fake_selftest_duel, row, table
from tests.noise import NOISES, simulate
from tests.stats.test_error_rates import fight as simulated_fight

ROOT = Path(__file__).parents[2]

# Shares and their intervals.


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 20, 0.0, 0.1684), (19, 20, 0.7513, 0.9987), (20, 20, 0.8316, 1.0), (3, 10, 0.0667, 0.6525), (0, 0, 0.0, 1.0)],
)
def test_intervals_are_those_of_clopper_and_pearson(count: int, of: int, low: float, high: float) -> None:
    assert Rate(count, of).interval() == pytest.approx((low, high), abs=5e-5)


def test_what_is_called_detectable_is_detected_in_19_of_20_simulated_duels_and_half_of_it_is_not() -> None:
    noise = NOISES["process offsets"]
    split = Split(noise.jitter, noise.offset, 0.0)
    slowdown = detectable_slowdown(split, rounds=5, blocks=15, margin=math.log1p(0.03), family=1)
    assert slowdown is not None
    caught = []
    for slower in (slowdown, slowdown / 2):
        base, head = simulate(noise, duels=400, blocks=15, slower=slower, seed=5)
        ratios = np.log(np.median(head, axis=2) / np.median(base, axis=2)).tolist()
        caught.append(sum(simulated_fight([values], 15)[0].verdict == "slower" for values in ratios) / 400)
    assert 0.90 <= caught[0] <= 0.99
    assert caught[1] < 0.5


def test_a_budget_that_holds_no_look_detects_nothing() -> None:
    assert detectable_slowdown(Split(0.01, 0.01, 0.0), rounds=5, blocks=7, margin=0.03, family=1) is None


def test_the_noise_of_several_duels_is_the_root_of_their_mean_variance() -> None:
    mean = mean_split([Split(0.03, 0.0, 0.1), Split(0.04, 0.0, 0.1)])
    assert mean is not None
    assert (mean.rounds, mean.processes, mean.blocks) == pytest.approx((math.sqrt(0.00125), 0.0, 0.1))
    assert mean_split([]) is None


# The rules.


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (row(1.0), [False, False, False]),
        (row(1.045), [True, False, False]),
        (row(1.06), [True, True, True]),
        (row(0.8), [False, False, False]),
        (row(1.06, blocks=2), [False, True, False]),
    ],
)
def test_three_rules_on_the_same_data(made: Row, said: list[bool]) -> None:
    assert [rule(made, MARGINS) for rule in RULES.values()] == said


def test_medians_that_differ_without_a_difference_in_ranks_are_nothing_to_asv() -> None:
    made = row(1.0)
    made.blocks = [
        Block(
            seed=1,
            first="BASE",
            base_s=(1.0, 1.0, 1.0, 9.0, 9.0),
            head_s=(1.0, 1.0, 1.1, 9.0, 9.0),
            accuracies=(),
            process_s=1.0,
            turns_s=1.0,
        )
    ]
    assert [rule(made, MARGINS) for rule in RULES.values()] == [False, True, False]


# Which duels are fought.


def test_each_stop_leaves_about_equally_many_duels_of_each_kind() -> None:
    trials = plan_trials([TRAIN, INFER], "none,5%,labels:50%", 2)
    assert [(trial.case.stage, trial.injection) for trial in trials[:5]] == [
        ("train", None),
        ("train", "train:5%"),
        ("train", "labels:50%"),
        ("infer", None),
        ("infer", "infer:5%"),
    ]
    assert [trial.number for trial in trials] == [0] * 5 + [1] * 5
    assert len({trial.seed(7) for trial in trials}) == 10


@pytest.mark.parametrize("text", ["5", "sleep:5%", "labels", "-5%"])
def test_anything_else_cannot_be_injected(text: str) -> None:
    with pytest.raises(DensebenchError, match="is none of none, 5% and labels:50%"):
        select_injections(text, "train")


def test_plants_that_leave_a_case_without_duels_are_refused() -> None:
    with pytest.raises(DensebenchError, match="leaves nothing to do for cases that infer"):
        select_injections("labels:50%", "infer")


def fight(trials: list[Trial], ground: FakeGround, total_s: float = 1e6, **options: Any) -> tuple[int, list[Trial]]:
    kept: list[Trial] = []
    left = fight_trials(
        trials,
        options.get("done", ()),
        lambda _trial: nullcontext(ground),
        MARGINS,
        Limits(120.0, total_s),
        drawn=1,
        keep=lambda trial, _ground, _row: kept.append(trial),
        progress=Progress(io.StringIO(), clock=lambda: ground.now_s),
        clock=lambda: ground.now_s,
    )
    return left, kept


def test_a_duel_is_begun_only_where_its_whole_budget_is_left() -> None:
    trials = plan_trials([INFER], "none", 5)
    left, kept = fight(trials, FakeGround(), total_s=2 * 8 * BLOCK_S + 119.0)
    assert (left, kept) == (3, trials[:2])


def test_what_is_done_is_not_fought_again() -> None:
    trials = plan_trials([INFER], "none,5%", 2)
    left, kept = fight(trials, FakeGround(), done={(INFER.name, None, 0), (INFER.name, "infer:5%", 1)})
    assert (left, kept) == (0, trials[1:3])


def test_a_stop_keeps_the_duels_before_it() -> None:
    def stop(_case: str, number: int) -> None:
        if number > 20:
            raise KeyboardInterrupt

    kept: list[Trial] = []
    ground = FakeGround(trouble=stop)
    with pytest.raises(KeyboardInterrupt):
        fight_trials(
            plan_trials([INFER], "none", 5),
            (),
            lambda _trial: nullcontext(ground),
            MARGINS,
            Limits(120.0, 1e6),
            drawn=1,
            keep=lambda trial, _ground, _row: kept.append(trial),
            progress=Progress(io.StringIO()),
            clock=lambda: ground.now_s,
        )
    assert [trial.number for trial in kept] == [0, 1]


# The page.


def test_the_table_counts_what_was_said() -> None:
    duels = [fake_selftest_duel(row(1.0), number=number) for number in range(3)]
    duels += [
        fake_selftest_duel(row(1.06), number=3),
        fake_selftest_duel(row(1.06), "infer:5%"),
        fake_selftest_duel(row(1.045), "infer:5%", 1),
    ]
    duels += [fake_selftest_duel(Row(INFER, failed="HEAD: gone"), number=4)]
    (cells,) = table(gate_table(duels))
    assert cells[:4] == [INFER.name, "1 of 4 (1–81 %)", "3 of 4 (19–99 %)", "2 of 2 (16–100 %)"]
    assert cells[5] == "8 blocks, 1 min 20 s"
    assert "**FAILED, not counted: 1 duel of infer[deep_mlp,batch=1,threads=1]: HEAD: gone**" in selftest_page(duels)


def test_three_rules_stand_side_by_side_in_display_order_with_all_cases_below() -> None:
    duels = [
        fake_selftest_duel(row(1.0)),
        fake_selftest_duel(row(1.045), "infer:5%"),
        fake_selftest_duel(row(1.06, case=TRAIN), "train:5%"),
    ]
    cells = table(rules_table(duels))
    assert [line[:2] for line in cells] == [
        [TRAIN.name, "5 %"],
        [INFER.name, "none"],
        [INFER.name, "5 %"],
        ["all cases", "none"],
        ["all cases", "5 %"],
    ]
    assert [cell.split(" (")[0] for cell in cells[4][2:]] == ["2 of 2", "1 of 2", "1 of 2"]


def test_a_loss_of_accuracy_counts_where_it_was_called_worse_and_says_how_large_it_was() -> None:
    duels = [
        fake_selftest_duel(row(case=TRAIN, loss=loss), "labels:50%", number)
        for number, loss in enumerate((0.05, 0.03, 0.0))
    ]
    (cells,) = table(gate_table(duels))
    assert cells[1:4] == ["–", "–", "2 of 3 (9–99 %), 2.7 points"]
