"""Trials of the same thing on several machines: rounds of one machine put together, and one value per machine.

A ratio is taken within a machine and a round, never across. A verdict on machines in general has one value per machine:
their rounds put together would take the differences between machines for none (a "1 %" would be 5.5 % where machines
differ by half of what rounds do).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log1p

import msgspec

from bench.records.schema.trials import TrialRecord
from bench.records.trials import MARGINS, Pair, StoredTrial, judge_records, round_ratios
from bench.stats.nodes import Spread, spread
from bench.stats.simultaneous import LOOKS, Effect, judge

FEWEST_NODES = LOOKS[0]
"""Machines without which nothing is said of machines in general."""

Key = tuple[Pair, str, str]
"""A pair, a case and a finding."""


@dataclass(frozen=True, slots=True)
class AcrossNodes:
    """One finding on several machines.

    Attributes:
        values: digest of a machine to the logarithm of the ratio on it.
        effect: the verdict on machines in general; ``None`` where they are too few.
        spread: whether the machines differ by more than their own rounds explain.
    """

    key: Key
    values: Mapping[str, float]
    effect: Effect | None
    spread: Spread


def join_rounds(parts: Sequence[StoredTrial]) -> StoredTrial:
    """One trial of several that one machine measured parts of: their rounds in the order of their numbers.

    Args:
        parts: of one machine, with the same environments and seed; at least one.
    """
    first = parts[0]
    by_row: dict[tuple[str, str], list[TrialRecord]] = {}
    for part in parts:
        for record in part.run.of(TrialRecord):
            by_row.setdefault((record.case, record.environment), []).append(record)
    records = [_joined(same) for same in by_row.values()]
    elapsed_s = round(sum(part.options.elapsed_s for part in parts), 1)
    options = msgspec.structs.replace(
        first.options,
        elapsed_s=elapsed_s,
        lost=tuple(one for part in parts for one in part.options.lost),
        counts={name: count for part in parts for name, count in part.options.counts.items()},
    )
    metadata = msgspec.structs.replace(first.run.metadata, trial=options)
    run = replace(first.run, metadata=metadata, records=tuple(records))
    return StoredTrial(run, options, judge_records(records, options.margins, first.pairs))


def _joined(same: Sequence[TrialRecord]) -> TrialRecord:
    rounds = sorted(
        (number, turns, record.values_s[place] if record.values_s else None)
        for record in same
        for place, (number, turns) in enumerate(zip(record.rounds, record.turns, strict=True))
    )
    return msgspec.structs.replace(
        same[0],
        rounds=tuple(number for number, _, _ in rounds),
        turns=tuple(turns for _, turns, _ in rounds),
        values_s=tuple(value for _, _, value in rounds if value is not None),
    )


def across_nodes(trials: Sequence[StoredTrial]) -> list[AcrossNodes]:
    """Each finding that every machine has a value of, with a verdict where there are `FEWEST_NODES` machines.

    Args:
        trials: one per machine, of the same environments.
    """
    by_key: dict[Key, dict[str, list[float]]] = {}
    for trial in trials:
        for key, values in _series(trial).items():
            by_key.setdefault(key, {})[trial.options.node] = values
    whole = {key: found for key, found in by_key.items() if len(found) == len(trials)}
    means = [[statistics.fmean(values) for values in found.values()] for found in whole.values()]
    margins = [{**MARGINS, **trials[0].options.margins}[finding] for _, _, finding in whole]
    effects: Sequence[Effect | None] = [None] * len(means)
    if len(trials) >= FEWEST_NODES:
        effects = judge(means, margins)
    return [
        AcrossNodes(key, dict(zip(found, of_nodes, strict=True)), effect, spread([*found.values()], log1p(margin)))
        for (key, found), of_nodes, effect, margin in zip(whole.items(), means, effects, margins, strict=True)
    ]


def _series(trial: StoredTrial) -> dict[Key, list[float]]:
    """The logarithm of the ratio in each round, of each finding that has any."""
    records = {(one.environment, one.case): one for one in trial.run.of(TrialRecord)}
    found: dict[Key, list[float]] = {}
    for row in trial.rows:
        sides = [records.get((role, row.case)) for role in (row.against, row.environment)]
        if sides[0] and sides[1]:
            values = list(round_ratios(sides[0], sides[1], row.finding).values())
            if values:
                found[(row.against, row.environment), row.case, row.finding] = values
    return found
