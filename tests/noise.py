"""A seeded simulator of noise: the seconds that duels would have measured on a bad machine.

Each duel has blocks, each block one process per side, each process rounds that alternate with the other side's, in an
order drawn for every two blocks. `Noise` says what disturbs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
TRUE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What disturbs the measurements; every figure is a share of the time that is measured.

    Attributes:
        jitter: standard deviation of rounds within a process.
        tail: degrees of freedom of the rounds' jitter (Student); 2 has no variance, ``None`` is normal.
        offset: standard deviation of what a process is off by for as long as it lives.
        modes: half of the processes are slower by this much, as by an unlucky memory layout.
        walk: standard deviation of the step that the machine's speed takes from block to block.
        drift: how much slower the machine becomes over the course of one block, as when it heats up.
        burst_chance: probability that something else uses the machine during some of a block's rounds.
        burst: how much slower rounds are during a burst, at most.
        turn: how much slower the side is that begins a block.
        wild: probability that a process is slower by `burst` for as long as it lives.
    """

    jitter: float = 0.005
    tail: float | None = None
    offset: float = 0.0
    modes: float = 0.0
    walk: float = 0.0
    drift: float = 0.0
    burst_chance: float = 0.0
    burst: float = 0.0
    turn: float = 0.0
    wild: float = 0.0


NOISES: dict[str, Noise] = {
    "quiet": Noise(offset=0.005),
    "drift": Noise(offset=0.01, walk=0.03, drift=0.10),
    "bursts": Noise(offset=0.01, burst_chance=0.4, burst=0.8),
    "process offsets": Noise(offset=0.02),
    "two modes": Noise(jitter=0.002, offset=0.002, modes=0.03),
    "order": Noise(jitter=0.002, offset=0.002, turn=0.04),
    "heavy tails": Noise(jitter=0.02, tail=2.0, offset=0.01, wild=0.03, burst=0.8),
    "worst": Noise(
        jitter=0.02,
        tail=2.0,
        offset=0.015,
        modes=0.02,
        walk=0.03,
        drift=0.10,
        burst_chance=0.4,
        burst=0.8,
        turn=0.02,
        wild=0.03,
    ),
}
"""The mixtures by name; the last holds everything at once."""


def simulate(  # noqa: PLR0913  what is simulated, and how much of it
    noise: Noise, *, duels: int, blocks: int, rounds: int = 15, slower: float = 0.0, seed: int = 0
) -> tuple[Floats, Floats]:
    """The seconds of every round of BASE and of HEAD, both (duels, blocks, rounds).

    Args:
        noise: what disturbs them.
        duels: how many duels.
        blocks: one process per side and block.
        rounds: rounds per process.
        slower: how much slower HEAD truly is: 0.05 makes each of its rounds take 5 % longer.
        seed: equal seeds give equal duels.
    """
    random = np.random.default_rng(seed)
    shape = (duels, blocks, rounds, 2)
    jitter = random.standard_normal(shape) if noise.tail is None else random.standard_t(noise.tail, shape)
    logs = np.log(TRUE_S) + noise.jitter * jitter
    logs += _processes(noise, random, (duels, blocks, 1, 2))
    logs += noise.walk * random.standard_normal((duels, blocks, 1, 1)).cumsum(axis=1)
    # Where in its block each round ran: the sides take turns, and which of them begins is drawn.
    first = _orders(random, duels, blocks)[:, :, None, None]
    slots = 2 * np.arange(rounds)[:, None] + (np.arange(2) ^ first)
    logs += noise.turn * (np.arange(2) == first)
    logs += noise.drift * slots / (2 * rounds)
    logs += _bursts(noise, random, slots, (duels, blocks))
    logs[..., 1] += np.log1p(slower)
    seconds = np.exp(logs)
    return seconds[..., 0], seconds[..., 1]


def _orders(random: np.random.Generator, duels: int, blocks: int) -> NDArray[np.integer[Any]]:
    """Which side begins, 0 or 1 per block: of each two blocks, the second turns round what was drawn for the first."""
    drawn = random.integers(0, 2, (duels, (blocks + 1) // 2))
    return np.stack([drawn, 1 - drawn], axis=2).reshape(duels, -1)[:, :blocks]


def _processes(noise: Noise, random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    offsets: Floats = noise.offset * random.standard_normal(shape)
    offsets += noise.modes * random.integers(0, 2, shape)
    offsets += np.log1p(noise.burst) * (random.random(shape) < noise.wild)
    return offsets


def _bursts(
    noise: Noise, random: np.random.Generator, slots: NDArray[np.integer[Any]], shape: tuple[int, int]
) -> Floats:
    """Something else runs from one slot of a block on, for up to a whole block's length."""
    across = (*shape, 1, 1)
    length = slots.shape[-2] * 2
    begins, lasts = random.uniform(-length, length, across), random.uniform(0, length, across)
    strength: Floats = np.log1p(noise.burst * random.random(across)) * (random.random(across) < noise.burst_chance)
    return strength * ((slots >= begins) & (slots < begins + lasts))
