"""The rows of the runtimes' table while they are measured, and the run file that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.records.cases import case_name
from bench.records.run_file import round_timings
from bench.records.schema.rows import Parity, Visit
from bench.records.schema.run import convert, make_metadata
from bench.records.schema.runtimes import RuntimeRecord, StartParts, StartRecord

if TYPE_CHECKING:
    from bench.inference.runtimes.runtime import Runtime
    from bench.inference.visits import VisitedRow
    from bench.records.run_file import Content

PARTS = ("import_s", "load_s", "first_s", "resident_bytes")
"""What is stored of each start beside its seconds."""


@dataclass
class Case:
    """A model on a runtime with so many threads.

    Attributes:
        model: the name of a recipe, or of a model of the user's own.
        facts: what `bench.commands.runtimes.prepare` tells of the model.
        artifact: likewise of the file that the runtime loads.
        starts: what each fresh process told of its start.
        visits: batch size to its visits: number of the process, seconds since the first visit of all, and timings.
        certificate: the last process's.
        unavailable: why this machine cannot measure it, though nothing is broken.
        failed: what went wrong, or why its answers are not to be believed.
    """

    model: str
    runtime: Runtime
    threads: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    artifact: Mapping[str, Any] = field(default_factory=dict)
    starts: list[Mapping[str, Any]] = field(default_factory=list)
    visits: dict[int, list[tuple[int, float, list[float]]]] = field(default_factory=dict)
    certificate: Mapping[str, Any] | None = None
    unavailable: str | None = None
    failed: str | None = None

    @property
    def name(self) -> str:
        """``deep_mlp, ONNX Runtime, 1 thread``, for people."""
        return f"{self.model}, {self.runtime.name}, {self.threads} thread{'s' * (self.threads > 1)}"

    @property
    def invalid(self) -> bool:
        """Whether its model or its answers are not to be believed; a process that crashed is no answer."""
        return "failed" in self.facts or bool(self.certificate and self.certificate["faults"])

    @property
    def measurable(self) -> bool:
        """Whether it can be measured."""
        return self.unavailable is None and self.failed is None

    def add(self, found: Mapping[str, Any]) -> None:
        """Take what a fresh process told of its start and of its answers."""
        self.unavailable, self.failed = found.get("unavailable"), found.get("failed")
        if not self.measurable:
            return
        self.certificate = found["certificate"]
        if self.certificate["faults"]:
            self.failed = "; ".join(self.certificate["faults"])
            return
        self.starts.append(found["cold"])

    def add_visits(self, number: int, after_s: float, rows: Mapping[int, VisitedRow | None]) -> None:
        """Take what the visits of a fresh process told.

        Args:
            number: the process's, from 0.
            after_s: seconds from the first visit of all to its own first one.
            rows: by batch size.
        """
        for size, row in rows.items():
            if row is not None and not row.visits:
                self.failed = f"batch {size} could not be timed: {'; '.join(dict.fromkeys(row.lost))}"
            elif row is not None:
                added = [(number, after_s + at_s, values_s) for _, at_s, values_s in row.visits]
                self.visits.setdefault(size, []).extend(added)


def run_content(cases: Sequence[Case], metadata: Mapping[str, Any], *, complete: bool) -> Content:
    """The run file: a row per case and batch size, and one per case for its starts."""
    shared = {name: metadata[name] for name in ("dataset", "dataset_sha256", "device")}
    rows = [row for position, case in enumerate(cases) for row in _rows(case, position, shared)]
    return make_metadata(metadata, complete=complete, cases_planned=[row.case for row in rows]), rows


def _rows(case: Case, position: int, shared: Mapping[str, Any]) -> list[RuntimeRecord | StartRecord]:
    fields = {
        **shared,
        "status": "failed" if case.failed else "unavailable" if case.unavailable else "valid",
        "faults": tuple(text for text in (case.failed, case.unavailable) if text),
        "position": position,
        "recipe": case.model,
        "runtime": case.runtime.name,
        "threads": case.threads,
        "exact": case.runtime.exact,
        "artifact": case.runtime.artifact,
        "artifact_bytes": case.artifact.get("bytes"),
        "artifact_sha256": case.artifact.get("sha256"),
        "parity": convert(case.certificate, Parity) if case.certificate else None,
        **{name: case.facts.get(name) for name in ("parameters", "test_accuracy", "trainer", "backend", "precision")},
    }
    place: dict[str, str | int] = {"runtime": case.runtime.name, "threads": case.threads}
    start = StartRecord(
        **fields,
        case=case_name("start", case.model, **place),
        batch_size=1,
        values_s=round_timings([start["cold_s"] for start in case.starts]),
        starts=StartParts(**{name: tuple(start[name] for start in case.starts) for name in PARTS}),
    )
    calls = [
        RuntimeRecord(
            **fields,
            case=case_name("runtime", case.model, batch=size, **place),
            batch_size=size,
            values_s=round_timings([value_s for *_, values_s in visits for value_s in values_s]),
            visits=tuple(Visit(number, len(values_s), round(at_s, 3)) for number, at_s, values_s in visits),
        )
        for size, visits in case.visits.items()
    ]
    return [start, *calls]
