"""Simulated trials: a machine step by step, the rounds of environments on it, and what the rule says of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.stats.estimate import student_quantile
from bench.stats.simultaneous import CLEARANCE, ERROR, FASTER, SAME, SLOWER, looks

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
