"""Profiling rounds: both environments of a changed case, side by side, after everything that is judged is measured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from bench.host.process import WorkerError, run_to_end
from bench.records.profile_parts import parts_of
from bench.records.schema.profiles import Profile
from bench.records.trials import BASE, HEAD

if TYPE_CHECKING:
    from bench.records.cases import Case
    from bench.trials.rounds import Placed
    from bench.trials.trial import Trial

PROFILER = "pyinstrument==5.1.3"
ROUNDS, TURNS = 8, 3
INSTALL_S = 300.0

StartOne = Callable[[str, int, int, str], "Placed"]
"""Takes a role, a seed, a core and the folder of the profiler."""


def profiler_folder(python: str, uv: Sequence[str]) -> Path:
    """A folder with the profiler for a version of Python (``3.11``), made where it is not there.

    Raises:
        DensebenchError: it cannot be installed.
    """
    folder = Path(platformdirs.user_cache_dir("densebench")) / "profilers" / f"{PROFILER.replace('==', '-')}-py{python}"
    if not (folder / "pyinstrument").is_dir():
        command = [*uv, "pip", "install", "--quiet", "--target", str(folder), "--python-version", python, PROFILER]
        run_to_end([*command, "--python", sys.executable], f"installing {PROFILER}", timeout_s=INSTALL_S)
    return folder


def profile_cases(trial: Trial, cases: Sequence[Case], start: StartOne, folders: dict[str, Path]) -> list[Profile]:
    """Profile cases of both environments, in fresh processes in each round.

    Args:
        trial: its seed, its counts and its environments.
        cases: those that changed.
        start: starts a prepared process.
        folders: role to where its profiler lies.
    """
    found: dict[tuple[str, str], list[Taken]] = {}
    for number in range(ROUNDS):
        roles = (BASE, HEAD) if number % 2 else (HEAD, BASE)
        processes = {
            role: start(role, trial.seed + number, core, str(folders[role])) for core, role in enumerate(roles)
        }
        try:
            with ThreadPoolExecutor(len(processes)) as pool:
                list(pool.map(lambda one: one.ask({"do": "begin"}), processes.values()))
            for process in processes.values():
                process.settle()
            for case in cases:
                told = _turns(processes, case.name, trial.counts.get(case.name, 1), number)
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
        stacks: to seconds per step or call, the mean over some turns.
        counts: kind of instruction to how many a compiled program has.
    """

    number: int
    stacks: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def _turns(processes: dict[str, Placed], case: str, count: int, number: int) -> dict[str, Taken]:
    """Role to its profile, from turns taken alternately."""
    taken = {role: Taken(number) for role in processes}
    for _ in range(TURNS):
        for role, process in processes.items():
            answer: dict[str, Any] = process.ask({"do": "profile", "case": case, "count": count})
            if "stacks" not in answer:
                raise WorkerError(str(answer.get("failed") or answer.get("unavailable")))
            taken[role].counts.update(answer.get("counts", {}))
            for stack, seconds in answer["stacks"].items():
                taken[role].stacks[stack] = taken[role].stacks.get(stack, 0.0) + seconds / TURNS
    return taken


def _profile(case: str, role: str, rounds: Sequence[Taken]) -> Profile:
    stacks: dict[str, float] = {}
    for one in rounds:
        for stack, seconds in one.stacks.items():
            stacks[stack] = stacks.get(stack, 0.0) + seconds / len(rounds)
    return Profile(
        case=case,
        environment=role,
        rounds=tuple(one.number for one in rounds),
        parts_s=tuple({name: round(value, 9) for name, value in parts_of(one.stacks).items()} for one in rounds),
        counts=rounds[-1].counts,
        stacks_s={stack: round(seconds, 9) for stack, seconds in stacks.items()},
    )
