"""An engine without machines: answers come at once, in an order and with losses that a seed draws."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from bench.cluster.engines.engine import Ended
from bench.cluster.tasks import Answer, NodeFacts, Request, RunFile


def facts(name: str, kind: str = "test-cpu", **more: object) -> NodeFacts:
    """What a fake machine is."""
    return msgspec.structs.replace(
        NodeFacts(node=f"id-{name}", boot="b", kind=kind, cpus=2, commit="abc1234", python="3.11.0", load=0.0), **more
    )


@dataclass
class FakeEngine:
    """Machines that answer in a drawn order.

    Attributes:
        there: the machines, by name.
        loses: how likely a task is lost.
        dies: how likely its machine is gone as well, and back under another address.
        log: node and task key of all that was started.
    """

    there: dict[str, NodeFacts]
    seed: int = 0
    loses: float = 0.0
    dies: float = 0.0
    log: list[tuple[str, str]] = field(default_factory=list)
    running: dict[str, bytes] = field(default_factory=dict)
    born: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source = random.Random(self.seed)

    def nodes(self) -> Mapping[str, str]:
        return {node: f"{node}-{self.born.get(node, 0)}" for node in self.there}

    def submit(self, node: str, request: bytes) -> None:
        assert node not in self.running, "a machine has one task at a time"
        assert node in self.there
        self.running[node] = request

    def wait(self, _timeout_s: float) -> Ended | None:
        if not self.running:
            return None
        node = self.source.choice(sorted(self.running))
        request = msgspec.json.decode(self.running.pop(node), type=Request)
        if request.task is None:
            return Ended(node, msgspec.json.encode(Answer(facts=self.there[node])))
        self.log.append((node, request.task.key))
        if self.source.random() < self.loses:
            if self.source.random() < self.dies:
                self.born[node] = self.born.get(node, 0) + 1
            return Ended(node, None, "it was lost")
        file = RunFile("trials", f"{request.task.key}.json", "{}")
        return Ended(node, msgspec.json.encode(Answer(facts=self.there[node], key=request.task.key, files=(file,))))

    def close(self) -> None:
        self.running.clear()
