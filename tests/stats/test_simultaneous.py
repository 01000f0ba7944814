"""The error rates and the power of `bench.stats.simultaneous`, over thousands of simulated trials.

Trials of equal environments: the share with any alarm at any look, and the share in which any interval misses the true
value at any look, with the upper bound of the latter (99 %, one-sided). Small: 3 heads, 1 case, 2 findings, hence 6
series; 20,000 trials of 64 rounds. Large: 5 heads, 25 cases, 250 series; 7,500 trials of 35 rounds.

| noise | small: alarm | missed | at most | large: alarm | missed | at most |
|---|---|---|---|---|---|---|
| normal | 0 % | 2.57 % | 2.84 % | 0 % | 2.17 % | 2.60 % |
| steps | 0 % | 2.65 % | 2.93 % | 0 % | 2.19 % | 2.61 % |
| calls | 0.20 % | 2.35 % | 2.61 % | 0.13 % | 2.04 % | 2.45 % |
| storms, steps | 0 % | 2.42 % | 2.69 % | 0 % | 2.56 % | 3.02 % |
| storms, calls | 0.20 % | 2.29 % | 2.55 % | 0.08 % | 1.24 % | 1.57 % |
| drift | 0 % | 2.56 % | 2.83 % | 0 % | 2.21 % | 2.64 % |
| tails | 0 % | 2.58 % | 2.85 % | 0 % | 1.20 % | 1.53 % |
| offsets | 0 % | 0.97 % | 1.15 % | 0 % | 0.03 % | 0.11 % |
| unequal sides | 0.20 % | 1.53 % | 1.74 % | 0.03 % | 0.16 % | 0.30 % |
| two modes | 0 % | 1.55 % | 1.77 % | 0 % | 2.12 % | 2.54 % |
| two modes, steps | 0 % | 2.61 % | 2.88 % | 0 % | 3.11 % | 3.60 % |
| worst | 0.01 % | 1.90 % | 2.13 % | 0 % | 2.08 % | 2.50 % |

Without a margin (0.1 %), which most middles lie within, 0.8 % of the small trials have an alarm at most (two modes and
steps; 0.97 % by the upper bound).

Power, in trials of 12 series (3 heads, 2 cases, 2 findings) with normal noise: the share of series that are settled
after so many rounds. The standard deviations of the log ratio are those of a probe of rounds of six turns: compiled
loop 1.4 %, fit and direct call 1.8 %, predict 3.2 %, the mean of any 3.5 %.

| finding | deviation | equal, `same`: 12 | 16 | 20 | 26 | 5 % slower, `slower`: 12 | 16 | 20 | 26 |
|---|---|---|---|---|---|---|---|---|---|
| typical, margin 3 % | 1.4 % | 87 % | 100 % | 100 % | 100 % | 100 % | 100 % | 100 % | 100 % |
| typical, margin 3 % | 1.8 % | 48 % | 88 % | 98 % | 100 % | 92 % | 100 % | 100 % | 100 % |
| typical, margin 3 % | 3.2 % | 1 % | 5 % | 17 % | 46 % | 20 % | 51 % | 78 % | 96 % |
| overall, margin 5 % | 3.5 % | 21 % | 60 % | 88 % | 99 % | 12 % | 30 % | 43 % | 52 % |

What belongs to an environment for the whole trial, as where its files lie, is a difference for the rule, and no number
of rounds takes it away. The share of such trials of 12 series (deviation 1.8 %) with any alarm at any look up to 35
rounds:

| what is off | margins 3 %, 5 % | margins 1 %, 1 % |
|---|---|---|
| all heads by 1 % | 0.1 % | 47 % |
| every environment, the base too, by its own 1 % (standard deviation) | 24 % | 72 % |
| by its own 2 % | 69 % | |

So a slowdown of 5 % is ``slower`` overall, where 5 % is the margin, in half of the trials after 26 rounds; typically,
where the margin is 3 %, in all.

What no interval from few rounds can hold is noise of the heads alone that most rounds do not show. An exponential delay
as large as the rest of the noise makes an interval miss in 2.9 % of the small trials and in 4.7 % of the large ones (35
rounds); one twice as large in 7 and 12 %. A head whose turns stall as a whole, 7 of 15 of them, has five or six stalled
turns in a twelfth of its rounds, and only these move its typical time. Its overall time is ``slower`` in 87 % of series
after 12 rounds and in all after 18; its typical time is ``same`` in 77 and 88 % then, and never ``faster``. If half of
a stalling turn's steps take twice as long, it is ``same`` in 97 % after 14.

What was tried instead, and dropped (all but the last two with intervals of 99 % and 11 looks):

- The trimmed mean, a sixth left out at either end, as in `bench.stats.estimate`: 250 series with two modes have an
  interval that misses in 1.4 to 1.8 % of 2,000 trials (22 rounds), and with normal noise of 1.8 % (12 series) 10 % of
  equal series are ``same`` after 12 rounds and 53 % after 18, instead of 26 % and 87 % (by any look so far).
- A tenth at either end: valid, but closer to the edge (two modes and steps, 250 series: 0.95 % missed instead of
  0.7 %). With normal noise 17 % are ``same`` after 12 rounds and 79 % after 18. With Student's noise of 3 degrees of
  freedom it loses at 12 (49 % instead of 53 %) and gains at 18 (94 % instead of 89 %). If one round in 20 is off by ten
  deviations, it gains much (81 % instead of 44 % after 22). But then it hides rare slow rounds, which the overall time
  has to show.
- Fewer than the 11 looks in the union bound. With normal noise, a series of 64 rounds misses at any look 6.8 times as
  often as at one look at an error of 9e-4, 7.6 times at 1.5e-4 (6 series), 8.4 times at 2.8e-5 (32 series) and 9.8
  times at 3.6e-6 (250 series; 213 misses in 6,000,000): a few per cent of the width, and not for other noise.
- The first look after 8 rounds for large families: 1.05 % of 10,000 trials of 250 series miss with two modes and steps.
- Rounds whose turns disagree weighing less (1 / (the variance within the round + its median), and the error of Hartung
  and Knapp, Statistics in Medicine 2001). On ten stored duels of a noisy afternoon it took 0.78 times the variance, in
  storms half, and settled the overall findings of nine of them within 8 minutes instead of seven; redrawn from their
  rounds, no interval missed more often than it may. But simulated, an interval misses in 7.3 % of 10,000 small trials
  (storms, calls) and in 6.2 % of 5,000 large ones (steps).
- The larger of a series' own variance and the mean one of its case and finding over all environments, with three times
  the degrees of freedom. In trials of 13 environments, each compared with the one before it (208 series, 300 trials),
  intervals are 31 % narrower after 10 rounds, 15 % after 18 and 9 % after 26; but where the base is four times as noisy
  as the rest, 0.7 % of the trials have an alarm, and in 5 % an interval misses. With twice the degrees of freedom the
  rates hold (2.3 % missed), and 24, 10 and 6 % are left of the gain: further rounds are worth more.
- Intervals of 99 %, and alarms without clearance: as few false alarms, but ``same`` takes half as many rounds again.
  With a deviation of 1.8 %, 23 % of equal series were ``same`` after 12 rounds (now 48 %), 85 % after 18 (now 95 %).

Nothing here depends on a clock: equal seeds give equal figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from bench.stats.estimate import centre, student_quantile
from bench.stats.simultaneous import (
    ALARM_ERROR,
    CANNOT_TELL,
    CLEARANCE,
    ERROR,
    FASTER,
    LOOKS,
    SAME,
    SLOWER,
    Effect,
    common_interval,
    judge,
    looks,
    select_word,
)

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

MARGINS = (0.03, 0.05)
"""Of the typical and of the overall time."""
TURNS = 6
"""Turns of each case per round and environment."""
QUANTILE = 0.075
"""The typical time is this quantile of all steps or calls of a round: what `typical_ratio` weighs, unweighted."""
SLOW_CORE = 1.8
"""How many times longer anything takes while the core is in its slow state."""
HARSHNESS = (0.5, 1.0, 2.0, 4.0)
"""In storms, how many times shorter than in a mild hour the core is fast at a time: slow in 12 to 51 % of the time."""
MILD = (1.0,)
POOLED = 4_000
"""Environments that are simulated step by step for a pool, from which rounds draw."""
CHUNK = 100_000
"""Series that are simulated at a time, to fit the processor's caches."""


class Shape(NamedTuple):
    """A trial's size: heads times cases times two findings is the size of its family."""

    heads: int
    cases: int

    @property
    def family(self) -> int:
        return 2 * self.heads * self.cases


SMALL, TWELVE, LARGE = Shape(3, 1), Shape(3, 2), Shape(5, 25)


class Work(NamedTuple):
    """What a turn consists of: steps or calls in a row, each of the same work.

    Attributes:
        work_s: seconds of one step or call on a fast core.
        number: how many of them a turn has.
        harshness: the hours that are drawn from, round by round (see `HARSHNESS`).
        drift: how much slower the machine becomes in the course of a round.
        tail: degrees of freedom of the steps' own jitter of 2 % (Student); ``None`` for none.
        stalls: probability that a turn stalls.
        stalled: the part of a stalling turn's steps that take twice as long.
    """

    work_s: float
    number: int
    harshness: tuple[float, ...] = MILD
    drift: float = 0.0
    tail: float | None = None
    stalls: float = 0.0
    stalled: float = 1.0


STEPS, CALLS = Work(1e-3, 49), Work(1e-5, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What disturbs the numbers of a round; every figure is a share of the time that is measured.

    Attributes:
        work: steps or calls, which are simulated one by one; ``None`` for normal jitter alone.
        head: what the heads do instead of `work`.
        jitter: standard deviation of each number, around what `work` says.
        offset: standard deviation of what a process, hence all its numbers in a round, is off by.
        head_offset: that of the heads, where it differs.
        tail: degrees of freedom of the offset (Student); ``None`` is normal. With 3, the offset is the scale.
        modes: each case is slower by this much in half of the processes.
        files: standard deviation of what an environment is off by for the whole trial.
        skewed: mean of what a head's process is slower by (exponential); the base has nothing like it.
    """

    work: Work | None = None
    head: Work | None = None
    jitter: float = 0.0
    offset: float = 0.0
    head_offset: float | None = None
    tail: float | None = None
    modes: float = 0.0
    files: float = 0.0
    skewed: float = 0.0


NOISES: dict[str, Noise] = {
    "normal": Noise(jitter=0.018),
    "steps": Noise(work=STEPS, jitter=0.002),
    "calls": Noise(work=CALLS, jitter=0.002),
    "storms, steps": Noise(work=STEPS._replace(harshness=HARSHNESS), jitter=0.002),
    "storms, calls": Noise(work=CALLS._replace(harshness=HARSHNESS), offset=0.01),
    "drift": Noise(work=STEPS._replace(drift=0.10), offset=0.005),
    "tails": Noise(work=STEPS._replace(tail=2.0), offset=0.005),
    "offsets": Noise(jitter=0.002, offset=0.015, tail=3.0),
    "unequal sides": Noise(jitter=0.002, offset=0.005, head_offset=0.06),
    "two modes": Noise(jitter=0.002, modes=0.025),
    "two modes, steps": Noise(work=STEPS, jitter=0.002, modes=0.025),
    "worst": Noise(work=STEPS._replace(harshness=HARSHNESS, tail=2.0, drift=0.10), offset=0.01, tail=3.0, modes=0.025),
}
"""Noise in which the sides are equal, in the mean at least."""


SKEWED = Noise(jitter=0.013, skewed=0.018)
"""Noise of the heads that makes them slower, in a standard deviation as large as that of the other noise."""

POWER_LOOKS = (12, 16, 20, 26)
POWER = [
    (0.014, 0, (0.87, 1.00, 1.00, 1.00), (1.00, 1.00, 1.00, 1.00)),
    (0.018, 0, (0.48, 0.88, 0.98, 1.00), (0.92, 1.00, 1.00, 1.00)),
    (0.032, 0, (0.01, 0.05, 0.17, 0.46), (0.20, 0.51, 0.78, 0.96)),
    (0.035, 1, (0.21, 0.60, 0.88, 0.99), (0.12, 0.30, 0.43, 0.52)),
]
"""The table of power: deviation, finding, and the shares after the rounds of `POWER_LOOKS`."""
OFFSETS = [
    (0.01, 0.0, MARGINS, 0.001),
    (0.01, 0.0, (0.01, 0.01), 0.47),
    (0.0, 0.01, MARGINS, 0.24),
    (0.0, 0.01, (0.01, 0.01), 0.72),
    (0.0, 0.02, MARGINS, 0.69),
]
"""The table of offsets: by how much all heads are slower, the files' deviation, the margins, and the alarms."""


# --- A machine, step by step ---


def run_turns(work: Work, harshness: float, source: np.random.Generator, environments: int) -> Floats:
    """The seconds of every step of one round, (environments, steps), on a core that switches between two states.

    A slow state lasts 1 to 5 ms, a fast one 5 to 18 ms in a mild hour. All turns are placed on one long time line, with
    pauses as long as a turn or 40 ms in between.
    """
    turn_s = max(2 * work.number * work.work_s, 0.04)
    turns = environments * TURNS
    switches = 2 * int(turns * turn_s / (3e-3 / SLOW_CORE + 11.5e-3 / harshness) * 1.05 + 100)
    lasts_s = np.empty(switches)
    lasts_s[0::2] = source.uniform(1e-3, 5e-3, switches // 2)
    lasts_s[1::2] = source.uniform(5e-3, 18e-3, switches // 2) / harshness
    done_s = lasts_s.copy()
    done_s[0::2] /= SLOW_CORE
    starts = np.arange(turns) * turn_s + source.uniform(0, turn_s / 4, turns)
    marks = starts[:, None] + work.work_s * np.arange(work.number + 1)
    times = np.interp(marks, np.concatenate([[0], done_s.cumsum()]), np.concatenate([[0], lasts_s.cumsum()]))
    steps = np.diff(times, axis=1).reshape(environments, TURNS, work.number)
    steps *= 1 + work.drift * (np.arange(TURNS)[:, None] + source.random((environments, TURNS, 1))) / TURNS
    stalls = source.random((environments, TURNS, 1)) < work.stalls
    steps *= 1 + (stalls & (np.arange(work.number) < work.stalled * work.number))
    if work.tail is not None:
        steps *= 1 + 0.02 * np.abs(source.standard_t(work.tail, steps.shape))
    every: Floats = steps.reshape(environments, -1)
    return every


@cache
def pool(work: Work, seed: int = 1) -> Floats:
    """The logarithms of the typical and the overall time of many environments' rounds: (hours, environments, 2)."""
    source = np.random.default_rng(seed)
    hours = [run_turns(work, harshness, source, POOLED) for harshness in work.harshness]
    both = [np.stack([np.quantile(steps, QUANTILE, axis=1), steps.mean(axis=1)], axis=1) for steps in hours]
    logs: Floats = np.log(np.array(both))
    return logs


def run_trials(  # noqa: PLR0913, PLR0917  what is simulated, and how much of it
    noise: Noise, shape: Shape, trials: int, rounds: int, slower: float = 0.0, seed: int = 1
) -> Iterator[tuple[Floats, Floats]]:
    """Yield chunks of trials: the logarithms of head over base, (rounds, trials, family), and their true means.

    The base's numbers are shared by all heads of a case, a process's offset by all its cases.
    """
    source = np.random.default_rng(seed)
    size = max(1, CHUNK // shape.family)
    for first in range(0, trials, size):
        count = min(size, trials - first)
        numbers = _numbers(noise, shape, count, rounds, source)
        numbers[:, :, 1:] += math.log1p(slower)
        ratios = numbers[:, :, 1:] - numbers[:, :, :1]
        yield ratios.reshape(rounds, count, shape.family), np.tile(true_means(noise, slower), shape.family // 2)


def true_means(noise: Noise, slower: float = 0.0) -> Floats:
    """The true values of a head's typical and overall time."""
    true = np.full(2, math.log1p(slower) + noise.skewed)
    if noise.work is not None and noise.head is not None:
        true += (pool(noise.head) - pool(noise.work)).mean(axis=(0, 1))
    return true


def _numbers(noise: Noise, shape: Shape, trials: int, rounds: int, source: np.random.Generator) -> Floats:
    """The logarithms of all times: (rounds, trials, environments, cases, 2); the base is the first environment."""
    sides = (rounds, trials, 1 + shape.heads, shape.cases)
    numbers: Floats = np.zeros((*sides, 2))
    if noise.work is not None:
        hours = source.integers(len(noise.work.harshness), size=(rounds, trials, 1, 1), dtype=np.int32)
        drawn = hours * POOLED + source.integers(POOLED, size=sides, dtype=np.int32)
        numbers = pool(noise.work).reshape(-1, 2)[drawn]
        if noise.head is not None:
            numbers[:, :, 1:] = pool(noise.head).reshape(-1, 2)[drawn[:, :, 1:]]
    if noise.jitter:
        numbers += noise.jitter * source.standard_normal(numbers.shape)
    if noise.modes:
        numbers += noise.modes * source.integers(0, 2, (*sides, 1))
    if noise.files:
        numbers += noise.files * source.standard_normal((1, trials, sides[2], 1, 1))
    numbers += _offsets(noise, source, sides[:3])[..., None, None]
    return numbers


def _offsets(noise: Noise, source: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    drawn = source.standard_normal(shape) if noise.tail is None else source.standard_t(noise.tail, shape)
    scale = np.full(shape[2], noise.offset if noise.head_offset is None else noise.head_offset)
    scale[0] = noise.offset
    offsets: Floats = scale * drawn
    offsets[:, :, 1:] += noise.skewed * source.standard_exponential((*shape[:2], shape[2] - 1))
    return offsets


# --- The rule for many trials at once ---


class Judged(NamedTuple):
    """The simultaneous intervals of many trials at one interim analysis: arrays of (trials, family)."""

    rounds: int
    low: Floats
    high: Floats

    def says(self, word: str, margins: Floats) -> Flags:
        same = (-margins < self.low) & (self.high < margins)
        middle = (self.low + self.high) / 2
        clear = CLEARANCE * (self.high - self.low) / 2
        slower = (self.low > clear) & ((self.low > margins / 2) | (middle > margins))
        faster = (-self.high > clear) & ((-self.high > margins / 2) | (-middle > margins))
        every = {SAME: same, SLOWER: ~same & slower, FASTER: ~same & faster}
        return every[word]


def judge_trials(ratios: Floats) -> Iterator[Judged]:
    """What `judge` finds, at each interim analysis, in an array of (rounds, trials, family)."""
    due = looks(ratios.shape[2])
    sums, squares, seen = np.zeros(ratios.shape[1:]), np.zeros(ratios.shape[1:]), 0
    low, high = np.full(ratios.shape[1:], -np.inf), np.full(ratios.shape[1:], np.inf)
    for rounds in (look for look in due if look <= len(ratios)):
        added = ratios[seen:rounds]
        sums += added.sum(axis=0)
        squares += np.einsum("ijk,ijk->jk", added, added)
        seen = rounds
        mean = sums / rounds
        error = np.sqrt(np.maximum(squares / rounds - mean**2, 0) / (rounds - 1))
        half = student_quantile(ERROR / ratios.shape[2] / len(due), rounds - 1) * error
        low, high = np.maximum(low, mean - half), np.minimum(high, mean + half)
        apart = low > high
        low, high = np.where(apart, mean - half, low), np.where(apart, mean + half, high)
        yield Judged(rounds, low, high)


def log_margins(family: int, margins: tuple[float, float] = MARGINS) -> Floats:
    """The margins of the typical and the overall times, which take turns in a family."""
    return np.tile(np.log1p(margins), family // 2)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of so many trials had a false alarm, or an interval that missed its true value, at any look."""

    trials: int
    alarms: int
    missed: int


@cache
def tally(  # noqa: PLR0913, PLR0917  what is simulated, how much of it, and how it is judged
    noise: Noise,
    shape: Shape,
    trials: int,
    rounds: int,
    slower: float = 0.0,
    margins: tuple[float, float] = MARGINS,
) -> Tally:
    """Judge trials at every look up to so many rounds; an alarm is any ``slower`` or ``faster``."""
    inside = log_margins(shape.family, margins)
    alarms = missed = 0
    for ratios, true in run_trials(noise, shape, trials, rounds, slower):
        alarm = np.zeros(ratios.shape[1], dtype=bool)
        miss = alarm.copy()
        for judged in judge_trials(ratios):
            alarm |= (judged.says(SLOWER, inside) | judged.says(FASTER, inside)).any(axis=1)
            miss |= ((judged.low > true) | (judged.high < true)).any(axis=1)
        alarms += int(alarm.sum())
        missed += int(miss.sum())
    return Tally(trials, alarms, missed)


def shares(noise: Noise, word: str, finding: int, slower: float = 0.0) -> dict[int, float]:
    """Interim analysis to the share of series, of 1,500 trials of 12, that have this word then.

    Args:
        noise: what disturbs them.
        word: the word that is counted.
        finding: 0 for the typical times, 1 for the overall ones.
        slower: how much slower the heads are.
    """
    ratios = np.concatenate([chunk for chunk, _ in run_trials(noise, TWELVE, 1_500, 35, slower)], axis=1)
    margins = log_margins(TWELVE.family)
    return {one.rounds: float(one.says(word, margins)[:, finding::2].mean()) for one in judge_trials(ratios)}


def at_most(hits: int, trials: int) -> float:
    """The rate that is exceeded with 1 % confidence only (upper bound of Clopper and Pearson, Biometrika 1934)."""
    return 1.0 if hits == trials else float(special.betaincinv(hits + 1, trials - hits, 0.99))


def scattered(around: float, spread: float, rounds: int, seed: int = 1) -> list[float]:
    """Values whose mean is exactly `around` and whose standard deviation is exactly `spread`."""
    values = np.random.default_rng(seed).standard_normal(rounds)
    values -= values.mean()
    scaled: list[float] = (around + spread * values / values.std(ddof=1)).tolist()
    return scaled


# --- One series ---


def test_before_the_first_look_nothing_can_be_told_but_how_many_rounds_are_missing() -> None:
    none, some = judge([[], [0.25, 0.5, 0.75]], [0.03, 0.03])
    nothing = Effect(word=CANNOT_TELL, value=None, low=None, high=None, rounds=0, more_rounds=8)
    assert none == nothing
    assert some == replace(nothing, value=0.5, rounds=3, more_rounds=5)


@pytest.mark.parametrize("rounds", [8, 9, 27, 64, 80])
def test_the_interval_is_what_students_intervals_at_all_looks_so_far_have_in_common(rounds: int) -> None:
    values = scattered(0.01, 0.02, rounds)
    [effect] = judge([values], [0.03])
    seen = [look for look in LOOKS if look <= rounds]
    level = 1 - ERROR / len(LOOKS)
    intervals = [stats.ttest_1samp(values[:look], 0).confidence_interval(level) for look in seen]
    assert effect.rounds == seen[-1]
    assert effect.value == pytest.approx(np.mean(values[: seen[-1]]))
    assert effect.low == pytest.approx(max(one.low for one in intervals))
    assert effect.high == pytest.approx(min(one.high for one in intervals))


def test_a_noisy_hour_takes_nothing_back() -> None:
    calm, noisy = scattered(0.0, 0.01, 12), scattered(0.0, 0.2, 8)
    before, after = judge([calm], [0.03])[0], judge([[*calm, *noisy]], [0.03])[0]
    assert (before.word, after.word) == (SAME, SAME)
    assert (after.low, after.high) == (before.low, before.high)


def test_looks_that_contradict_each_other_leave_the_last_one() -> None:
    values = [0.0] * 8 + [1.0] * 56
    few, many = centre(values[:8]), centre(values)
    assert few
    assert many
    low, high = common_interval([few, many], 0.05)
    assert 0.7 < low < 0.875 < high < 1


@pytest.mark.parametrize(
    ("around", "spread", "word"),
    [
        (0.0, 0.001, SAME),
        (0.02, 0.001, SAME),
        (0.05, 0.001, SLOWER),
        (-0.05, 0.001, FASTER),
        (1.1 * math.log1p(0.03), 0.001, SLOWER),
        (0.9 * math.log1p(0.03), 0.003, SLOWER),
        (0.9 * math.log1p(0.03), 0.012, CANNOT_TELL),
        (0.49 * math.log1p(0.03), 0.012, SAME),
        (0.0, 0.1, CANNOT_TELL),
        (0.05, 0.1, CANNOT_TELL),
    ],
)
def test_the_word_follows_from_the_interval(around: float, spread: float, word: str) -> None:
    [effect] = judge([scattered(around, spread, 12)], [0.03])
    assert effect.low is not None
    assert effect.high is not None
    assert effect.word == word == select_word(effect.low, effect.high, math.log1p(0.03))
    assert effect.settled == (word != CANNOT_TELL)
    assert effect.settled == (effect.more_rounds == 0)


def test_slower_and_faster_are_symmetric() -> None:
    values = scattered(0.05, 0.02, 15)
    one, other = judge([values, [-value for value in values]], [0.03, 0.03])
    assert (one.word, other.word) == (SLOWER, FASTER)
    assert (one.low, one.high) == pytest.approx((-(other.high or 0), -(other.low or 0)))


def test_equal_rounds_have_an_interval_without_width() -> None:
    same, larger = judge([[0.0] * 8, [0.25] * 8], [0.01, 0.01])
    assert (same.word, same.low, same.high) == (SAME, 0.0, 0.0)
    assert (larger.word, larger.low, larger.high) == (SLOWER, 0.25, 0.25)


@pytest.mark.parametrize("rounds", [3, 8])
@pytest.mark.parametrize("strange", [math.nan, math.inf])
def test_a_value_that_is_no_number_leaves_nothing_to_tell(strange: float, rounds: int) -> None:
    [effect] = judge([[*scattered(0.0, 0.001, rounds - 1), strange]], [0.03])
    assert (effect.word, effect.value, effect.low, effect.high) == (CANNOT_TELL, None, None, None)


def test_there_is_one_margin_per_series() -> None:
    assert judge([], []) == []
    with pytest.raises(ValueError, match="argument 2"):
        judge([[0.0]], [])


def test_more_series_widen_all_intervals() -> None:
    values = scattered(0.0, 0.01, 12)
    widths = [(judge([values] * family, [0.03] * family)[0].high or 0) for family in (1, 6, 30, 250)]
    assert widths == sorted(set(widths))


def test_large_families_start_later() -> None:
    assert looks(0) == looks(32) == LOOKS
    assert looks(33) == looks(524) == LOOKS[1:]
    assert looks(525) == LOOKS[2:]


def test_an_open_series_says_how_many_rounds_would_settle_it() -> None:
    values = scattered(0.0, 0.03, 10)
    [effect] = judge([values], [0.03])
    assert effect.word == CANNOT_TELL
    assert effect.more_rounds is not None
    later = scattered(0.0, 0.03, 10 + effect.more_rounds)
    assert judge([later], [0.03])[0].settled
    before = max(look for look in LOOKS if look < len(later))
    assert not judge([scattered(0.0, 0.03, before)], [0.03])[0].settled


def test_the_rounds_needed_count_from_those_that_there_are() -> None:
    values = scattered(0.0, 0.025, 8)
    [at_look], [past_look] = judge([values], [0.03]), judge([[*values, 0.0]], [0.03])
    assert (past_look.more_rounds or 0) == (at_look.more_rounds or 0) - 1


@pytest.mark.parametrize(("around", "spread", "rounds"), [(math.log1p(0.03), 1.0, 8), (0.0, 0.2, 64), (0.0, 0.2, 70)])
def test_what_the_last_look_would_not_settle_has_no_forecast(around: float, spread: float, rounds: int) -> None:
    [effect] = judge([scattered(around, spread, rounds)], [0.03])
    assert (effect.word, effect.more_rounds) == (CANNOT_TELL, None)


@pytest.mark.parametrize("shape", [Shape(1, 1), SMALL, Shape(5, 10)])
def test_the_simulations_judge_as_the_rule_does(shape: Shape) -> None:
    family = shape.family
    margins = log_margins(family)
    ratios, _ = next(run_trials(NOISES["normal"], shape, max(1, 100 // family), 33, slower=0.03))
    for judged in judge_trials(ratios):
        for trial in range(ratios.shape[1]):
            series = ratios[: judged.rounds, trial].T.tolist()
            effects = judge(series, MARGINS * (family // 2))
            assert [effect.low for effect in effects] == pytest.approx(judged.low[trial])
            assert [effect.high for effect in effects] == pytest.approx(judged.high[trial])
            for word in (SAME, SLOWER, FASTER):
                assert [effect.word == word for effect in effects] == judged.says(word, margins)[trial].tolist()


# --- Many trials ---


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "trials", "rounds"), [(SMALL, 20_000, 64), (LARGE, 7_500, 35)])
@pytest.mark.parametrize("noise", NOISES)
def test_equal_environments_raise_an_alarm_in_at_most_one_trial_of_a_hundred(
    noise: str, shape: Shape, trials: int, rounds: int
) -> None:
    found = tally(NOISES[noise], shape, trials, rounds)
    assert at_most(found.alarms, trials) <= ALARM_ERROR
    assert at_most(found.missed, trials) <= ERROR


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_a_narrow_margin_makes_no_more_false_alarms(noise: str) -> None:
    """Without the margin that most middles lie in, the clearance alone holds the rate."""
    found = tally(NOISES[noise], SMALL, 20_000, 64, margins=(0.001, 0.001))
    assert at_most(found.alarms, found.trials) <= ALARM_ERROR


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["normal", "storms, calls", "worst"])
def test_with_true_differences_too_all_intervals_hold_at_all_looks(noise: str) -> None:
    """An alarm is right here, hence not counted."""
    assert at_most(tally(NOISES[noise], TWELVE, 5_000, 41, slower=0.05).missed, 5_000) <= ERROR


@pytest.mark.slow
def test_one_sided_noise_of_the_heads_is_held_in_small_families_as_long_as_it_is_as_small_as_the_rest() -> None:
    assert at_most(tally(SKEWED, SMALL, 5_000, 35).missed, 5_000) <= ERROR


def test_a_head_that_stalls_in_parts_of_its_turns_is_the_same_typically_and_slower_overall() -> None:
    stalls = Noise(work=STEPS, head=STEPS._replace(stalls=7 / 15, stalled=0.5), jitter=0.01)
    assert true_means(stalls) == pytest.approx([0, 0.209], abs=0.001)
    assert shares(stalls, SAME, 0)[14] > 0.9
    assert shares(stalls, SLOWER, 1)[18] > 0.99


def test_a_head_whose_turns_stall_as_a_whole_is_slower_overall_and_never_faster() -> None:
    stalls = Noise(work=STEPS, head=STEPS._replace(stalls=7 / 15), jitter=0.01)
    assert shares(stalls, SLOWER, 1)[16] > 0.99
    assert max(shares(stalls, FASTER, 0).values()) == 0
    assert shares(stalls, SAME, 0)[16] == pytest.approx(0.88, abs=0.03)


@pytest.mark.parametrize(("spread", "finding", "same", "slower"), POWER)
def test_the_table_of_power_is_measured(
    spread: float, finding: int, same: tuple[float, ...], slower: tuple[float, ...]
) -> None:
    noise = Noise(jitter=spread / math.sqrt(2))
    for word, difference, shown in ((SAME, 0.0, same), (SLOWER, 0.05, slower)):
        found = shares(noise, word, finding, difference)
        assert [found[look] for look in POWER_LOOKS] == pytest.approx(shown, abs=0.02)


@pytest.mark.parametrize(("slower", "files", "margins", "alarms"), OFFSETS)
def test_the_table_of_what_belongs_to_an_environment_is_measured(
    slower: float, files: float, margins: tuple[float, float], alarms: float
) -> None:
    noise = Noise(jitter=0.018 / math.sqrt(2), files=files)
    found = tally(noise, TWELVE, 2_500, 35, slower, margins)
    assert found.alarms / found.trials == pytest.approx(alarms, abs=0.03)
