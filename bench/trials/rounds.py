"""One round of a trial: a fresh process per environment, each prepared on a core of its own, then measured in turns."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from bench.host.process import Process, WorkerError

if TYPE_CHECKING:
    from bench.records.cases import Case

TURNS = 10
"""Turns of each environment in a round: turns are disturbed one by one. In a noisy hour they made 70 to 99 % of the
variance between rounds of means, and 80 % of that of the quick steps of the compiled loop; in a quiet one, with 15
turns, 20 to 40 %. Of the quick calls and steps of Keras it is 3 to 32 % in both: there it is processes that differ."""
TURN_S = 0.04
"""What a turn takes about, whatever a step or call costs, where one is not longer."""
STEPS = {"fit": 60, "compiled": 100}
"""Steps of a turn of these trainers, however long they take: an epoch of `fit` has a beginning and an end."""
CALIBRATIONS = 3
"""Turns of which the last one tells how long a step or call takes."""
MEDIAN = 2
"""Its place among the quantiles."""
MOST_CALLS = 2_000
SIDE_BY_SIDE = 2
"""Processes that prepare at the same time."""

NOBODY: Mapping[str, str] = MappingProxyType({})

Answer = Mapping[str, Any]


class Placed(Process, Protocol):
    """A process of an environment."""

    def settle(self) -> None:
        """Move it to the core that everything is measured on."""


Start = Callable[[str, int, int], Placed]
"""Takes a role, a seed and the number of a core, and starts that environment's process."""


@dataclass
class Round:
    """What one round measured.

    Attributes:
        number: from 0.
        told: role to what its process told of its preparation.
        timings: role and case to its turns, as `bench.records.schema.trials.Timing` has them.
        lost: role to the reason why its process did not see the round through.
    """

    number: int
    told: dict[str, Answer] = field(default_factory=dict)
    timings: dict[tuple[str, str], list[Sequence[Any]]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)


def measure_round(  # noqa: PLR0913  what is measured, and what is known of it
    number: int,
    roles: Sequence[str],
    cases: Sequence[Case],
    counts: dict[str, int],
    *,
    start: Start,
    seed: int,
    turns: Collection[tuple[str, str]],
    together: Collection[str] = (),
    hosts: Mapping[str, str] = NOBODY,
    injected: Mapping[str, str] = NOBODY,
) -> Round:
    """Measure environments once more.

    Args:
        number: of the round, from 0.
        roles: of the environments that have processes.
        cases: what each process prepares.
        counts: case to the steps or calls of a turn; what is not known yet is found out from the first environment that
            has it, and added.
        start: starts a process.
        seed: of the trial; each round has its own models and orders, which all environments share.
        turns: role and case of what is timed in turns; of the rest only the first steps are known.
        together: cases of exported models that the first role's process takes all turns of, each environment's own
            model: on one runtime, what a process is off by is then off on both sides.
        hosts: role of what has no process of its own to the role whose process and models it takes its turns with.
        injected: role to what makes its turns longer, as `parse_injection` takes it.
    """
    found, source = Round(number), random.Random(f"{seed} {number}")
    with _processes(source.sample(list(roles), len(roles)), start, seed + number, found) as processes:
        work = _Work(processes, counts, found, hosts, injected)
        for case in cases:
            if case.name not in counts:
                work.calibrate(case, roles)
        for turn in range(TURNS):
            for case in cases:
                asked = [role for role in (*processes, *hosts) if (role, case.name) in turns]
                for role in source.sample(asked, len(asked)):
                    work.take_turn(case, role, turn, process=roles[0] if case.name in together else "")
    for role, host in hosts.items():
        if host in found.lost:
            found.lost[role] = found.lost[host]
        else:
            found.told[role] = {"cases": found.told[host]["cases"]}
    for role in found.lost:
        for case in cases:
            found.timings.pop((role, case.name), None)
    return found


@contextmanager
def _processes(roles: Sequence[str], start: Start, seed: int, found: Round) -> Iterator[dict[str, Placed]]:
    """A prepared process per role, without those that failed."""
    processes: dict[str, Placed] = {}
    try:
        for place in range(0, len(roles), SIDE_BY_SIDE):
            now = roles[place : place + SIDE_BY_SIDE]
            for core, role in enumerate(now):
                processes[role] = start(role, seed, core)
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                answers = list(pool.map(lambda role: _begin(processes[role]), now))
            for role, answer in zip(now, answers, strict=True):
                if lack := answer.get("failed") or answer.get("unavailable"):
                    found.lost[role] = str(lack)
                    processes.pop(role).close()
                else:
                    found.told[role] = answer
                    processes[role].settle()
        yield processes
    finally:
        for process in processes.values():
            process.close()


def _steps(case: Case) -> int | None:
    """The steps of a turn of a training; ``None`` for what is called."""
    return STEPS[case.trainer] if case.stage == "train" else None


def _begin(process: Placed) -> Answer:
    try:
        return process.ask({"do": "begin"})
    except WorkerError as error:
        return {"failed": str(error)}


@dataclass(frozen=True, slots=True)
class _Work:
    """The turns of a round: its prepared processes by role, and what `measure_round` was given and fills in."""

    processes: Mapping[str, Placed]
    counts: dict[str, int]
    found: Round
    hosts: Mapping[str, str]
    injected: Mapping[str, str]

    def calibrate(self, case: Case, roles: Sequence[str]) -> None:
        """Find out how many steps or calls make a turn, in the first of these roles that has the case."""
        role = next((one for one in roles if one in self.processes and self._has(one, case)), None)
        if role is None:
            return
        few = _steps(case) or 1
        request = {"do": "turn", "case": case.name, "count": few, "number": 0}
        try:
            for _ in range(CALIBRATIONS):
                answer = self.processes[role].ask(request)
        except WorkerError as error:
            self.found.lost[role] = str(error)
            return
        if "timing" in answer:
            fitting = min(max(round(TURN_S / float(answer["timing"][4][MEDIAN])), 1), MOST_CALLS)
            self.counts[case.name] = _steps(case) or fitting

    def take_turn(self, case: Case, role: str, turn: int, *, process: str) -> None:
        """A turn of a role's case, in the process of the role `process`; in its own or its host's where that is ""."""
        owner = self.hosts.get(role, role)
        process = process or owner
        if case.name not in self.counts or process in self.found.lost or not self._has(owner, case):
            return
        request = {"do": "turn", "case": case.name, "count": self.counts[case.name], "number": turn}
        request["injected"] = self.injected.get(role, "")
        if process != owner:
            request["model_of"] = owner
        try:
            answer = self.processes[process].ask(request)
        except WorkerError as error:
            self.found.lost[process] = str(error)
            return
        if "timing" in answer:
            self.found.timings.setdefault((role, case.name), []).append(answer["timing"])
        else:
            self.found.lost[process] = str(answer.get("failed") or answer.get("unavailable"))

    def _has(self, role: str, case: Case) -> bool:
        """Whether an environment's process has prepared a case and is still there."""
        return role not in self.found.lost and "first_s" in self.found.told[role]["cases"].get(case.name, {})
