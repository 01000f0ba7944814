"""The driver: it hands a plan's tasks to machines, one each at a time, and keeps what they come to.

A task that was lost (its machine is gone, it took too long, its machine refused it) is tried on another machine first,
and so many times at most. A machine that fails twice in a row is set aside. One failure stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        aside: machine to why it gets no tasks.
    """

    engine: Engine
    say: Say
    retries: int = 2
    kind: str = ""
    most: int | None = None
    simulated: bool = False
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    _addresses: dict[str, str] = field(default_factory=dict)
    _in_a_row: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Ask machines that have appeared what they are; set aside those that do not fit.

        Raises:
            DensebenchError: two machines are one, which is no cluster.
        """
        there = self.engine.nodes()
        for node in [one for one in self.facts if one not in there]:
            del self.facts[node]
        for node, address in there.items():
            if node in self.facts and self._addresses.get(node) == address:
                continue
            self._addresses[node] = address
            self.facts.pop(node, None)
            self.aside.pop(node, None)
            self._in_a_row[node] = 0
            facts = self._ask(node)
            if facts is None:
                continue
            self.facts[node] = facts
            self._refuse(node, facts)
        known: dict[str, str] = {}
        for node, facts in self.facts.items():
            if facts.node in known and not self.simulated:
                raise DensebenchError(
                    f"{known[facts.node]} and {node} are one machine, where two tasks would disturb each other: one "
                    "worker for each machine, or --simulate."
                )
            known[facts.node] = node

    def run(self, plan: Plan, store: Store) -> dict[Task, str]:
        """Run what is left of a plan; the tasks that could not be done, with the reason.

        Raises:
            DensebenchError: no machine is there.
            OSError: an answer cannot be kept.
        """
        waiting = [task for task in plan.tasks if store.done(task) is None]
        used = {done.answer.facts.node for _, done in store.all_done(plan)}
        tried: dict[Task, list[str]] = {task: [] for task in waiting}
        lost: dict[Task, str] = {}
        busy: dict[str, Task] = {}
        nobody_s = 0.0
        while waiting or busy:
            self.look()
            free = self._free(busy)
            for node in free:
                task = self._next(node, waiting, tried, used, free)
                if task:
                    waiting.remove(task)
                    tried[task].append(node)
                    busy[node] = task
                    used.add(self.facts[node].node)
                    self.engine.submit(node, self._request(node, task))
            if not busy:
                nobody_s += WAIT_S
                if nobody_s > NOBODY_S or self._hopeless(waiting, used):
                    lost |= dict.fromkeys(waiting, self._why_not())
                    break
            ended = self.engine.wait(WAIT_S)
            if ended is None:
                continue
            nobody_s = 0.0
            task = busy.pop(ended.node)
            answer = read(ended, task)
            if answer.failed:
                self._failed(ended.node, task, answer.failed)
                if len(tried[task]) > self.retries:
                    lost[task] = answer.failed
                else:
                    waiting.insert(0, task)
                continue
            self._in_a_row[ended.node] = 0
            store.keep(task, Done(answer=answer, attempt=len(tried[task])))
            done = sum(store.done(one) is not None for one in plan.tasks)
            self.say(f"{done} of {len(plan.tasks)} tasks done ({ended.node}, attempt {len(tried[task])})")
        return lost

    def _request(self, node: str, task: Task | None) -> bytes:
        return msgspec.json.encode(Request(name=node, task=task, simulated=self.simulated))

    def _ask(self, node: str) -> NodeFacts | None:
        """What a machine is; ``None`` where it does not say, or is at work for this driver."""
        self.engine.submit(node, self._request(node, None))
        ended = self.engine.wait(DESCRIBE_S)
        while ended is not None and ended.node != node:  # nothing else runs before the machines are known
            ended = self.engine.wait(DESCRIBE_S)
        answer = read(ended, None) if ended else None
        if answer is None or answer.failed:
            self.aside[node] = answer.failed if answer else "it does not say what it is"
            self.say(f"{node} is left out: {self.aside[node]}")
            return None
        return answer.facts

    def _refuse(self, node: str, facts: NodeFacts) -> None:
        """Set a machine aside that is of another kind, or not fit to measure."""
        reason = ""
        if self.kind and self.kind not in facts.kind:
            reason = f"it is {facts.kind}"
        elif facts.faults and not self.simulated:
            reason = "; ".join(facts.faults)
        if reason:
            self.aside[node] = reason
            self.say(f"{node} is left out: {reason}")

    def _free(self, busy: Mapping[str, Task]) -> list[str]:
        fit = sorted(node for node in self.facts if node not in self.aside)[: self.most]
        return [node for node in fit if node not in busy]

    def _next(
        self, node: str, waiting: list[Task], tried: Mapping[Task, list[str]], used: set[str], free: list[str]
    ) -> Task | None:
        """The next task for a machine: what it has done already or is doing, then what did not fail on it."""
        facts = self.facts[node]
        mine = [task for task in waiting if task.key in {*facts.kept, facts.running}]
        if mine:
            return mine[0]
        others = {key for one in self.facts.values() for key in (*one.kept, one.running)}
        fit = [task for task in waiting if task.key not in others and not (task.apart and facts.node in used)]
        fresh = [task for task in fit if node not in tried[task]]
        alone = len(self.facts) - len(self.aside) <= 1 or len(free) <= 1
        return next(iter(fresh or (fit if alone else [])), None)

    def _failed(self, node: str, task: Task, why: str) -> None:
        self.say(f"task {task.number} failed on {node}: {why}")
        self._in_a_row[node] = self._in_a_row.get(node, 0) + 1
        if self._in_a_row[node] >= IN_A_ROW and len(self.facts) - len(self.aside) > 1:
            self.aside[node] = f"{IN_A_ROW} tasks in a row failed on it, the last one: {why}"
            self.say(f"{node} gets no further tasks: {self.aside[node]}")

    def _hopeless(self, waiting: list[Task], used: set[str]) -> bool:
        """Whether no machine that is there may ever take what is waiting."""
        fit = [facts for node, facts in self.facts.items() if node not in self.aside]
        return bool(self.facts) and all(task.apart and all(one.node in used for one in fit) for task in waiting)

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
