"""Latency of all exported models of a run: certified here, then visited in turns in processes of their own."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.suite.latency_worker import LatencyRequest
from bench.errors import DensebenchError, InvalidRow
from bench.files import write_atomically
from bench.host.interference import interference, take_snapshot
from bench.host.process import Worker, WorkerError, side_environment
from bench.inference import onnx_session
from bench.inference.export import INPUT_NAME
from bench.inference.parity import certify
from bench.inference.visits import Plan, VisitedRow, make_rows, visit_in_turns
from models import RECIPES

if TYPE_CHECKING:
    from bench.commands.suite.model_store import ModelStore
    from bench.commands.suite.own_models import OwnModels

PROCESSES = 10
"""Two processes differ by 2 to 3 %: what ten have in common is known to 2 % (Student's interval)."""
PLAN = Plan(laps=10, calls=50, span_s=10.5, more_s=15.0)
"""100 visits of each row; p99 asks for 90 visits in 10 s."""
QUICK_PROCESSES = 3
QUICK_PLAN = Plan(laps=2, calls=50, span_s=0.0)
COLD_BATCH = 1
"""The batch size of which calls with cold caches are timed as well."""
SIDE_BY_SIDE = 2
"""Processes that open their sessions at the same time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that the run wants to measure; the model is a recipe of the ladder or the user's own, by its name."""

    model: str
    batch_size: int
    threads: int


@dataclass
class Latencies:
    """The latency rows of a run: all are visited in turns as soon as the first is asked for.

    Args:
        model_store: has the exported models of the ladder.
        own: has the user's own.
        wanted: name to what it is, of all rows of the run.
        seed: of the order of visits.
    """

    model_store: ModelStore
    own: OwnModels
    wanted: Mapping[str, Wanted]
    seed: int = 0
    _certified: dict[tuple[str, int], tuple[dict[str, Any], list[str]]] = field(default_factory=dict)
    _visited: dict[str, VisitedRow] | None = None
    _interference: dict[str, Any] = field(default_factory=dict)

    def certified(self, model: str, threads: int) -> tuple[dict[str, Any], list[str]]:
        """The fields that tell whether the model answers rightly in ONNX Runtime and where, and the faults in that."""
        key = model, threads
        if key not in self._certified:
            certify = self._certify_own if model in self.own.files else self._certify
            self._certified[key] = certify(model, threads)
        return self._certified[key]

    def visit(self, case: str, tell: Callable[[str], None]) -> dict[str, Any]:
        """The fields of a row that its visits tell, `values_s` among them.

        Raises:
            InvalidRow: it could not be timed.
        """
        if self._visited is None:
            before = take_snapshot()
            self._visited = self._visit_all(tell)
            self._interference = interference(before, take_snapshot())
        row = self._visited.get(case) or VisitedRow(lost=["it was not visited"])
        if not row.visits:
            raise InvalidRow([f"{case}: {'; '.join(dict.fromkeys(row.lost))}"])
        return {"values_s": row.values_s, "contamination": self._interference, **row.as_fields()}

    def _certify(self, model: str, threads: int) -> tuple[dict[str, Any], list[str]]:
        store = self.model_store
        exported = store.exported(RECIPES[model])
        with onnx_session.open_session(exported.onnx, store.device, threads=threads) as session:
            answers = onnx_session.run_in_batches(session, store.test_images)
            certificate = certify(exported.expected, answers)
            providers = session.get_providers()
        nodes = onnx_session.nodes_by_provider(exported.onnx, store.device, {INPUT_NAME: store.test_images[:1]})
        faults = [*certificate.faults, *onnx_session.device_faults(nodes, store.device)]
        return {"parity": certificate.as_dict(), "providers": providers, "nodes": nodes}, faults

    def _certify_own(self, model: str, threads: int) -> tuple[dict[str, Any], list[str]]:
        own, device = self.own.get(model), self.model_store.device
        with onnx_session.open_session(own.onnx, device, threads=threads) as session:
            feed = dict(zip((one.name for one in session.get_inputs()), own.arrays(), strict=True))
            parity = own.certify(session.run(None, feed)[: len(own.answers.own)])
            providers = session.get_providers()
        nodes = onnx_session.nodes_by_provider(own.onnx, device, feed)
        faults = [*parity["faults"], *onnx_session.device_faults(nodes, device)]
        return {"parity": parity, "providers": providers, "nodes": nodes}, faults

    def _valid(self) -> dict[str, Wanted]:
        """The rows whose models are there and answer rightly."""
        valid = {}
        for case, one in self.wanted.items():
            try:
                _, faults = self.certified(one.model, one.threads)
            except DensebenchError:
                continue  # its own row tells
            if not faults:
                valid[case] = one
        return valid

    def _visit_all(self, tell: Callable[[str], None]) -> dict[str, VisitedRow]:
        valid, store = self._valid(), self.model_store
        plan, count = (QUICK_PLAN, QUICK_PROCESSES) if store.quick else (PLAN, PROCESSES)
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            request = self._write(valid, Path(folder)).to_json()
            command = [sys.executable, "-m", "bench.commands.suite.latency_worker", request]
            tell(f"starting {count} processes")
            workers = [Worker(command, environment=side_environment()) for _ in range(count)]
            for worker in workers:
                stack.callback(worker.close)
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                rows = make_rows(dict(enumerate(pool.map(_open, workers))))
            cold = [name for name, one in valid.items() if one.batch_size == COLD_BATCH]
            visit_in_turns(rows, dict(enumerate(workers)), replace(plan, cold=cold), seed=self.seed, tell=tell)
        return rows

    def _write(self, valid: Mapping[str, Wanted], folder: Path) -> LatencyRequest:
        """Write what the processes load."""
        store = self.model_store
        largest = max((one.batch_size for one in valid.values() if one.model not in self.own.files), default=0)
        np.save(folder / "images.npy", onnx_session.make_batch(store.test_images, largest))
        paths = {}
        for name in dict.fromkeys(one.model for one in valid.values()):
            paths[name] = self.own.path(name) if name in self.own.files else folder / f"{name}.onnx"
            if name not in self.own.files:
                write_atomically(paths[name], store.exported(RECIPES[name]).onnx.content)
        places = {case: (str(paths[one.model]), one.threads, one.batch_size) for case, one in valid.items()}
        return LatencyRequest(device=store.device.name, images=str(folder / "images.npy"), rows=places)


def _open(worker: Worker) -> Mapping[str, Mapping[str, Any]]:
    """What a process tells of each row; nothing where it ended."""
    try:
        answer = worker.ask({"do": "open"})
    except WorkerError as error:
        raise DensebenchError(f"a process that was to time the models: {error}\n{worker.errors()}") from None
    rows: Mapping[str, Mapping[str, Any]] = answer.get("rows", {})
    return rows


class Replay:
    """A clock for pytest-benchmark that shows timings which were taken already: one between each two looks."""

    def __init__(self) -> None:
        self._values_s: list[float] = []
        self._passed_s = 0.0

    def load(self, values_s: Sequence[float]) -> None:
        """Take the timings, in seconds, that the next calls are to show."""
        self._values_s = list(reversed(values_s))

    def call(self) -> None:
        """Let the next timing pass."""
        self._passed_s = self._values_s.pop()

    def clock(self) -> float:
        """Seconds since the last look."""
        passed_s, self._passed_s = self._passed_s, 0.0
        return passed_s
