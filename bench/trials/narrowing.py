"""What the next round of a trial measures: what no open finding needs is left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from bench.records.trials import MEMORY, START, Pair, Row
from bench.stats.simultaneous import FASTER, LOOKS, SLOWER, looks
from bench.trials.trial import first_step

if TYPE_CHECKING:
    from bench.trials.trial import Trial


NEARLY = 2
PATIENCE = LOOKS[5]
"""Rounds after which a trial in which pairs wait for others goes on: what is open by then may need hours."""


def narrow(trial: Trial, rows: Sequence[Row], rounds_left: float) -> bool:
    """Leave out of the next round what no open finding needs; False if it is the end.

    A series that is left out is judged as it stands: its intervals hold whenever it stops. Where more pairs may be
    asked for later, none is left out before all of these could be judged. Until the memory is settled,
    all cases are prepared, since it depends on them; turns are taken of what is open alone. Findings on the start come
    last, where the rest of the budget would probably settle them. What the last interim analysis has not settled stays
    open. A budget ends where the next round would go beyond it; but before the first interim analysis nothing at all is
    known, so a trial that lacks at most `NEARLY` rounds of it takes them.

    Args:
        trial: gets its `open_pairs`, `open_cases` and `open_turns`.
        rows: what is known so far.
        rounds_left: how many more rounds fit into the budget; at least one is measured.
    """
    due = _due(trial, rows)
    _open(trial, {pair: due[pair] for pair in trial.live_pairs if pair in due})
    fits = rounds_left >= 1 or _is_nearly_judged(rows)
    if {*due} - {(row.against, row.environment) for row in rows}:
        return fits or not trial.rounds
    unsettled = [row for row in _unsettled(trial, rows) if _is_due(row, due)]
    open_ = [row for row in unsettled if row.finding != START] or [
        row for row in unsettled if row.effect.more_rounds is not None and row.effect.more_rounds <= rounds_left
    ]
    open_pairs = {(row.against, row.environment) for row in open_}
    trial.open_turns &= {(role, row.case) for row in open_ for role in (row.against, row.environment)}
    trial.open_pairs = [pair for pair in trial.open_pairs if pair in open_pairs]
    if not any(row.finding == MEMORY for row in open_):
        names = {row.case for row in open_}
        trial.open_cases = [case for case in trial.open_cases if not names.isdisjoint({case.name, *first_step(case)})]
    return bool(open_) and fits


def _is_nearly_judged(rows: Sequence[Row]) -> bool:
    """Whether nothing was judged yet, and some findings lack few rounds of that."""
    lacking = [row.effect.more_rounds for row in rows if row.effect.more_rounds is not None]
    return bool(lacking) and min(lacking) <= NEARLY and all(row.effect.low is None for row in rows)


def _due(trial: Trial, rows: Sequence[Row]) -> dict[Pair, Collection[str]]:
    """The pairs that may be measured now, each with the names of its cases.

    Those that wait come once all others are settled, or have had `PATIENCE` rounds, in the cases that have changed.
    """
    names = [case.name for case in trial.cases]
    first = [pair for pair in trial.live_pairs if pair not in trial.waiting]
    of_first = [row for row in rows if (row.against, row.environment) in first]
    everything: dict[Pair, Collection[str]] = dict.fromkeys(first, names)
    open_ = [row for row in _unsettled(trial, of_first) if row.finding != START]
    if not trial.waiting or not of_first or open_:
        return everything
    changed = {row.case for row in of_first if row.effect.word in {SLOWER, FASTER} and row.finding in trial.findings}
    later = {pair: changed.intersection(trial.waiting[pair]) for pair in trial.live_pairs if pair in trial.waiting}
    return {pair: cases for pair, cases in later.items() if cases}


def _is_due(row: Row, due: Mapping[Pair, Collection[str]]) -> bool:
    """Whether a finding belongs to what may be measured now; those that are of no case of a model always do."""
    pair = (row.against, row.environment)
    return pair in due and (row.case in due[pair] or row.finding in {START, MEMORY})


def _open(trial: Trial, due: Mapping[Pair, Collection[str]]) -> None:
    """Measure all that is due."""
    names = {name for cases in due.values() for name in cases}
    trial.open_pairs = list(due)
    trial.open_cases = [case for case in trial.cases if case.name in names]
    trial.open_turns = {(role, name) for pair, cases in due.items() for role in pair for name in cases}


def _unsettled(trial: Trial, rows: Sequence[Row]) -> list[Row]:
    """The findings that more rounds may settle, of those that the trial goes on for.

    In a trial in which pairs wait, that is at most `PATIENCE` rounds of each: there is more to be done afterwards.
    """
    least = looks(trial.choice * len(rows) // len(trial.live_pairs))[0] if trial.choice else 0
    most = PATIENCE if trial.waiting else LOOKS[-1]
    return [
        row
        for row in rows
        if (not row.effect.settled or row.effect.rounds < least)
        and row.finding in trial.findings
        and row.effect.rounds < most
        and (row.against, row.environment) in trial.live_pairs
    ]
