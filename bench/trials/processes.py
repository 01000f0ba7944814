"""Processes of the environments of a trial: which one has which data, variables, cores and cases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.host.process import Worker, WorkerError, on_cpus, own_cpus
from bench.trials import simulated
from bench.trials.worker import WorkerRequest

if TYPE_CHECKING:
    from bench.trials.environments import Environment
    from bench.trials.rounds import Placed
    from bench.trials.trial import Trial

DATA = "data"
"""Folder of the data set, beside those of the environments."""
ANSWER_TIMEOUT_S = 180.0
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "DENSEBENCH_DATA")
"""Environment variables that a measured process gets, beside those that its environment asks for."""
HASH_SEED, MOST_HASH_SEED = "PYTHONHASHSEED", 2**32
"""Python's order of sets, and what collides in its dictionaries, is drawn for each round and is the same in all of its
environments: drawn by each process, it made a fifth of the spread of calls (28 processes each way: 1.94 and 1.46 % in
ONNX Runtime, 1.70 and 1.45 % in Keras)."""


class EnvironmentProcess:
    """A worker of an environment, whose end is explained by the last line that it wrote."""

    def __init__(self, worker: Worker, home: Sequence[int]) -> None:
        self._worker = worker
        self._home = home

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request. Raises WorkerError, with the worker's last words."""
        try:
            return self._worker.ask(request)
        except WorkerError as error:
            lines = self._worker.errors().splitlines()
            raise WorkerError(f"{error}; its last words: {lines[-1]}" if lines else str(error)) from None

    def settle(self) -> None:
        """Move the process to the core that everything is measured on."""
        if self._home:
            self._worker.move(self._home)

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def start(  # noqa: PLR0913  which process, of which group, and what for
    trial: Trial, group: Sequence[str], role: str, seed: int, core: int, *, survey: bool = False
) -> Placed:
    """Start a process of an environment; it prepares on one of the cores and is measured on the first."""
    if trial.simulated:
        return simulated.start(trial, group, role, seed, core, survey=survey)
    environment, folder = trial.environments[role], trial.folder / role
    folder.mkdir(exist_ok=True)
    others = group[1:] if role == group[0] and trial.together else []
    asked = WorkerRequest(
        cases=[asdict(case) for case in trial.open_cases],
        dataset=str(trial.folder / DATA),
        device=trial.device,
        folder=str(folder),
        seed=seed,
        others={one: str(trial.folder / one) for one in others},
        survey=survey,
        variables=list(environment.variables),
        models=[file.as_request() for file in trial.own_files],
    )
    command = [str(environment.python), "-m", "bench.trials.worker", asked.to_json()]
    cpus = own_cpus()
    home, away = cpus[: trial.threads], cpus[core * trial.threads : (core + 1) * trial.threads]
    hashes = {HASH_SEED: str(seed % MOST_HASH_SEED)}
    variables = hashes | passed_variables(environment)
    with on_cpus(away or home):
        inherited = [] if trial.lock is None else [trial.lock]
        worker = Worker(command, timeout_s=ANSWER_TIMEOUT_S, environment=variables, inherited=inherited)
        return EnvironmentProcess(worker, home)


def start_alone(trial: Trial, role: str, seed: int, core: int) -> Placed:
    """Start a process of an environment that is measured beside no other, with all open cases."""
    return start(trial, [role], role, seed, core)


def passed_variables(environment: Environment) -> dict[str, str]:
    """The environment variables of a measured process: those of `PASSED_ON`, and what its environment asks for."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | dict(environment.variables)
