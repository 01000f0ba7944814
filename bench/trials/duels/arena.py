"""The real arena: worker processes of two interpreters on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.host.process import Worker, WorkerError, on_cpus, own_cpus, side_environment
from bench.records.duels import SIDES, Block, Row
from bench.trials.duels.blocks import Asked, SideFailed, SideMissing, ask, run_block
from bench.trials.duels.duel import pause, select_epochs
from bench.trials.duels.worker import Settings

if TYPE_CHECKING:
    from bench.records.cases import Case
    from bench.trials.duels.sides import Side


SIDE_TIMEOUT_S = 120.0
"""An answer may take so long; a preparation imports TensorFlow, traces and compiles, which takes seconds."""
SCOUT_TURNS = 2
"""Turns per side that tell how long an epoch takes."""


class SideWorker:
    """A worker whose end is explained by the last line that it wrote.

    Args:
        worker: the process.
        home: the CPUs that it is measured on, whichever it prepared on.
    """

    def __init__(self, worker: Worker, home: Collection[int]) -> None:
        self._worker = worker
        self._home = home

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request. Raises WorkerError, with the worker's last words."""
        try:
            answer = self._worker.ask(request)
        except WorkerError as error:
            lines = self._worker.errors().splitlines()
            raise WorkerError(f"{error}; its last words: {lines[-1]}" if lines else str(error)) from None
        if request["do"] == "prepare":
            self._worker.move(self._home)
        return answer

    def close(self) -> None:
        """End the process."""
        self._worker.close()


@dataclass
class ProcessArena:
    """Two interpreters that measure cases in fresh processes.

    Attributes:
        sides: by `SIDES`.
        threads: how many CPU threads a process may use.
        seed: of the models that are exported, and of the scouts' trainings.
        plant: what HEAD's workers do beside their work, as `parse_plant` takes it.
        timeout_s: how long an answer may take.
        packages: by side, what its scouts reported.
        folder: where the sides' exported models are, while the duel lasts.
    """

    sides: Mapping[str, Side]
    dataset: str
    data_dir: Path | None
    threads: int
    seed: int
    injection: str | None = None
    timeout_s: float = SIDE_TIMEOUT_S
    packages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def scout(self, row: Row) -> None:
        """Try the case on both sides at the same time, and choose its epochs.

        Raises:
            SideMissing: one side does not have the case.
            SideFailed: a side failed, or both do not have the case.
        """
        workers: dict[str, Asked] = {}
        lacking: list[SideMissing] = []
        try:
            for side in SIDES:
                away = side != SIDES[0]
                workers[side] = self._start(side, row.case, seed=self.seed, epochs=1, away=away, scout=True)
            for side, worker in workers.items():
                try:
                    self.packages[side] = ask(worker, side, {"do": "prepare"})["packages"]
                except SideMissing as error:
                    lacking.append(error)
            if len(lacking) == len(SIDES):
                raise SideFailed("both sides", f"do not have it ({lacking[0]})")
            if lacking:
                raise lacking[0]
            if row.case.stage == "train" and not row.blocks:
                turns = [ask(workers[side], side, {"do": "turn"}) for side in SIDES * SCOUT_TURNS]
                row.epochs = select_epochs([float(turn["value_s"]) for turn in turns])
        finally:
            for worker in workers.values():
                worker.close()

    def block(self, row: Row, *, first: str, seed: int) -> Block:
        """One block of fresh processes. Raises SideFailed."""
        return run_block(
            lambda side: self._start(side, row.case, seed=seed, epochs=row.epochs, away=side != first),
            first=first,
            seed=seed,
            turns=row.turns,
            settle=pause(row.case),
        )

    def close(self) -> None:
        """Remove the exported models."""
        self.folder.cleanup()

    def _start(  # noqa: PLR0913  what differs between processes
        self, side: str, case: Case, *, seed: int, epochs: int, away: bool, scout: bool = False
    ) -> Asked:
        """Start a process; one that is `away` prepares on CPUs of its own where there are enough of them."""
        folder = Path(self.folder.name) / side
        folder.mkdir(exist_ok=True)
        settings = Settings(
            case=asdict(case),
            dataset=self.dataset,
            data_dir=str(self.data_dir.absolute()) if self.data_dir else None,
            threads=self.threads,
            seed=seed,
            epochs=epochs,
            folder=str(folder),
            scout=scout,
            injection=self.injection if side == SIDES[1] else None,
        )
        command = [str(self.sides[side].python), "-m", "bench.trials.duels.worker", settings.to_json()]
        home, others = own_cpus()[: self.threads], own_cpus()[self.threads : 2 * self.threads]
        try:
            with on_cpus(others if away and len(others) == self.threads else home):
                return SideWorker(Worker(command, timeout_s=self.timeout_s, environment=side_environment()), home)
        except OSError as error:
            raise SideFailed(side, f"{self.sides[side].word} cannot be started: {error.strerror}") from error


def check_packages(known: Mapping[str, Any], now: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to go on with a duel whose sides have changed.

    Raises:
        DensebenchError: a side has other packages than when the duel began.
    """
    for side, packages in now.items():
        before = known.get(side) or packages
        changed = [name for name in packages if before.get(name) != packages[name]]
        if changed:
            texts = ", ".join(f"{name} was {before.get(name)} and is {packages[name]}" for name in changed)
            raise DensebenchError(f"--resume: {side} has changed since that duel began: {texts}.")
