"""What is injected into an environment, and by how much it makes it worse."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from bench.errors import DensebenchError
from bench.records.cases import INJECT
from bench.trials.injections import TAILS, Injection, parse_injection
from bench.trials.rounds import TURNS


@pytest.mark.parametrize("count", [25, 100, 1333])
@pytest.mark.parametrize("kind", ["slow", "stall", "tail"])
def test_the_mean_of_a_round_is_longer_by_as_much_as_was_asked_for(kind: str, count: int) -> None:
    injection = Injection(kind, 0.2)
    added = [injection.lengthening(turn, count)(number) for turn in range(TURNS) for number in range(count)]
    one_tail = TAILS * 0.2 / (TURNS * count)
    assert statistics.fmean(added) == pytest.approx(0.2, rel=0.02, abs=one_tail)


def test_a_stall_leaves_most_turns_and_a_tail_most_steps_alone() -> None:
    assert [Injection("stall", 0.2).lengthening(turn, 100)(0) for turn in range(6)] == [1, 0, 0, 0, 0, 1]
    assert sum(Injection("tail", 0.1).lengthening(0, 100)(number) > 0 for number in range(100)) == 2


def test_labels_are_wrong_about_as_often_as_was_asked_for_and_times_stay_as_they_are() -> None:
    labels = np.arange(10_000) % 10
    found = Injection("labels", 0.3).labels(labels, seed=1)
    assert 0.24 < np.mean(found != labels) < 0.30, "a random label is right once in ten"
    assert Injection("labels", 0.3).lengthening(0, 100)(0) == 0.0
    assert np.array_equal(Injection("slow", 0.3).labels(labels, seed=1), labels)


def test_a_text_asks_for_it() -> None:
    assert parse_injection("") == Injection()
    assert parse_injection("tail:2.5%") == Injection("tail", 0.025)


@pytest.mark.parametrize("text", ["slow", "slow:5", "slow:-5%", "fast:5%"])
def test_anything_else_is_not_injected(text: str) -> None:
    with pytest.raises(DensebenchError, match=f"{INJECT}={text!r} is none of slow:5%, stall:5%, tail:5%, labels:5%"):
        parse_injection(text)
