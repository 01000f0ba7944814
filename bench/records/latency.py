"""What the timings of a latency row say: its typical and its median call, p99, and whether it was disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bench.records.schema.rows import Record
from bench.stats import visits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.visits import Figure, Tail

OfRecord = TypeVar("OfRecord", bound=Record)

LONGEST_S, FEWEST_PROCESSES = 10.0, 3
"""Over how long, and over how many processes, calls must be spread before their p99 is told."""


def typical(record: Record) -> Figure | None:
    """Seconds of a typical call: 5 % of the calls are no slower."""
    return visits.figure(list(record.by_process.values()), visits.TYPICAL)


def median(record: Record) -> Figure | None:
    """The median seconds of a call."""
    return visits.figure(list(record.by_process.values()), visits.MEDIAN)


def cold_cache_s(record: Record) -> float | None:
    """The median seconds of a call with cold caches; ``None`` where none was timed."""
    return visits.quantile(record.cold_cache_s, visits.MEDIAN) if record.cold_cache_s else None


def tail(record: Record) -> Tail | None:
    """The 99th percentile of a call; ``None`` where the timings do not tell it: `tail_needs` says what is missing."""
    return None if _scattered(record) else visits.estimate_p99(record.by_visit)


def tail_needs(record: Record) -> str:
    """What the 99th percentile of a row takes that has none, as a few words."""
    return _scattered(record) or f"{visits.visits_needed(record.by_visit):,} visits"


def _scattered(record: Record) -> str:
    """What is missing until calls are spread widely enough; empty where they are."""
    if len(record.by_process) < FEWEST_PROCESSES:
        return f"{FEWEST_PROCESSES} processes"
    return "" if max(visit.at_s for visit in record.visits) >= 0.9 * LONGEST_S else f"{LONGEST_S:.0f} s"


def is_typical_disturbed(record: Record) -> bool:
    """Whether the row's typical call is not to be relied on: its interval stayed wide."""
    return visits.is_wide_at(list(record.by_process.values()), visits.TYPICAL)


def is_median_disturbed(record: Record) -> bool:
    """Whether the row's median call tells of its hour: its interval stayed wide, or slow cores are in it."""
    processes = list(record.by_process.values())
    return visits.is_wide_at(processes, visits.MEDIAN) or visits.is_slowed(processes)


def same_as_best(records: Sequence[OfRecord]) -> list[OfRecord]:
    """The rows whose typical call cannot be told from that of the fastest one, and this one; empty if all others can.

    Rows that were visited by the same processes are compared within each, all others by their intervals; where the
    fastest has none, nothing is said.
    """
    known = [(record, found) for record in records if not record.faults and (found := typical(record))]
    if not known:
        return []
    best, least = min(known, key=lambda one: one[1].value)
    if least.low is None:
        return []
    same = [record for record, found in known if record is best or not _apart(best, least, record, found)]
    return same if len(same) > 1 else []


def ratio(record: Record, other: Record) -> Figure | None:
    """The ratio of two rows' typical calls, within the processes that visited both; ``None`` where there are none."""
    shared = [number for number in other.by_process if number in record.by_process]
    if not (record.visits and other.visits and len(shared) > 1):
        return None
    sides = [[one.by_process[number] for number in shared] for one in (record, other)]
    return visits.ratio(sides[0], sides[1], visits.TYPICAL)


def _apart(best: Record, least: Figure, record: Record, found: Figure) -> bool:
    """Whether a row is slower than the best one, beyond chance."""
    if apart := ratio(record, best):
        return apart.low is not None and apart.low > 1
    return found.low is None or least.high is None or found.low > least.high


def images_per_s(record: Record) -> float | None:
    """Images per second of a row: of its median call where it was visited, else as the row has it."""
    found = median(record) if record.visits else None
    return record.batch_size / found.value if found else record.images_per_s
