"""One block: a fresh process per side, prepared at the same time, measured in turns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bench.host.process import WorkerError
from bench.records.duels import SIDES, Block

SETTLE_S = {"train": 0.02, "infer": 0.0}
SETTLE_THREADS_S = 0.5
"""Before each turn: idle threads of the process that worked last may spin (ONNX Runtime's for up to half a second)."""


class Asked(Protocol):
    """What answers requests: a worker, or a test's fake of one."""

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises WorkerError."""

    def close(self) -> None:
        """End the process."""


class SideFailed(Exception):
    """A side that died, hung or answered that it failed; the block is lost."""

    def __init__(self, side: str, reason: str) -> None:
        """Args: side: one of `SIDES`; reason: in words for the user."""
        super().__init__(f"{side}: {reason}")
        self.side = side


class SideMissing(SideFailed):
    """A side that does not have the case."""


def first_side(seed: int, case: str, block: int) -> str:
    """The side that begins a block: drawn for every two blocks, the second of which turns the first one's order round.

    Were each block's order drawn alone, all of a few blocks could begin with the same side, and whatever that side
    gains or loses by beginning would look like an effect.
    """
    source = random.Random(f"{seed} {case} {block // 2}")
    return SIDES[(source.randrange(2) + block) % 2]


def run_block(  # noqa: PLR0913  what a block is made of, and what a test replaces
    start: Callable[[str], Asked],
    *,
    first: str,
    seed: int,
    turns: int,
    settle: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Block:
    """A block as it was measured.

    Args:
        start: starts the process of a side, which prepares at once.
        first: the side that is started first and begins.
        seed: what the processes were told to train from.
        turns: how many per side; which side begins a turn alternates (A B, B A, ...), so that a drift cancels.
        settle: called before each turn.
        clock: returns seconds that only grow.

    Raises:
        SideFailed: a side did not see the block through.
    """
    order = SIDES if first == SIDES[0] else SIDES[::-1]
    workers: dict[str, Asked] = {}
    values_s: dict[str, list[float]] = {side: [] for side in SIDES}
    try:
        began_s = clock()
        for side in order:
            workers[side] = start(side)
        told = {side: ask(workers[side], side, {"do": "prepare"}) for side in order}
        ready_s = clock()
        for turn in range(turns):
            for side in order if turn % 2 == 0 else order[::-1]:
                settle()
                values_s[side].append(float(ask(workers[side], side, {"do": "turn"})["value_s"]))
        accuracies = [told[side].get("test_accuracy") for side in SIDES]
        return Block(
            seed=seed,
            first=first,
            base_s=tuple(values_s[SIDES[0]]),
            head_s=tuple(values_s[SIDES[1]]),
            accuracies=tuple(one for one in accuracies if one is not None),
            process_s=ready_s - began_s,
            turns_s=clock() - ready_s,
        )
    finally:
        for worker in workers.values():
            worker.close()


def ask(worker: Asked, side: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a request.

    Raises:
        SideFailed: the worker is gone, hangs, or answers that it failed.
        SideMissing: it answers that it does not have the case.
    """
    try:
        answer = worker.ask(request)
    except WorkerError as error:
        raise SideFailed(side, str(error)) from None
    if "unavailable" in answer:
        raise SideMissing(side, answer["unavailable"])
    if "failed" in answer:
        raise SideFailed(side, answer["failed"])
    return answer


def settle_s(stage: str, threads: int) -> float:
    """How long a turn waits for what ran before it to come to rest."""
    return SETTLE_THREADS_S if stage == "infer" and threads > 1 else SETTLE_S[stage]
