"""Stored self-tests: one run file per duel, under `results/raw/<machine>/selftest`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.records.duels import Margins, Outcome, Row, duel_of, outcomes
from bench.records.injection import parse_injection
from bench.records.record import Run, RunFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

from bench.records.record import RunReader

FOLDER = "selftest"


@dataclass(frozen=True, slots=True)
class SelftestDuel:
    """One stored duel of a self-test.

    Attributes:
        metadata: the object `densebench` of its run file; its `selftest` has `id`, `number`, `budget_s` and margins.
        row: the duel's only case with all blocks.
    """

    metadata: Mapping[str, Any]
    row: Row

    @property
    def injection(self) -> str | None:
        """The regression injected into HEAD, as `parse_injection` takes it; ``None`` for none."""
        injection: str | None = self.metadata["duel"]["plant"]
        return injection

    @property
    def margins(self) -> Margins:
        """The margins that the duel was judged with."""
        return Margins(self.metadata["selftest"]["margin"], self.metadata["selftest"]["accuracy_margin"])

    @property
    def key(self) -> tuple[str, str | None, int]:
        """Case, injection and number, unique within the self-test."""
        return self.row.case.name, self.injection, int(self.metadata["selftest"]["number"])

    @property
    def outcome(self) -> Outcome:
        """The duel's outcome."""
        (known,) = outcomes([self.row], self.margins)
        return known

    @property
    def counts(self) -> bool:
        """True if the duel has blocks and its case did not fail."""
        return self.row.measurable and bool(self.row.blocks)


def selftest_duel(run: Run) -> SelftestDuel:
    """The duel of a self-test that is stored in a run.

    Raises:
        RunFileError: the run is not a duel of a self-test.
    """
    metadata, rows = duel_of(run)
    if len(rows) != 1 or run.series is None:
        raise RunFileError(f"{run.file}: not the run file of a self-test")
    try:
        parse_injection(metadata["duel"]["plant"])
    except DensebenchError as error:
        raise RunFileError(f"{run.file}: {error}") from error
    return SelftestDuel(metadata, rows[0])


def read_selftest_duels(results: Path, reader: RunReader) -> tuple[list[SelftestDuel], list[str]]:
    """The readable duels of all self-tests, oldest first, and a warning for each file that is not readable."""
    runs, warnings = reader.read_folder(results, FOLDER)
    selftest_duels = []
    for run in runs:
        try:
            selftest_duels.append(selftest_duel(run))
        except RunFileError as error:
            warnings.append(str(error))
    return selftest_duels, warnings


def newest_selftest(selftest_duels: Iterable[SelftestDuel]) -> list[SelftestDuel]:
    """The duels of the newest self-test."""
    tests = by_id(selftest_duels)
    return tests[max(tests)] if tests else []


def by_id(selftest_duels: Iterable[SelftestDuel]) -> dict[str, list[SelftestDuel]]:
    """The duels of each self-test, by its id."""
    tests: dict[str, list[SelftestDuel]] = {}
    for one in selftest_duels:
        tests.setdefault(one.metadata["selftest"]["id"], []).append(one)
    return tests


def identity(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata that all duels of a self-test share."""
    return {
        "side": metadata["duel"]["base"],
        **{name: metadata[name] for name in ("dataset", "dataset_sha256", "device", "threads", "commit")},
        **{name: metadata["selftest"][name] for name in ("budget_s", "margin", "accuracy_margin")},
        "machine": metadata["machine"]["name"],
    }


def to_go_on_with(selftest_duels: Sequence[SelftestDuel], metadata: Mapping[str, Any]) -> list[SelftestDuel]:
    """The duels of the newest self-test with the same options, which `--resume` continues.

    Raises:
        DensebenchError: there is none; the message names how the newest one differs.
    """
    now = identity(metadata)
    tests = by_id(selftest_duels)
    fitting = [name for name, test in tests.items() if identity(test[0].metadata) == now]
    if fitting:
        return tests[max(fitting)]
    if not tests:
        raise DensebenchError("--resume: no self-test is stored. Without --resume, one is begun.")
    before = identity(tests[max(tests)][0].metadata)
    differing = "; ".join(f"{name} {before[name]!r}, now {now[name]!r}" for name in now if before[name] != now[name])
    raise DensebenchError(f"--resume: the newest self-test was another one: {differing}.")
