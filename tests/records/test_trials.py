"""What a stored trial means: typical and overall numbers, and words that follow from their intervals."""

from __future__ import annotations

import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.records.schema.trials import Timing, TrialRecord
from bench.records.trials import (
    BASE,
    HEAD,
    MARGINS,
    OVERALL,
    PRIVATE,
    TYPICAL,
    judge_records,
    overall,
    typical,
    typical_ratio,
)
from bench.stats.simultaneous import CLEARANCE
from bench.trials.worker import SHARES
from bench.trials.workloads import quantiles

STEP_S = 1e-3


def timing(values: list[float]) -> Timing:
    """A turn that is summarized as a worker does."""
    shown = tuple(quantiles(values, SHARES))
    return Timing(len(values), sum(values) / len(values), min(values), max(values), shown)


def record(role: str, rounds: list[list[Timing]], case: str = "train[deep_mlp,trainer=fit]") -> TrialRecord:
    return TrialRecord(
        case=case,
        recipe="deep_mlp",
        dataset="digits",
        device="cpu:1",
        threads=1,
        batch_size=32,
        environment=role,
        measure="step",
        rounds=tuple(range(len(rounds))),
        turns=tuple(map(tuple, rounds)),
    )


def steps(source: random.Random, count: int = 50, *, factor: float = 1.0, spread: float = 0.005) -> list[float]:
    return [STEP_S * factor * (1 + abs(source.gauss(0, spread))) for _ in range(count)]


def test_typical_leaves_the_disturbed_turns_out_and_overall_counts_them() -> None:
    calm, disturbed = timing([1.0] * 50), timing([2.0] * 50)
    assert typical([calm, disturbed, disturbed]) == pytest.approx(1.0, abs=0.01)
    assert overall([calm, disturbed, disturbed]) == pytest.approx(5 / 3)
    assert overall([timing([1.0] * 10), timing([2.0] * 90)]) == pytest.approx(1.9)


def test_what_disturbs_both_turns_of_a_pair_leaves_their_ratio() -> None:
    base = [timing([1.0 * slow] * 50) for slow in (1.0, 1.8, 1.4, 1.1)]
    head = [timing([1.2 * slow] * 50) for slow in (1.0, 1.8, 1.4, 1.1)]
    assert typical_ratio(base, head) == pytest.approx(math.log(1.2))


TURN = st.lists(st.floats(1e-6, 1e-1), min_size=1, max_size=30).map(timing)


@given(turns=st.lists(st.tuples(TURN, TURN), min_size=1, max_size=12))
@settings(deadline=None, derandomize=True)
def test_swapping_the_sides_changes_the_sign_alone(turns: list[tuple[Timing, Timing]]) -> None:
    base, head = zip(*turns, strict=True)
    there, back = typical_ratio(base, head), typical_ratio(head, base)
    assert there == pytest.approx(-back, abs=1e-12)


def test_the_quickest_pair_counts_most() -> None:
    base, head = [timing([1.0] * 9), timing([1.0] * 9)], [timing([1.0] * 9), timing([1.5] * 9)]
    assert 0 < typical_ratio(base, head) < 0.1 * math.log(1.5)


def test_a_number_without_quantiles_is_itself() -> None:
    assert typical([Timing(1, 3.0, 3.0, 3.0)]) == overall([Timing(1, 3.0, 3.0, 3.0)]) == 3.0


@pytest.mark.parametrize(
    ("stalled", "stall", "spread", "factor", "words"),
    [
        (7, 2.0, 0.005, 1.0, {TYPICAL: "same", OVERALL: "slower"}),  # mean + 47 %
        (6, 1.5, 0.005, 1.0, {TYPICAL: "same", OVERALL: "slower"}),  # mean + 20 %
        (0, 1.0, 0.06, 1.0, {TYPICAL: "same"}),  # a noisier side is not a faster one
        (0, 1.0, 0.005, 1.045, {TYPICAL: "slower"}),
        (0, 1.0, 0.005, 1.0, {TYPICAL: "same", OVERALL: "same"}),
    ],
)
def test_sides_that_a_duel_of_fast_halves_judged_wrongly(
    stalled: int, stall: float, spread: float, factor: float, words: dict[str, str]
) -> None:
    """HEAD stalls in some of 15 turns, or is noisier, or slower: with 15 rounds each finding has its right word."""
    source = random.Random(7)
    base, head = [], []
    for _ in range(15):
        base.append([timing(steps(source)) for _ in range(15)])
        slow = set(source.sample(range(15), stalled))
        head.append(
            [timing(steps(source, factor=factor * (stall if turn in slow else 1), spread=spread)) for turn in range(15)]
        )
    rows = judge_records([record(BASE, base), record(HEAD, head)], MARGINS)
    found = {row.finding: row.word for row in rows}
    assert {finding: found[finding] for finding in words} == words


@given(shift=st.floats(-0.2, 0.2), spread=st.floats(1e-4, 0.05), seed=st.integers(0, 999), rounds=st.integers(1, 40))
@settings(deadline=None, derandomize=True)
def test_no_word_contradicts_its_interval(shift: float, spread: float, seed: int, rounds: int) -> None:
    source = random.Random(seed)
    base = [[timing([STEP_S])] for _ in range(rounds)]
    head = [[timing([STEP_S * (1 + shift + source.gauss(0, spread))])] for _ in range(rounds)]
    for row in judge_records([record(BASE, base), record(HEAD, head)], MARGINS):
        low, high = row.effect.low, row.effect.high
        margin = MARGINS[row.finding]
        if low is None or high is None:
            assert row.word == "cannot tell"
            continue
        inside = 1 / (1 + margin) < math.exp(low) and math.exp(high) < 1 + margin
        beyond = abs(low + high) / 2 > math.log1p(margin) or max(low, -high) > math.log1p(margin) / 2
        clear = CLEARANCE * (high - low) / 2
        aside = "slower" if low > clear else "faster" if high < -clear else "cannot tell"
        expected = "same" if inside else aside if beyond else "cannot tell"
        assert row.word == expected


def test_rounds_that_only_one_side_saw_through_are_no_pairs() -> None:
    base = record(BASE, [[timing([1.0])]] * 3)
    head = record(HEAD, [[timing([1.0])]] * 2)
    (row, _) = judge_records([base, head], MARGINS)
    assert row.effect.rounds == 2


def test_memory_is_larger_and_not_slower() -> None:
    rounds = [[Timing(1, 1e9, 1e9, 1e9)]] * 12
    more = [[Timing(1, 1.1e9, 1.1e9, 1.1e9)]] * 12
    base, head = record(BASE, rounds, "memory[process]"), record(HEAD, more, "memory[process]")
    (row,) = judge_records([msgspec.structs.replace(one, measure=PRIVATE) for one in (base, head)], MARGINS)
    assert row.word == "larger"
