"""Self-tests as they are stored: a run file per duel, under `results/raw/<machine>/selftest`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.records.duels import Margins, Outcome, Row, duel_of, outcomes
from bench.records.record import Run, RunFileError, read_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FOLDER = "selftest"


@dataclass(frozen=True, slots=True)
class Fought:
    """One stored duel of a self-test.

    Attributes:
        about: the object `densebench` of its run file; `selftest` in it has `id`, `number`, `budget_s` and margins.
        row: its one case with all blocks.
    """

    about: Mapping[str, Any]
    row: Row

    @property
    def plant(self) -> str | None:
        """What was planted into HEAD, as `parse_plant` takes it."""
        plant: str | None = self.about["duel"]["plant"]
        return plant

    @property
    def margins(self) -> Margins:
        """What counted as the same."""
        return Margins(self.about["selftest"]["margin"], self.about["selftest"]["accuracy_margin"])

    @property
    def key(self) -> tuple[str, str | None, int]:
        """Case, plant and number: no other duel of the self-test has the same."""
        return self.row.case.name, self.plant, int(self.about["selftest"]["number"])

    @property
    def outcome(self) -> Outcome:
        """What the duel found."""
        (known,) = outcomes([self.row], self.margins)
        return known

    @property
    def counts(self) -> bool:
        """Whether it ended with something to judge: a case that failed is no answer."""
        return self.row.well and bool(self.row.blocks)


def fought_of(run: Run) -> Fought:
    """The duel of a self-test that a stored run is.

    Raises:
        RunFileError: it is none.
    """
    about, rows = duel_of(run)
    if len(rows) != 1 or run.series is None:
        raise RunFileError(f"{run.file}: not the run file of a self-test")
    return Fought(about, rows[0])


def read_fought(results: Path) -> tuple[list[Fought], list[str]]:
    """Every readable duel of every self-test, oldest first, and a line for each file that is not readable."""
    runs, complaints = read_runs(results, FOLDER)
    fought = []
    for run in runs:
        try:
            fought.append(fought_of(run))
        except RunFileError as error:
            complaints.append(str(error))
    return fought, complaints


def newest_selftest(fought: Iterable[Fought]) -> list[Fought]:
    """The duels of the newest self-test."""
    tests = by_id(fought)
    return tests[max(tests)] if tests else []


def by_id(fought: Iterable[Fought]) -> dict[str, list[Fought]]:
    """The duels of each self-test."""
    tests: dict[str, list[Fought]] = {}
    for one in fought:
        tests.setdefault(one.about["selftest"]["id"], []).append(one)
    return tests


def identity(about: Mapping[str, Any]) -> dict[str, Any]:
    """What all duels of a self-test have in common."""
    return {
        "side": about["duel"]["base"],
        **{name: about[name] for name in ("dataset", "dataset_sha256", "device", "threads", "commit")},
        **{name: about["selftest"][name] for name in ("budget_s", "margin", "accuracy_margin")},
        "machine": about["machine"]["name"],
    }


def to_go_on_with(fought: Sequence[Fought], about: Mapping[str, Any]) -> list[Fought]:
    """The duels of the newest self-test that was made with these options.

    Raises:
        DensebenchError: there is none; the text says in what the newest one differs.
    """
    now = identity(about)
    tests = by_id(fought)
    fitting = [name for name, test in tests.items() if identity(test[0].about) == now]
    if fitting:
        return tests[max(fitting)]
    if not tests:
        raise DensebenchError("--resume: no self-test is stored. Without --resume, one is begun.")
    before = identity(tests[max(tests)][0].about)
    differing = "; ".join(f"{name} {before[name]!r}, now {now[name]!r}" for name in now if before[name] != now[name])
    raise DensebenchError(f"--resume: the newest self-test was another one: {differing}.")
