"""The table of causes: each large step between published releases, with what the explanations say of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.records.explanations import changed, shares
from bench.records.releases import ReleaseTrials, release_name
from bench.records.trials import BASE, HEAD, TYPICAL, StoredTrial
from bench.report.markdown import markdown_table
from bench.report.pages.explanation import part_words, script_ratio, undone_text
from bench.report.pages.trials import ratio_text
from bench.stats.simultaneous import FASTER, SLOWER

if TYPE_CHECKING:
    from bench.records.trials import Row

LARGE = 0.10
"""Of a step that wants a cause: slower or faster by more than this."""
UNEXPLAINED, NOT_ASKED = "unexplained", "not looked into"


def causes_table(releases: ReleaseTrials, explanations: Sequence[StoredTrial]) -> str:
    """The table, with a title; empty where there is no large step."""
    rows = [
        [step, row.case, ratio_text(row), *_cause(explanations_of(explanations, old, new), row)]
        for step, old, new, row in large_steps(releases)
    ]
    headers = ["Step", "Case, typical", "Ratio", "Where it lies", "What gives it back", "Script alone"]
    table = markdown_table(headers, rows, text_columns=(0, 1, 3, 4)) if rows else ""
    return f"## Steps of more than {100 * LARGE:.0f} % between releases, and their causes\n\n{table}" if rows else ""


def large_steps(releases: ReleaseTrials) -> Iterator[tuple[str, str, str, Row]]:
    """Yield the name, the two environments' words and the finding of each step's large changes of typical times."""
    for trial, pair in releases.steps:
        old, new = map(trial.environment, pair)
        for row in trial.rows_of(pair):
            large = row.effect.value is not None and abs(row.effect.value) > math.log1p(LARGE)
            if large and row.finding == TYPICAL and row.effect.word in {SLOWER, FASTER}:
                yield release_name(new), old.word, new.word, row


def explanations_of(explanations: Sequence[StoredTrial], old: str, new: str) -> list[StoredTrial]:
    """Those of a step, the newest first."""
    known = [one for one in explanations if [one.environment(role).word for role in (BASE, HEAD)] == [old, new]]
    return sorted(known, key=lambda one: one.run.started_at, reverse=True)


def _cause(explanations: Sequence[StoredTrial], step: Row) -> list[str]:
    """Where a step lies, what gives it back, and what a script alone shows, by the newest that looked into its case."""
    found = ((one, row) for one in explanations for row in changed(one))
    trial, row = next(
        ((one, row) for one, row in found if (row.case, row.finding) == (step.case, TYPICAL)), (None, None)
    )
    if trial is None or row is None:
        return [NOT_ASKED, NOT_ASKED, ""]
    helping = next((one for one in shares(trial, row) if one.helps), None)
    given_back = f"{helping.what}: {undone_text(helping)}" if helping else "nothing that was swapped"
    return [part_words(trial, row) or UNEXPLAINED, given_back, script_ratio(trial, row.case)]
