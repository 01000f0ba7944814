"""The duels of a self-test: a side against itself, HEAD as it is or with something planted, again and again."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bench.errors import DensebenchError
from bench.formats import format_duration
from bench.records.duels import Margins, Row, outcomes
from bench.records.injection import parse_injection
from bench.trials.duels.duel import LARGEST_SEED, Arena, fight_alone

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.records.cases import Case

NOTHING = "none"
"""What the user writes for duels without anything planted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One duel of a self-test.

    Attributes:
        case: what is measured.
        plant: what is planted into HEAD, as `parse_plant` takes it; ``None`` for nothing.
        number: which one it is of those alike, from 0.
    """

    case: Case
    injection: str | None
    number: int

    @property
    def name(self) -> str:
        """The trial for people."""
        return f"{self.case.name}, {self.injection or 'nothing'} planted, duel {self.number + 1}"

    def seed(self, drawn: int) -> int:
        """The duel's own seed; that of the self-test is the same for all of them."""
        source = random.Random(f"{drawn} {self.case.name} {self.injection} {self.number}")
        return source.randrange(LARGEST_SEED // 2 + 1)  # block numbers are added to it, and the sum is a seed still


class Ground(Arena, Protocol):
    """An arena that knows what its sides run on, by side."""

    packages: dict[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a self-test may take.

    Attributes:
        duel_s: one duel.
        total_s: all of them.
    """

    duel_s: float
    total_s: float


def select_injections(text: str, stage: str) -> list[str | None]:
    """What is planted in the duels of a stage, in the order in which the user named it.

    Args:
        text: words with commas between: ``none``, a slowdown (``5%``), or ``labels:50%``, which only trainings have.
        stage: ``train`` or ``infer``.

    Raises:
        DensebenchError: a word is none of these.
    """
    injections: dict[str | None, None] = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        if not re.fullmatch(rf"{NOTHING}|(labels:)?\d+(\.\d+)?%", word):
            raise DensebenchError(f"--inject {word!r} is none of {NOTHING}, 5% and labels:50%.")
        injection = None if word == NOTHING else word if ":" in word else f"{stage}:{word}"
        if injection is None or parse_injection(injection).kind in {stage, "labels" if stage == "train" else stage}:
            injections[injection] = None
    if not injections:
        raise DensebenchError(f"--inject {text!r} leaves nothing to do for cases that {stage}; none and 5% do.")
    return list(injections)


def plan_trials(cases: Iterable[Case], injections: str, duels: int) -> list[Trial]:
    """Every duel, in an order that leaves about equally many of each kind wherever it ends. Raises DensebenchError."""
    kinds = [(case, injection) for case in cases for injection in select_injections(injections, case.stage)]
    return [Trial(case, injection, number) for number in range(duels) for case, injection in kinds]


def fight_trials(  # noqa: PLR0913  who takes part, and what a test replaces
    trials: Sequence[Trial],
    done: Collection[tuple[str, str | None, int]],
    arena: Callable[[Trial], AbstractContextManager[Ground]],
    margins: Margins,
    limits: Limits,
    *,
    drawn: int,
    keep: Callable[[Trial, Ground, Row], None],
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Fight the duels that are not done yet, `keep` each one that has ended; how many are left.

    A duel is begun only where its whole budget is left: were it cut short, long duels would be rarer among those kept.

    `done` names those that are stored already, by case, plant and number; `drawn` is the self-test's seed.
    """
    left = [trial for trial in trials if (trial.case.name, trial.injection, trial.number) not in done]
    start_s = clock()
    for index, trial in enumerate(left):
        began_s = clock()
        if began_s - start_s + limits.duel_s > limits.total_s:
            return len(left) - index
        row, seed = Row(trial.case), trial.seed(drawn)
        with arena(trial) as ground:
            fight_alone(row, ground, margins, seed=seed, budget_s=limits.duel_s, progress=progress, clock=clock)
            keep(trial, ground, row)
        took = f"{len(row.blocks)} blocks, {format_duration(clock() - began_s)}"
        progress.done(f"[{index + 1}/{len(left)}] {trial.name}: {_words(row, margins)} ({took})")
    return 0


def _words(row: Row, margins: Margins) -> str:
    """What a duel found, for people."""
    if not row.measurable:
        return "failed"
    (known,) = outcomes([row], margins)
    return known.time.verdict + (f", accuracy {known.accuracy.verdict}" if known.accuracy else "")
