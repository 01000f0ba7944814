"""The words that accuracies over seeds allow: rare failures are never called the same."""

from __future__ import annotations

import random

import pytest

from bench.stats.accuracy import (
    IDENTICAL,
    LESS,
    MORE,
    NO_DIFFERENCE,
    AccuracyFinding,
    fisher_p,
    judge_accuracy,
)
from bench.stats.simultaneous import CANNOT_TELL

FLOOR = 0.3
SEEDS = 8
GOOD = [0.850, 0.856, 0.848, 0.852, 0.851, 0.847, 0.855, 0.849]


def judge(head: list[float], base: list[float] = GOOD, *, identical: bool = False) -> AccuracyFinding:
    return judge_accuracy(base, head, floor=FLOOR, identical=identical)


def shifted(by: float, jitter: float = 0.002, seed: int = 1) -> list[float]:
    source = random.Random(seed)
    return [value + by + source.gauss(0, jitter) for value in GOOD]


@pytest.mark.parametrize(("by", "word"), [(-0.03, LESS), (0.03, MORE), (0.0, NO_DIFFERENCE), (-0.009, CANNOT_TELL)])
def test_the_word_is_where_the_interval_lies(by: float, word: str) -> None:
    assert judge(shifted(by)).word == word


def test_bits_that_are_equal_are_identical_and_say_what_was_not_seen() -> None:
    found = judge(GOOD, identical=True)
    assert found.word == IDENTICAL
    assert found.unseen == pytest.approx(0.31, abs=0.005)


@pytest.mark.parametrize("loss", [0.2, 0.1])
def test_a_head_that_loses_much_in_a_rare_seed_is_never_the_same_once_it_is_seen(loss: float) -> None:
    """A head that loses 20 points in one of 10 seeds was `non-inferior` in 45 % of duels."""
    for place in range(SEEDS):
        head = [value - loss * (number == place) for number, value in enumerate(GOOD)]
        assert judge(head).word == CANNOT_TELL
    unseen = judge(GOOD)
    assert (unseen.word, unseen.low, unseen.high) == (NO_DIFFERENCE, 0.0, 0.0)
    assert unseen.unseen > 0.1, "one seed in ten is within what is said to be possible"


@pytest.mark.parametrize(
    ("failed", "word"), [(1, CANNOT_TELL), (3, CANNOT_TELL), (6, CANNOT_TELL), (7, LESS), (8, LESS)]
)
def test_seeds_that_fail_count_as_failures(failed: int, word: str) -> None:
    """They were lost blocks, so that a head that diverges in a third of its seeds was `non-inferior`."""
    head = [0.0] * failed + GOOD[failed:]
    found = judge(head)
    assert (found.word, found.base_failures, found.head_failures) == (word, 0, failed)
    assert judge(GOOD, head).word == (MORE if word == LESS else word)


def test_equal_failures_leave_the_other_seeds_to_tell() -> None:
    base, head = [0.0, *GOOD[1:]], [0.0, *shifted(-0.03)[1:]]
    found = judge(head, base)
    assert (found.word, found.base_failures, found.head_failures) == (LESS, 1, 1)


def test_without_a_seed_that_trained_in_both_there_is_no_mean() -> None:
    found = judge([0.0] * SEEDS, [0.0] * SEEDS)
    assert (found.word, found.base, found.head, found.low) == (CANNOT_TELL, None, None, None)
    assert judge_accuracy([], [], floor=FLOOR).unseen == 1


def test_several_findings_share_the_error_rates() -> None:
    one = judge_accuracy(GOOD, shifted(0.0), floor=FLOOR)
    many = judge_accuracy(GOOD, shifted(0.0), floor=FLOOR, family=12)
    assert (many.high or 0) - (many.low or 0) > (one.high or 0) - (one.low or 0)


def test_equal_heads_are_called_less_accurate_in_at_most_one_of_a_hundred() -> None:
    source = random.Random(3)
    words = [
        judge([source.gauss(0.85, 0.02) for _ in GOOD], [source.gauss(0.85, 0.02) for _ in GOOD]).word
        for _ in range(4_000)
    ]
    assert (words.count(LESS) + words.count(MORE)) / len(words) < 0.01


def test_fishers_test_is_exact() -> None:
    from scipy import stats

    for one in range(SEEDS + 1):
        for other in range(SEEDS + 1):
            table = [[one, SEEDS - one], [other, SEEDS - other]]
            assert fisher_p(one, other, SEEDS) == pytest.approx(stats.fisher_exact(table).pvalue)
