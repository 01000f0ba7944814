"""The page of all duels: how long they took, and what each of them says."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.formats import format_counted, format_duration
from bench.records.trials import BASE, OVERALL, TYPICAL
from bench.report.markdown import escape
from bench.report.pages.trials import trial_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.trials import StoredTrial

MOST = 20
"""Duels on the page."""


def duels_page(trials: Sequence[StoredTrial]) -> str:
    """The page of all stored duels."""
    ordered = in_order(trials)
    parts = ["# Duels: environments against each other", *_summaries(ordered)]
    for trial in ordered[:MOST]:
        parts += [f"## {escape(_title(trial))}", trial_page(trial, level=3)]
    parts += [f"{len(ordered) - MOST} other ones are stored as well."] if len(ordered) > MOST else []
    return "\n\n".join(part for part in parts if part).rstrip() + "\n"


def in_order(trials: Sequence[StoredTrial]) -> list[StoredTrial]:
    """Duels of most cases first, and of as many the newest first."""
    return sorted(trials, key=lambda one: (len(one.options.counts), one.run.started_at), reverse=True)


def _title(trial: StoredTrial) -> str:
    """What a duel holds against what."""
    return f"{', '.join(head.word for head in trial.heads)} against {trial.environment(BASE).word}"


def _summaries(trials: Sequence[StoredTrial]) -> list[str]:
    """How long several duels in order took, and how much is settled, those of fewer cases apart; nothing for one."""
    if len(trials) < 2:  # noqa: PLR2004  several
        return []
    most = len(trials[0].options.counts)
    all_cases = [trial for trial in trials if len(trial.options.counts) == most]
    fewer = trials[len(all_cases) :]
    return [_summary(all_cases), *([_summary(fewer, " of fewer cases")] if fewer else [])]


def _summary(trials: Sequence[StoredTrial], which: str = "") -> str:
    spent_s = [trial.options.elapsed_s for trial in trials]
    told = []
    for finding in (TYPICAL, OVERALL):
        rows = [row for trial in trials for row in trial.rows if row.finding == finding]
        told.append(f"{finding} in {sum(row.effect.settled for row in rows)} of {len(rows)} findings")
    machines = dict.fromkeys(f"{trial.run.machine.cpu}, {trial.run.machine.cpus} CPUs" for trial in trials)
    middle, longest = format_duration(statistics.median(spent_s)), format_duration(max(spent_s))
    return escape(
        f"{format_counted(len(trials), 'duel')}{which} on {'; '.join(machines)}: the middle one took {middle}, the "
        f"longest {longest}, their environments installed before. Settled: {'; '.join(told)}."
    )
