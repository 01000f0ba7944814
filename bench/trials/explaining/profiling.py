"""Profiling rounds: both environments of a changed case, side by side, after everything that is judged is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from bench.host.process import WorkerError
from bench.records.profile_parts import parts_of
from bench.records.schema.profiles import Profile
from bench.records.trials import BASE, HEAD

if TYPE_CHECKING:
    from bench.records.cases import Case
    from bench.trials.rounds import Placed
    from bench.trials.trial import Trial

ROUNDS, PASSES, TURNS = 8, 3, 20
"""In a round, both environments take so many turns in turn, each so many times as long as a timed one: with less, the
machine's own ups and downs are told as causes, and what an epoch begins with weighs too much."""

StartOne = Callable[[str, int, int], "Placed"]
"""Takes a role, a seed and a core."""


def profile_cases(trial: Trial, cases: Sequence[Case], start: StartOne) -> list[Profile]:
    """Profile cases of both environments, in fresh processes in each round.

    Args:
        trial: its seed, its counts and its environments.
        cases: those that changed.
        start: starts a prepared process.
    """
    found: dict[tuple[str, str], list[Taken]] = {}
    for number in range(ROUNDS):
        roles = (BASE, HEAD) if number % 2 else (HEAD, BASE)
        processes = {role: start(role, trial.seed + number, core) for core, role in enumerate(roles)}
        try:
            with ThreadPoolExecutor(len(processes)) as pool:
                list(pool.map(lambda one: one.ask({"do": "begin"}), processes.values()))
            for process in processes.values():
                process.settle()
            for case in cases:
                told = _turns(processes, case.name, TURNS * trial.counts.get(case.name, 1), number)
                for role, one in told.items():
                    found.setdefault((case.name, role), []).append(one)
        except WorkerError:
            continue  # what a round lost is lost on both sides
        finally:
            for process in processes.values():
                process.close()
    return [_profile(case, role, rounds) for (case, role), rounds in found.items()]


@dataclass(frozen=True, slots=True)
class Taken:
    """A case's profile of one round in one environment.

    Attributes:
        stacks: to seconds per step or call.
        counts: kind of instruction to how many a compiled program has.
    """

    number: int
    stacks: Mapping[str, float]
    counts: Mapping[str, int]


def _turns(processes: dict[str, Placed], case: str, count: int, number: int) -> dict[str, Taken]:
    """Role to its profile, in the order of the roles."""
    answers: dict[str, list[dict[str, Any]]] = {role: [] for role in processes}
    for _, (role, process) in product(range(PASSES), processes.items()):
        answer: dict[str, Any] = process.ask({"do": "profile", "case": case, "count": count})
        if "stacks" not in answer:
            raise WorkerError(str(answer.get("failed") or answer.get("unavailable")))
        answers[role].append(answer)
    return {
        role: Taken(number, _means([one["stacks"] for one in told]), told[-1].get("counts", {}))
        for role, told in answers.items()
    }


def _profile(case: str, role: str, rounds: Sequence[Taken]) -> Profile:
    return Profile(
        case=case,
        environment=role,
        rounds=tuple(one.number for one in rounds),
        parts_s=tuple({name: round(value, 9) for name, value in parts_of(one.stacks).items()} for one in rounds),
        counts=rounds[-1].counts,
        stacks_s=_means([one.stacks for one in rounds]),
    )


def _means(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean over turns or rounds, of which one that lacks a name has none of it."""
    sums: dict[str, float] = {}
    for one in rounds:
        for name, seconds in one.items():
            sums[name] = sums.get(name, 0.0) + seconds
    return {name: round(seconds / len(rounds), 9) for name, seconds in sums.items()}
