"""A plan: the tasks that a command is made of, fixed before the first one is handed out, and what each came to.

Its folder, `plans/<time>-<digest>` among the results, has `plan.json`, `attempts.json` with the machines that each task
was handed to, and `<key>.json` for each task that is done: that file is what makes it done, so that a driver which was
killed goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.cluster.tasks import Done, Task
from bench.errors import DensebenchError
from bench.files import write_atomically

PLANS, PLAN, ATTEMPTS = "plans", "plan.json", "attempts.json"
BLOCK_ROUNDS = 4
"""Rounds of a task: some minutes of work, which is what a lost machine costs."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan.

    Attributes:
        command: the name of the command.
        words: what the user typed after it.
        seed: of all of its tasks.
        tasks: in the order in which their results are looked at.
    """

    command: str
    words: tuple[str, ...]
    seed: int
    commit: str
    tasks: tuple[Task, ...]

    @property
    def digest(self) -> str:
        """Of the tasks' keys."""
        return hashlib.sha256(" ".join(task.key for task in self.tasks).encode()).hexdigest()[:6]


@dataclass(frozen=True, slots=True)
class Store:
    """A plan's folder."""

    folder: Path

    def begin(self, plan: Plan) -> None:
        """Write the plan, before anything is handed out. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / PLAN, msgspec.json.format(msgspec.json.encode(plan)))

    def plan(self) -> Plan:
        """The plan.

        Raises:
            DensebenchError: there is none, or it cannot be read.
        """
        try:
            return msgspec.json.decode((self.folder / PLAN).read_bytes(), type=Plan)
        except (OSError, msgspec.DecodeError) as error:
            raise DensebenchError(f"--resume {self.folder}: no plan can be read there ({error}).") from None

    def attempts(self) -> dict[str, list[str]]:
        """Key of each task that was handed out, to the machines that it was handed to, by all drivers so far."""
        try:
            return msgspec.json.decode((self.folder / ATTEMPTS).read_bytes(), type=dict[str, list[str]])
        except (OSError, msgspec.DecodeError):
            return {}

    def hand_out(self, task: Task, node: str) -> int:
        """Note that a task is handed to a machine; how often it was handed out by now. Raises OSError."""
        known = self.attempts()
        tried = known.setdefault(task.key, [])
        tried.append(node)
        write_atomically(self.folder / ATTEMPTS, msgspec.json.encode(known))
        return len(tried)

    def keep(self, task: Task, done: Done) -> None:
        """Keep what a task came to; of a task that was done twice the first answer stands. Raises OSError."""
        path = self.folder / f"{task.key}.json"
        if not path.exists():
            write_atomically(path, msgspec.json.encode(done))

    def done(self, task: Task) -> Done | None:
        """What a task came to; ``None`` where it is not done, or its file is broken."""
        try:
            return msgspec.json.decode((self.folder / f"{task.key}.json").read_bytes(), type=Done)
        except (OSError, msgspec.DecodeError):
            return None

    def all_done(self, plan: Plan) -> Iterator[tuple[Task, Done]]:
        """Yield each task that is done, in the plan's order."""
        for task in plan.tasks:
            if found := self.done(task):
                yield task, found


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What all tasks of a plan share: the command's words and what `Task` says of the rest."""

    words: Sequence[str]
    commit: str
    limit_s: float
    simulated: bool

    def task(self, number: int, *more: str, apart: bool = False) -> Task:
        """A task of the plan."""
        words = (*self.words, *more)
        return Task(
            words=words,
            number=number,
            commit=self.commit,
            limit_s=self.limit_s,
            apart=apart,
            simulated=self.simulated,
        )


def copies(common: Common, *, count: int, seed: int | None) -> list[Task]:
    """The same command so many times, each on a machine of its own; `seed` where it takes one."""
    more = () if seed is None else ("--seed", str(seed))
    return [common.task(number, *more, apart=count > 1) for number in range(count)]


def trials(common: Common, *, count: int, seed: int, series: str) -> list[Task]:
    """The trials of a self-test, a task each."""
    return [common.task(number, "--seed", str(seed), "--part", f"{series}:{number}") for number in range(count)]


def blocks(common: Common, *, rounds: int, seed: int) -> list[Task]:
    """The rounds of a trial in blocks, each with all environments."""
    return [
        common.task(number, "--seed", str(seed), "--part", f"{first}:{min(BLOCK_ROUNDS, rounds - first)}")
        for number, first in enumerate(range(0, rounds, BLOCK_ROUNDS))
    ]
