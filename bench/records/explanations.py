"""Stored explanations: trials of two environments, and of the second one with one thing swapped at a time."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.records.profile_parts import BETWEEN_INSTRUCTIONS, COMPILED, part_of_stack
from bench.records.record import RunFileError
from bench.records.trials import BASE, HEAD, TYPICAL, StoredTrial, trial_of
from bench.stats.parts import PartDifference, part_differences
from bench.stats.simultaneous import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.record import Run
    from bench.records.schema.profiles import Profile
    from bench.records.trials import Row

FOLDER = "explanations"


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a change a swap undoes: 1 is all of it, 0 nothing; below 0 it adds to it.

    Attributes:
        what: what was swapped.
        low: lower end of its interval, from the simultaneous intervals of both ratios.
        high: upper end.
        row: the finding on the swap, against the environment that it was put into.
    """

    what: str
    value: float
    low: float
    high: float
    row: Row

    @property
    def helps(self) -> bool:
        """Whether it is certain that it undoes some of it."""
        return self.low > 0


def explanation_of(run: Run) -> StoredTrial:
    """The trial of an explanation. Raises RunFileError where a run is none."""
    trial = trial_of(run)
    if (BASE, HEAD) not in trial.pairs or any(pair[0] not in {BASE, HEAD} for pair in trial.pairs):
        raise RunFileError(f"{run.file}: not the run file of an explanation")
    return trial


def changed(trial: StoredTrial) -> list[Row]:
    """The findings that are slower or faster in the second environment, the largest change first."""
    rows = [row for row in trial.rows_of((BASE, HEAD)) if row.effect.word in {SLOWER, FASTER}]
    return sorted(rows, key=lambda row: -abs(row.effect.value or 0.0))


def shares(trial: StoredTrial, row: Row) -> list[Share]:
    """What each swap does to a change, the most first; without those that nothing is known of yet."""
    change, found = row.effect, []
    for pair in trial.pairs:
        if pair[0] != HEAD:
            continue
        for other in trial.rows_of(pair):
            if (other.case, other.finding) != (row.case, row.finding) or other.effect.low is None:
                continue
            what = swapped(trial, pair[1])
            ends = [
                -one / all_ for one in (other.effect.low, other.effect.high) for all_ in (change.low, change.high)
                if one is not None and all_
            ]  # fmt: skip
            if other.effect.value is not None and change.value and all(map(math.isfinite, ends)):
                found.append(Share(what, -other.effect.value / change.value, min(ends), max(ends), other))
    return sorted(found, key=lambda one: -one.value)


def profiled(trial: StoredTrial) -> dict[str, tuple[Profile, Profile]]:
    """Case to its profiles in both environments, of the same rounds."""
    found: dict[str, dict[str, Profile]] = {}
    for one in trial.run.metadata.profiles:
        found.setdefault(one.case, {})[one.environment] = one
    return {
        case: (sides[BASE], sides[HEAD])
        for case, sides in found.items()
        if {BASE, HEAD} <= sides.keys() and sides[BASE].rounds == sides[HEAD].rounds
    }


def parts(trial: StoredTrial, case: str) -> list[PartDifference]:
    """What each part of a step or call adds to a change, the most first; nothing where it was not profiled.

    Profiles tell how the time is shared out; how long a typical step or call takes, the judged rounds do.
    """
    row = next((one for one in changed(trial) if (one.case, one.finding) == (case, TYPICAL)), None)
    if row is None or row.effect.value is None or case not in profiled(trial):
        return []
    base, head = profiled(trial)[case]
    sides: list[Sequence[Mapping[str, float]]] = [
        [_scaled(one, row.base) for one in base.parts_s],
        [_scaled(one, row.base * math.exp(row.effect.value)) for one in head.parts_s],
    ]
    if not all(any(_is_instruction(name) for one in side for name in one) for side in sides):
        sides = [[_whole_program(one) for one in side] for side in sides]
    return part_differences(*sides)


def instruction_counts(trial: StoredTrial, case: str) -> dict[str, tuple[int, int]]:
    """Kind of instruction to how many the compiled program has in the first environment and in the second."""
    if case not in profiled(trial):
        return {}
    base, head = (one.counts for one in profiled(trial)[case])
    return {kind: (base.get(kind, 0), head.get(kind, 0)) for kind in {**base, **head}}


def _scaled(parts_s: Mapping[str, float], whole_s: float) -> dict[str, float]:
    """The parts of so long a step or call."""
    total_s = sum(parts_s.values()) or 1.0
    return {name: seconds * whole_s / total_s for name, seconds in parts_s.items()}


def _is_instruction(part: str) -> bool:
    return part.startswith("XLA ") and part != BETWEEN_INSTRUCTIONS


def _whole_program(parts_s: Mapping[str, float]) -> dict[str, float]:
    """The same with a compiled program as one part: TensorFlow before 2.18 does not tell its instructions."""
    found: dict[str, float] = {}
    for name, seconds in parts_s.items():
        part = COMPILED if name.startswith("XLA ") else name
        found[part] = found.get(part, 0.0) + seconds
    return found


def functions(trial: StoredTrial, case: str, part: str) -> list[tuple[str, float]]:
    """The functions of a part whose own time differs, and by how many seconds per step or call, the most first."""
    if case not in profiled(trial):
        return []
    found: dict[str, float] = {}
    for sign, one in zip((-1, 1), profiled(trial)[case], strict=True):
        for stack, seconds in one.stacks_s.items():
            frames = stack.split(";")
            if part_of_stack(frames) == part:
                found[frames[-1]] = found.get(frames[-1], 0.0) + sign * seconds
    return sorted(found.items(), key=lambda each: -abs(each[1]))


def swapped(trial: StoredTrial, role: str) -> str:
    """What was swapped in an environment: the parts of its word that the second environment's lacks, or has alone."""
    head, word = (shlex.split(trial.environment(one).word) for one in (HEAD, role))
    put_in, gone = ([part for part in one if part not in other] for one, other in ((word, head), (head, word)))
    return " ".join(put_in) or " ".join(f"no {part}" for part in gone) or " ".join(word)
