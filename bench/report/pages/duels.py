"""Markdown page of all stored duels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.records.duels import Margins, Outcome, Row, duel_of, outcomes
from bench.report.markdown import escape
from bench.report.pages.duel_table import caption, duel_table, explanation, notices, packages_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.record import Run

MARGINS = Margins(0.03, 0.01)
"""What stored duels are judged by: the defaults of `python -m bench duel`."""


@dataclass(frozen=True, slots=True)
class StoredDuel:
    """A stored duel with its outcomes.

    Attributes:
        metadata: the object `densebench` of its run file.
    """

    run: Run
    metadata: Mapping[str, Any]
    rows: Sequence[Row]
    outcomes: Sequence[Outcome]


def stored_duel(run: Run) -> StoredDuel:
    """The duel that is stored in a run.

    Raises:
        RunFileError: the run is not a duel.
    """
    metadata, rows = duel_of(run)
    return StoredDuel(run, metadata, rows, outcomes(rows, MARGINS))


def duels_page(duels: Sequence[StoredDuel]) -> str:
    """The page of stored duels, each with its table, the packages that differ, and its provenance."""
    parts = ["# Duels of two environments", explanation(MARGINS)]
    for one in duels:
        duel = one.metadata["duel"]
        parts.append(escape(f"## {duel['base']} against {duel['head']}"))
        parts += [*notices(one.rows, one.metadata), duel_table(one.rows, one.outcomes), packages_table(one.metadata)]
        parts.append(f"{caption(one.metadata)}; run file `{one.run.file}`")
    return "\n\n".join(part for part in parts if part) + "\n"
