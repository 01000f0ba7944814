"""An environment under survey: its process, and what was found of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.files import public_word
from bench.host.process import Process, Worker, WorkerError, on_cpus, own_cpus
from bench.trials.compatibility.worker import Request
from bench.trials.processes import DATA, passed_variables

if TYPE_CHECKING:
    from bench.data.datasets import Dataset
    from bench.inference.own_models.file import ModelFile
    from bench.trials.environments import Environment as Installed

MOST_PARTS = 12
"""Packages whose part of an import is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a survey is of.

    Attributes:
        environments: by role, the oldest first: the others' numbers are compared with its own.
        models: names of recipes, and keys of `files`.
        files: the user's own Keras files.
        seed: of weights and trainings.
        costs: whether to look at memory and imports, too, which takes most of the time.
        lock: a file descriptor that the processes inherit.
    """

    environments: Mapping[str, Installed]
    models: Sequence[str]
    dataset: Dataset
    files: Mapping[str, ModelFile]
    seed: int
    costs: bool = True
    lock: int | None = None


@dataclass
class Side:
    """An environment under survey: its process, which is started anew where it has died."""

    role: str
    installed: Installed
    start: Callable[[], Process]
    process: Process | None = None
    found: dict[str, Any] = field(default_factory=dict)

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request; where the process dies of it, that is what ``failed`` says."""
        try:
            if self.process is None:
                self.process = self.start()
            return self.process.ask(request)
        except WorkerError as error:
            self.close()
            return {"failed": str(error)}

    def close(self) -> None:
        """End its process; the next request starts another."""
        if self.process:
            self.process.close()
        self.process = None


def starter(asked: Asked, folder: Path, role: str, core: int, start: Callable[..., Process]) -> Callable[[], Process]:
    """Starts the process of an environment."""
    installed = asked.environments[role]
    request = Request(
        dataset=str(folder / DATA),
        folder=str(folder / role),
        seed=asked.seed,
        variables=list(installed.variables),
        files=[file.as_request() for file in asked.files.values()],
    )
    (folder / role).mkdir()
    return lambda: start(installed, request, core, asked.lock)


def start_process(installed: Installed, request: Request, core: int, lock: int | None) -> Process:
    """A process on one core."""
    command = [
        str(installed.python),
        "-m",
        "bench.trials.compatibility.worker",
        request.to_json(),
    ]
    inherited = [] if lock is None else [lock]
    with on_cpus(own_cpus()[core : core + 1]):
        return Worker(command, environment=passed_variables(installed), inherited=inherited)


def environment_fields(side: Side) -> dict[str, Any]:
    """The fields of an `Environment`."""
    found, installed = side.found, side.installed
    parts: list[dict[str, float]] = found.get("parts", [])
    totals = {name: sum(one.get(name, 0.0) for one in parts) for one in parts for name in one}
    longest = sorted(totals, key=lambda name: -totals[name])[:MOST_PARTS]
    timed = {name: found[name] for name in ("imports_s", "resident_bytes", "cycles_bytes") if name in found}
    told: dict[str, Any] = {
        "role": side.role,
        "word": public_word(installed.word),
        "variables": dict(installed.variables),
        "trainings": [{"model": model, **one} for model, one in found.get("trainings", {}).items()],
        "costs": {
            "sizes": found.get("sizes", {}),
            "parts_s": {name: [one.get(name, 0.0) for one in parts] for name in longest},
            **timed,
        },
    }
    names = ("python", "packages", "build", "saved", "loaded", "answers", "failed")
    return told | {name: found[name] for name in names if name in found}
