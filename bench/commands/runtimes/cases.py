"""The rows of the runtimes' table while they are measured, and the run file that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.records.cases import case_name
from bench.records.record import SCHEMA
from bench.records.run_file import round_timings

if TYPE_CHECKING:
    from bench.inference.runtimes.runtime import Runtime
    from models import Recipe

PARTS = ("import_s", "load_s", "first_s", "resident_bytes")
"""What is stored of each start beside its seconds."""


@dataclass
class Case:
    """A model on a runtime with so many threads.

    Attributes:
        facts: what `bench.commands.runtimes.prepare` tells of the model.
        artifact: likewise of the file that the runtime loads.
        starts: what each fresh process told of its start.
        values_s: batch size to the timings of all processes.
        processes: batch size to how many timings each process gave.
        certificate: the last process's.
        unavailable: why this machine cannot measure it, though nothing is broken.
        failed: what went wrong, or why its answers are not to be believed.
    """

    recipe: Recipe
    runtime: Runtime
    threads: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    artifact: Mapping[str, Any] = field(default_factory=dict)
    starts: list[Mapping[str, Any]] = field(default_factory=list)
    values_s: dict[int, list[float]] = field(default_factory=dict)
    processes: dict[int, list[int]] = field(default_factory=dict)
    certificate: Mapping[str, Any] | None = None
    unavailable: str | None = None
    failed: str | None = None

    @property
    def name(self) -> str:
        """``deep_mlp, ONNX Runtime, 1 thread``, for people."""
        return f"{self.recipe.name}, {self.runtime.name}, {self.threads} thread{'s' * (self.threads > 1)}"

    @property
    def invalid(self) -> bool:
        """Whether its model or its answers are not to be believed; a process that crashed is no answer."""
        return "failed" in self.facts or bool(self.certificate and self.certificate["faults"])

    @property
    def measurable(self) -> bool:
        """Whether it can be measured."""
        return self.unavailable is None and self.failed is None

    def add(self, found: Mapping[str, Any]) -> None:
        """Take what a worker found out."""
        self.unavailable, self.failed = found.get("unavailable"), found.get("failed")
        if not self.measurable:
            return
        self.certificate = found["certificate"]
        if self.certificate["faults"]:
            self.failed = "; ".join(self.certificate["faults"])
            return
        self.starts.append(found["cold"])
        for size, values_s in found["values_s"].items():
            self.values_s.setdefault(int(size), []).extend(values_s)
            self.processes.setdefault(int(size), []).append(len(values_s))


def run_content(cases: Sequence[Case], metadata: Mapping[str, Any], *, complete: bool) -> dict[str, Any]:
    """The run file: a row per case and batch size, and one per case for its starts."""
    shared = {name: metadata[name] for name in ("dataset", "dataset_sha256", "device", "machine", "packages", "quick")}
    rows = [row for position, case in enumerate(cases) for row in _rows(case, position, shared)]
    return {
        "benchmarks": [row for row in rows if not row["extra_info"]["faults"]],
        "densebench": {
            **metadata,
            "complete": complete,
            "cases_planned": [row["name"] for row in rows],
            "invalid": [
                {**row["extra_info"], "values_s": row["stats"]["data"]} for row in rows if row["extra_info"]["faults"]
            ],
        },
    }


def _rows(case: Case, position: int, shared: Mapping[str, Any]) -> list[dict[str, Any]]:
    faults = [text for text in (case.failed, case.unavailable) if text]
    extra_info = {
        **shared,
        "schema": SCHEMA,
        "status": "failed" if case.failed else "unavailable" if case.unavailable else "valid",
        "faults": faults,
        "position": position,
        "recipe": case.recipe.name,
        "runtime": case.runtime.name,
        "threads": case.threads,
        "exact": case.runtime.exact,
        "artifact": case.runtime.artifact,
        "artifact_bytes": case.artifact.get("bytes"),
        "artifact_sha256": case.artifact.get("sha256"),
        "parity": case.certificate,
        **{name: case.facts.get(name) for name in ("parameters", "test_accuracy", "trainer", "backend", "precision")},
    }
    starts = _row(case, "start", 1, [start["cold_s"] for start in case.starts], extra_info)
    starts["extra_info"]["starts"] = {name: [start[name] for start in case.starts] for name in PARTS}
    rows = [
        _row(case, "runtime", size, values_s, {**extra_info, "calls_per_process": case.processes[size]})
        for size, values_s in case.values_s.items()
    ]
    return [starts, *rows]


def _row(
    case: Case, stage: str, batch_size: int, values_s: Sequence[float], extra_info: Mapping[str, Any]
) -> dict[str, Any]:
    batch = {"batch": batch_size} if stage == "runtime" else {}
    name = case_name(stage, case.recipe.name, runtime=case.runtime.name, **batch, threads=case.threads)
    own = {**extra_info, "case": name, "stage": stage, "batch_size": batch_size}
    return {"name": name, "extra_info": own, "stats": {"data": round_timings(list(values_s))}}
