"""The rounds of `runtimes`: in each a fresh process of every case, started alone; then their calls in turns."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.commands.runtimes.prepare import EXPECTED
from bench.commands.runtimes.worker import MeasureRequest
from bench.host.process import Process, Worker, WorkerError, on_cpus, own_cpus, side_environment
from bench.host.resources import free_memory_bytes
from bench.inference.visits import Plan, make_rows, visit_in_turns
from bench.records.cases import BATCH_SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.commands.runtimes.cases import Case
    from bench.inference.visits import VisitedRow
    from bench.progress import Progress

PLAN = Plan(laps=20, calls=20, span_s=0.0)
"""Of each round: with five rounds, 100 visits of each row."""
QUICK_PLAN = Plan(laps=2, calls=20, span_s=0.0)
WORKER_TIMEOUT_S = 300.0
PROCESS_BYTES, SMALL_BYTES = {"keras": 900_000_000}, 200_000_000
"""Of a runtime's process, by what it loads."""


class Pausable(Process, Protocol):
    """A process that can be stopped while others are measured."""

    def pause(self) -> None:
        """Stop it, with all its threads."""

    def resume(self) -> None:
        """Let it go on."""


@dataclass(frozen=True, slots=True)
class PausedProcess:
    """A process that runs only while it is asked: its threads may spin for long after a call, and slow the others."""

    process: Pausable

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request. Raises WorkerError."""
        self.process.resume()
        try:
            return self.process.ask(request)
        finally:
            self.process.pause()

    def close(self) -> None:
        """End the process."""
        self.process.close()


def measure(  # noqa: PLR0913  what is measured, and what a test replaces
    cases: Sequence[Case],
    folder: str,
    rounds: int,
    seed: int,
    *,
    quick: bool,
    progress: Progress,
    save: Callable[[], None],
    start: Callable[[Case, str], Pausable] | None = None,
) -> None:
    """In each round, a fresh process of each case, started alone; then their calls in turns; `save` after each round.

    The processes of a model with the same number of threads are there at the same time, as far as memory allows. A case
    that fails is left out from then on; all others are measured.
    """
    source, begin_s = random.Random(seed), time.perf_counter()
    plan = QUICK_PLAN if quick else PLAN
    total = rounds * sum(case.measurable for case in cases)
    started = 0
    for number in range(rounds):
        for group in make_groups([case for case in cases if case.measurable], source, free_memory_bytes()):
            workers: dict[int, Process] = {}
            rows: dict[str, VisitedRow] = {}
            try:
                for place, case in enumerate(group):
                    started += 1
                    progress.update(f"[{started}/{total}] {case.name}")
                    workers[place] = PausedProcess((start or start_worker)(case, folder))
                    rows |= _tell(case, place, workers[place], progress)
                before_s = time.perf_counter() - begin_s
                visit_in_turns(rows, workers, plan, seed=source.randrange(2**32))
            finally:
                for worker in workers.values():
                    worker.close()
            for case in group:
                case.add_visits(number, before_s, {size: rows.get(_row_name(case, size)) for size in batch_sizes(case)})
        save()


def make_groups(cases: Sequence[Case], source: random.Random, free_bytes: int | None) -> list[list[Case]]:
    """Cases whose processes are there at the same time, in drawn order: same model, same threads, enough memory."""
    groups: list[list[Case]] = []
    for case in sorted(source.sample(cases, len(cases)), key=lambda one: (one.model, one.threads)):
        group = groups[-1] if groups else []
        alike = bool(group) and (group[0].model, group[0].threads) == (case.model, case.threads)
        needed = sum(PROCESS_BYTES.get(one.runtime.artifact, SMALL_BYTES) for one in [*group, case])
        if alike and (free_bytes is None or needed < free_bytes):
            group.append(case)
        else:
            groups.append([case])
    return source.sample(groups, len(groups))


def _tell(case: Case, place: int, worker: Process, progress: Progress) -> dict[str, VisitedRow]:
    """Take what a fresh process tells of its start; its rows to visit, by name."""
    try:
        case.add(answer := worker.ask({"do": "tell"}))
    except WorkerError as error:
        case.add({"failed": str(error)})
    if case.failed:
        progress.done(f"FAILED {case.name}: {case.failed}")
    if not case.measurable:
        return {}
    return make_rows({place: answer["rows"]})


def batch_sizes(case: Case) -> Sequence[int]:
    """The batch sizes of a case's rows."""
    found: Sequence[int] = case.facts.get("batch_sizes", BATCH_SIZES)
    return found


def _row_name(case: Case, batch_size: int) -> str:
    return f"{case.name}, {batch_size}"


def start_worker(case: Case, folder: str) -> Worker:
    """A fresh process of a case."""
    place = Path(folder) / case.model
    request = MeasureRequest(
        runtime=case.runtime.name,
        path=str(place / case.artifact["file"]),
        expected=str(place / case.facts.get("expected", EXPECTED)),
        threads=case.threads,
        rows={_row_name(case, size): size for size in batch_sizes(case)},
        started_ns=time.monotonic_ns(),
        inputs=str(place / case.facts["inputs"]) if "inputs" in case.facts else "",
    )
    command = [sys.executable, "-m", "bench.commands.runtimes.worker", request.to_json()]
    with on_cpus(own_cpus()[: case.threads]):
        return Worker(command, timeout_s=WORKER_TIMEOUT_S, environment=side_environment())
