"""Processes of environments without processes: seconds come from a seeded source, and nothing waits."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.datasets import Dataset
from bench.host.process import WorkerError
from bench.records.trials import BASE, HEAD, MARGINS
from bench.trials.cases import known_cases
from bench.trials.environments import Environment
from bench.trials.injections import parse_injection
from bench.trials.trial import Trial
from tests.fake_runs import MACHINE, PACKAGES

if TYPE_CHECKING:
    from bench.records.cases import Case

CASES = known_cases(1)
FIT, CALL, INFER = (
    CASES[name]
    for name in ("train[deep_mlp,trainer=fit]", "call[deep_mlp,batch=1]", "infer[deep_mlp,batch=1,threads=1]")
)
UNIT_S = {"train": 1e-3, "call": 5e-4, "predict": 0.04, "infer": 1e-5}
IMAGES, LABELS = np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8)
DATASET = Dataset("digits", IMAGES, LABELS, IMAGES, LABELS, ("0",), "generated", "0")
FACTS: Mapping[str, Any] = {
    "machine": MACHINE,
    "packages": PACKAGES,
    "started_at": "2026-01-02T03:04:05+00:00",
    "commit": "abc1234",
    "command": "python -m bench duel tensorflow==2.20.0 tensorflow==2.21.0",
    "dataset": "digits",
    "dataset_sha256": "0",
    "dataset_source": "generated",
    "device": "cpu:1",
    "threads": 1,
    "trainer": "all",
    "quick": False,
}


@dataclass
class Machine:
    """A machine that starts fake processes.

    Attributes:
        factor: role and case's stage to how many times as long it takes.
        stall: role to the share of its turns in which everything takes twice as long.
        noise: standard deviation of a process's logarithm.
        trouble: called with role and number of the start before each answer; raises or returns an answer instead.
        graphs: role to the digest of its graphs.
        weights: role to the digest of its weights.
        surveys: role to what is told of each model instead.
        started: roles in the order in which they were started.
    """

    factor: Mapping[tuple[str, str], float] = field(default_factory=dict)
    stall: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.005
    trouble: Callable[[str, int, Mapping[str, Any]], Mapping[str, Any] | None] = lambda *_words: None
    graphs: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    surveys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    open: int = 0

    def start(self, trial: Trial, _group: Any, role: str, seed: int, _core: int, **_options: Any) -> Process:
        """A process of an environment."""
        self.started.append(role)
        self.open += 1
        return Process(self, role, random.Random(f"{role} {seed} {len(self.started)}"), trial.open_cases)


class Process:
    """One process, which answers at once."""

    def __init__(self, machine: Machine, role: str, source: random.Random, cases: list[Case]) -> None:
        self.machine, self.role, self.source = machine, role, source
        self.cases = {case.name: case for case in cases}
        self.number = machine.started.count(role)
        self.own = 1 + machine.noise * source.gauss(0, 1)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        if instead := self.machine.trouble(self.role, self.number, request):
            return dict(instead)
        if request["do"] == "begin":
            told = {name: {"first_s": 0.5 * self.own} for name in self.cases}
            return {"import_s": 2.0 * self.own, "peak_bytes": round(5e8 * self.own), "cases": told}
        if request["do"] == "survey":
            return self.survey(request["recipes"], request["seeds"])
        if request["do"] == "profile":
            return self.profile(self.cases[request["case"]])
        role, injection = request.get("model_of", self.role), parse_injection(request.get("injected", ""))
        longer = 1 + injection.lengthening(request["number"], request["count"])(0)
        return {"timing": self.turn(self.cases[request["case"]], request["count"], role, longer)}

    def turn(self, case: Case, count: int, role: str, longer: float) -> list[Any]:
        """One turn of a role's model, so many times as long, summarized."""
        stage = case.stage
        unit_s = longer * UNIT_S[stage] * self.own * self.machine.factor.get((role, stage), 1.0)
        if self.source.random() < self.machine.stall.get(role, 0.0):
            unit_s *= 2
        values = sorted(unit_s * (1 + abs(0.02 * self.source.gauss(0, 1))) for _ in range(20))
        return [count, sum(values) / len(values), values[0], values[-1], values]

    def profile(self, case: Case) -> dict[str, Any]:
        """Stacks of a step or call: what a factor adds lies in Keras."""
        unit_s, factor = UNIT_S[case.stage] * self.own, self.machine.factor.get((self.role, case.stage), 1.0)
        keras, compiled = "run;keras/src/trainer:fit", "run;tensorflow/python/eager/execute:quick_execute"
        return {"stacks": {keras: (factor - 0.6) * unit_s, compiled: 0.6 * unit_s}}

    def survey(self, recipes: list[str], seeds: list[int]) -> dict[str, Any]:
        """What the environment is, trains and exports."""
        weights = [self.machine.weights.get(self.role, "w")] * len(seeds)
        found = {
            "accuracies": [0.9] * len(seeds),
            "weights": weights,
            "answers": weights,
            "graph": self.machine.graphs.get(self.role, "g"),
        }
        found = dict(self.machine.surveys.get(self.role, found))
        tensorflow = {"owners": {"tensorflow": self.role}, "version": self.role, "git_version": "v1-2-g3"}
        identity = {"python": "3.11.7", "packages": {"tensorflow": tensorflow}}
        return {"identity": identity, "recipes": dict.fromkeys(recipes, found)}

    def settle(self) -> None:
        """Nothing: it has no core."""

    def close(self) -> None:
        """End it."""
        self.machine.open -= 1


def make_trial(
    *cases: Case,
    heads: int = 1,
    budget_s: float = 1e6,
    variables: Mapping[str, str] = MappingProxyType({}),
    **options: Any,
) -> Trial:
    """A trial of environments that are never started."""
    roles = [BASE, HEAD, *(f"{HEAD} {number}" for number in range(2, heads + 1))]
    return Trial(
        environments={
            role: Environment(f"tensorflow=={role}", Path("/nowhere"), variables if role == HEAD else {})
            for role in roles
        },
        cases=list(cases),
        margins=MARGINS,
        facts=FACTS,
        dataset=DATASET,
        device="cpu:1",
        threads=1,
        seed=1,
        budget_s=budget_s,
        **options,
    )


def die(role: str, *numbers: int) -> Callable[[str, int, Mapping[str, Any]], None]:
    """The trouble of a role whose processes of these numbers end when they are asked for a turn."""

    def trouble(who: str, number: int, request: Mapping[str, Any]) -> None:
        if who == role and number in numbers and request["do"] == "turn":
            raise WorkerError("the worker was killed by signal 9")

    return trouble
