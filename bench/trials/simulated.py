"""Processes that measure nothing, for `--simulate`: a turn is a short sleep, and its seconds come from a seeded source.

Who asks for it wants to see tasks, machines and losses, on one machine that stands for several.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.trials.environments import Environment

if TYPE_CHECKING:
    from bench.trials.trial import Trial

SLEEP_S = float(os.environ.get("DENSEBENCH_SIMULATED_TURN_S", "0.001"))
NOISE = 0.005
"""Standard deviation of a process's logarithm."""
UNIT_S = {"train": 1e-3, "call": 5e-4, "predict": 4e-2, "infer": 1e-5}


def find_environment(word: str, **_options: object) -> Environment:
    """An environment that is not installed."""
    return Environment(word, Path("simulated"))


def start(
    trial: Trial, _group: Sequence[str], role: str, seed: int, _core: int, *, survey: bool = False
) -> SimulatedProcess:
    """A process of an environment that is never started."""
    return SimulatedProcess(role, trial.environments[role].word, seed, [case.name for case in trial.open_cases], survey)


class SimulatedProcess:
    """One that answers as a worker does."""

    def __init__(self, role: str, word: str, seed: int, cases: Sequence[str], survey: bool) -> None:  # noqa: FBT001
        self._word, self._cases, self._survey = word, cases, survey
        self._source = random.Random(f"{role} {word} {seed}")
        self._own = 1 + NOISE * self._source.gauss(0, 1)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        time.sleep(SLEEP_S)
        if request["do"] == "survey":
            return self._about(request["recipes"], request["seeds"])
        if request["do"] == "begin":
            prepared = {name: {"first_s": 0.5 * self._own} for name in self._cases}
            told: dict[str, Any] = {"peak_bytes": round(5e8 * self._own), "cases": prepared}
            return {"import_s": 2.0 * self._own, **({} if self._survey else told)}
        count = int(request["count"])
        unit_s = self._own * UNIT_S[request["case"].partition("[")[0]]
        values = sorted(unit_s * (1 + abs(0.02 * self._source.gauss(0, 1))) for _ in range(9))
        return {"timing": [count, sum(values) / len(values), values[0], values[-1], values[::2]]}

    def _about(self, recipes: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
        """What the environment claims to be, to train and to export: the version that its word names."""
        version = match[1] if (match := re.search(r"==([\w.]+)", self._word)) else self._word
        digest = hashlib.sha256(version.encode()).hexdigest()[:16]
        found = {name: ["w"] * len(seeds) for name in ("weights", "answers")}
        tensorflow = {"owners": {"tensorflow-cpu": version}, "version": version, "git_version": "simulated"}
        identity = {"python": "3.11.0", "packages": {"tensorflow": tensorflow}}
        survey = {"accuracies": [0.9] * len(seeds), **found, "graph": digest}
        return {"identity": identity, "recipes": dict.fromkeys(recipes, survey)}

    def settle(self) -> None:
        """Nothing: it has no core."""

    def close(self) -> None:
        """Nothing: it has no process."""
