"""The process of one environment in one round: it imports, prepares all cases, and then takes turns when asked.

One JSON line per request and per answer. Until TensorFlow is there, nothing is imported that it would import, too.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable
from bench.host.devices import claim_device, parse_device, start_tensorflow
from bench.host.machine import private_peak
from bench.host.worker_side import Answer, attempt, end_with_parent, failure, open_answers, read_request, serve
from bench.records.cases import INJECT, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.trials.workloads import Workload

SHARES = (0.075, 0.25, 0.5, 0.75, 0.925)
"""Of the quantiles that are told of a turn."""
DIGITS = 5
"""Significant ones, of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRequest:
    """What a worker is started for; it crosses the process boundary as JSON.

    Attributes:
        cases: the fields of each `Case`.
        dataset: the folder of the stored data set.
        folder: where the exported models of this environment lie.
        others: role to the folder of another environment's exported models, of which this process takes turns, too.
        seed: of models and orders of images.
        survey: prepare nothing, and tell what the environment is, trains and exports, when asked.
        variables: names of the environment variables that are told.
        models: the fields of each `ModelFile`.
    """

    cases: Sequence[Mapping[str, Any]]
    dataset: str
    device: str
    folder: str
    seed: int
    others: Mapping[str, str] = field(default_factory=dict)
    survey: bool = False
    variables: Sequence[str] = ()
    models: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> str:
        """The request as the worker's one argument."""
        return json.dumps(asdict(self))


class EnvironmentWorker:
    """The actions that answer requests."""

    def __init__(self, asked: WorkerRequest, stack: ExitStack) -> None:
        self._asked = asked
        self._stack = stack
        self._workloads: dict[str, Workload] = {}

    def begin(self) -> Answer:
        """Import TensorFlow, and prepare all cases unless this is a survey."""
        device = parse_device(self._asked.device)
        claim_device(device, self._asked.variables)  # TF_USE_LEGACY_KERAS and numbers of threads may be among them
        began_s = time.perf_counter()
        tf = start_tensorflow(device)
        tf.keras.Sequential  # noqa: B018  releases that load Keras late load it now
        import_s = time.perf_counter() - began_s
        return {"import_s": import_s} if self._asked.survey else {"import_s": import_s, **self._prepare()}

    def _prepare(self) -> Answer:
        """Prepare all cases: per case its first step's seconds, or why it is not there; and the memory that it took."""
        from bench.data.stored import open_stored
        from bench.inference.own_models.recipe_file import receive
        from bench.trials.injections import unchanged
        from bench.trials.workloads import FEW, Setting, prepare

        dataset = open_stored(Path(self._asked.dataset))
        told: dict[str, Any] = {}
        gc.freeze()  # or the garbage of all of TensorFlow is collected before each turn, 0.2 s long
        cases = [Case(**fields) for fields in self._asked.cases]
        files = receive(self._asked.models)
        setting = Setting(dataset, self._asked.seed, Path(self._asked.folder), files)
        for case in cases:
            try:
                workload = prepare(case, setting, self._stack)
            except Exception as error:  # noqa: BLE001  whatever a framework raises is a fact about it
                told[case.name] = failure(error)
                continue
            self._workloads[case.name] = workload
            told[case.name] = {"first_s": workload.first_s}
        for workload in self._workloads.values():
            workload.turn(FEW, unchanged)  # after preparing others, the first `fit` takes 75 ms longer
        peak_bytes = private_peak()
        for case, (role, folder) in product(cases, self._asked.others.items()):
            if case.stage == "infer":
                with suppress(Unavailable):  # it was not exported there, which that environment's process tells
                    workload = prepare(case, replace(setting, folder=Path(folder)), self._stack)
                    workload.turn(FEW, unchanged)
                    self._workloads[_of(case.name, role)] = workload
        gc.freeze()
        return {"cases": told, "peak_bytes": peak_bytes}

    def turn(self, case: str, count: int, number: int, injected: str = "", model_of: str | None = None) -> Answer:
        """One turn of so many steps or calls, summarized: count, mean, extremes and quantiles, in seconds.

        It is of this environment's own model unless `model_of` names the role of another one.
        """
        from bench.trials.injections import parse_injection
        from bench.trials.workloads import quantiles

        workload = self._workloads[case if model_of is None else _of(case, model_of)]
        turn = workload.turn(count, parse_injection(injected).lengthening(number, count))
        values = turn.values_s
        mean_s, least_s, most_s, *shown_s = (
            float(f"{value:.{DIGITS}g}")
            for value in (turn.mean_s, min(values), max(values), *quantiles(values, SHARES))
        )
        return {"timing": [len(values), mean_s, least_s, most_s, shown_s]}

    def profile(self, case: str, count: int) -> Answer:
        """One turn of a case under a profiler: its runtime's own where that tells more than one of Python."""
        from bench.trials.explaining.profiles import profile_turn

        workload = self._workloads[case]
        if workload.profile:
            with suppress(Unavailable):
                return workload.profile(count)
        return profile_turn(workload, count)

    def survey(self, recipes: Sequence[str], seeds: Sequence[int]) -> Answer:
        """What this environment is, what it trains to and what it exports."""
        from bench.data.stored import open_stored
        from bench.inference.own_models.recipe_file import receive
        from bench.inference.own_models.survey import survey_file
        from bench.trials.identity import describe_process
        from bench.trials.injections import parse_injection
        from bench.trials.proofs import survey

        dataset, folder = open_stored(Path(self._asked.dataset)), Path(self._asked.folder)
        files = receive(self._asked.models)
        ladder = [name for name in recipes if name not in files]
        found = survey(ladder, dataset, seeds, folder, parse_injection(os.environ.get(INJECT, "")))
        found |= {name: survey_file(file, self._asked.seed, folder) for name, file in files.items() if name in recipes}
        return {"identity": describe_process(variables=self._asked.variables), "recipes": found}


def _of(case: str, role: str) -> str:
    """The key of a case with another environment's model."""
    return f"{case} of {role}"


def main() -> None:
    """Import, and answer requests until there are no more."""
    end_with_parent()
    asked, send = read_request(WorkerRequest), open_answers()
    with ExitStack() as stack:
        worker = EnvironmentWorker(asked, stack)
        told = attempt(worker.begin)  # at once, so that several processes prepare at the same time
        actions: dict[str, Callable[..., Answer]] = {
            "begin": lambda: told,
            "turn": worker.turn,
            "profile": worker.profile,
            "survey": worker.survey,
        }
        serve(actions, sys.stdin, send)


if __name__ == "__main__":
    main()
