"""The driver: it hands a plan's tasks to machines, one each at a time, and keeps what they come to.

A task that was lost (its machine is gone, it took too long, its machine refused it) is tried on another machine first,
and so many times at most. A machine that fails twice in a row is set aside. One failure stops nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from bench.cluster.tasks import Answer, Done, NodeFacts, Request, Task
from bench.errors import DensebenchError

if TYPE_CHECKING:
    from bench.cluster.engines.engine import Ended, Engine
    from bench.cluster.plan import Plan, Store

WAIT_S = 5.0
"""How long the driver waits for an answer before it looks again which machines are there."""
DESCRIBE_S = 120.0
IN_A_ROW = 2
"""Failures of a machine one after the other before it is set aside."""
NOBODY_S = 60.0
"""How long no machine may be there before the driver gives up."""

Say = Callable[[str], None]


@dataclass
class Driver:
    """Hands out tasks.

    Attributes:
        retries: how often a task is tried again.
        kind: only machines whose kind has this in it.
        most: how many machines at most; all where it is ``None``.
        simulated: whether several machines may be one.
        only_looks: whether it hands out nothing, and takes machines as they are.
        fault: what is wrong with the run files that a task came to; empty where nothing is.
        idle: the part of the machines' time in which they had no task of this plan.
        aside: machine to why it gets no tasks.
    """

    engine: Engine
    say: Say
    retries: int = 2
    kind: str = ""
    most: int | None = None
    simulated: bool = False
    only_looks: bool = False
    fault: Callable[[Task, Answer], str] = lambda _task, _answer: ""
    idle: float = 0.0
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _addresses: dict[str, str] = field(default_factory=dict)
    _in_a_row: dict[str, int] = field(default_factory=dict)

    def look(self, busy: Collection[str] = ()) -> None:
        """Ask machines that have appeared what they are, and forget those that are gone.

        Args:
            busy: those that have a task; a machine is asked when it has none.
        """
        there = self.engine.nodes()
        for node in [one for one in {*self.facts, *self._asked} if self._addresses[one] != there.get(one)]:
            self.facts.pop(node, None)
            self.aside.pop(node, None)
        for node, address in there.items():
            if node not in self.facts and node not in self._asked and node not in self.aside and node not in busy:
                self._addresses[node], self._in_a_row[node] = address, 0
                self._asked.add(node)
                self.engine.submit(node, self._request(node, None))

    def hear(self, ended: Ended) -> bool:
        """Take what a machine says of itself; false where it is a task that ended.

        Raises:
            DensebenchError: two machines are one, which is no cluster.
        """
        node = ended.node
        if node not in self._asked:
            return False
        self._asked.discard(node)
        answer = read(ended, None)
        reason = answer.failed
        if not reason:
            self.facts[node] = answer.facts
            reason = self._unfit(answer.facts)
        if reason:
            self.aside[node] = reason
            self.say(f"{node} is left out: {reason}")
        twins = [one for one, facts in self.facts.items() if facts.node == answer.facts.node and one != node]
        if twins and node in self.facts and not self.simulated and not self.only_looks:
            first, second = sorted([twins[0], node])
            raise DensebenchError(
                f"{first} and {second} are one machine, where two tasks would disturb each other: one worker for each "
                "machine, or --simulate."
            )
        return True

    def look_at_all(self, patience_s: float = DESCRIBE_S) -> None:
        """Ask all machines what they are, and wait for the answers. Raises DensebenchError."""
        self.look()
        end_s = time.monotonic() + patience_s
        while self._asked and time.monotonic() < end_s:
            if ended := self.engine.wait(WAIT_S):
                self.hear(ended)

    def run(self, plan: Plan, store: Store, *, resumed: bool = False) -> dict[Task, str]:
        """Run what is left of a plan; the tasks that could not be done, with the reason.

        Args:
            plan: what is to be done.
            store: where it is kept.
            resumed: whether another driver was at it: a machine may still be at a task of its, and is waited for.

        Raises:
            DensebenchError: no machine is there.
            OSError: an answer cannot be kept.
        """
        waiting = [task for task in plan.tasks if store.done(task) is None]
        used = {done.answer.facts.node for _, done in store.all_done(plan)}
        tried: dict[Task, list[str]] = {task: [] for task in waiting}
        attempt, lost = dict[Task, int](), dict[Task, str]()
        busy: dict[str, Task] = {}
        nobody_s = 0.0
        if waiting:
            self.look_at_all(max(task.limit_s for task in waiting) if resumed else DESCRIBE_S)
        began_s, begun, worked_s = time.monotonic(), time.time(), 0.0
        while waiting or busy:
            self.look(busy)
            for node in [one for one in self._fit if one not in busy]:
                task = self._next(node, waiting, tried, used)
                if task:
                    waiting.remove(task)
                    tried[task].append(node)
                    attempt[task] = store.hand_out(task, node)
                    busy[node] = task
                    used.add(self.facts[node].node)
                    self.engine.submit(node, self._request(node, task))
            if not busy and not self._asked:
                nobody_s += WAIT_S
                if nobody_s > NOBODY_S or self._hopeless(waiting, used):
                    lost |= dict.fromkeys(waiting, self._why_not())
                    break
            ended = self.engine.wait(WAIT_S)
            if ended is None or self.hear(ended):
                continue
            nobody_s = 0.0
            task = busy.pop(ended.node)
            answer = read(ended, task)
            if why := answer.failed or self.fault(task, answer):
                self._failed(ended.node, task, why)
                used -= {self.facts[ended.node].node} if ended.node in self.facts else set()
                if len(tried[task]) > self.retries:
                    lost[task] = why
                else:
                    waiting.insert(0, task)
                continue
            worked_s += answer.ended - max(answer.started, begun) if answer.ended > begun else 0.0  # else it was kept
            self._in_a_row[ended.node] = 0
            store.keep(task, Done(answer=answer, attempt=attempt[task]))
            done = len(plan.tasks) - len(waiting) - len(busy) - len(lost)
            self.say(f"{done} of {len(plan.tasks)} tasks done ({ended.node}, attempt {attempt[task]})")
        had_s = (time.monotonic() - began_s) * max(len(self._fit), 1)
        self.idle = max(0.0, 1 - worked_s / had_s) if had_s else 0.0
        return lost

    def _request(self, node: str, task: Task | None) -> bytes:
        return msgspec.json.encode(Request(name=node, task=task, simulated=self.simulated))

    def _unfit(self, facts: NodeFacts) -> str:
        """Why a machine gets no tasks: it is of another kind, or not fit to measure."""
        if self.kind and self.kind not in facts.kind:
            return f"it is {facts.kind}"
        return "" if self.simulated or self.only_looks else "; ".join(facts.faults)

    @property
    def _fit(self) -> list[str]:
        """The machines that get tasks."""
        return sorted(node for node in self.facts if node not in self.aside)[: self.most]

    def _next(
        self, node: str, waiting: Sequence[Task], tried: Mapping[Task, Sequence[str]], used: Collection[str]
    ) -> Task | None:
        """The next task for a machine: what it has done already or is doing, then what did not fail on it."""
        facts = self.facts[node]
        mine = [task for task in waiting if task.key in {*facts.kept, facts.running}]
        if mine:
            return mine[0]
        others = {key for one in self._fit for key in (*self.facts[one].kept, self.facts[one].running)}
        fit = [task for task in waiting if task.key not in others and not (task.apart and facts.node in used)]
        fresh = [task for task in fit if node not in tried[task]]
        again = [task for task in fit if {*self._fit} <= {*tried[task]}]  # elsewhere first
        return next(iter(fresh or again), None)

    def _failed(self, node: str, task: Task, why: str) -> None:
        self.say(f"task {task.number} failed on {node}: {why}")
        self._in_a_row[node] = self._in_a_row.get(node, 0) + 1
        if self._in_a_row[node] >= IN_A_ROW and len(self._fit) > 1:
            self.aside[node] = f"{IN_A_ROW} tasks in a row failed on it, the last one: {why}"
            self.say(f"{node} gets no further tasks: {self.aside[node]}")

    def _hopeless(self, waiting: Sequence[Task], used: Collection[str]) -> bool:
        """Whether no machine that is there may ever take what is waiting."""
        nobody = all(self.facts[node].node in used for node in self._fit)
        return bool(self.facts) and nobody and all(task.apart for task in waiting)

    def _why_not(self) -> str:
        reasons = "; ".join(f"{node}: {why}" for node, why in self.aside.items())
        return f"no machine is left that could do it{f' ({reasons})' if reasons else ''}"


def read(ended: Ended, task: Task | None) -> Answer:
    """The answer of a request that ended; one that says why where it was lost or cannot be read."""
    nothing = NodeFacts(node="", boot="", kind="", cpus=0, commit="", python="", load=0.0)
    if ended.answer is None:
        return Answer(facts=nothing, failed=ended.why or "it was lost")
    try:
        answer = msgspec.json.decode(ended.answer, type=Answer)
    except msgspec.DecodeError as error:
        return Answer(facts=nothing, failed=f"its answer cannot be read: {error}")
    if task and not answer.failed and answer.key != task.key:
        return Answer(facts=answer.facts, failed="its answer is another task's")
    return answer
