"""Unpaired comparison of stored runs of two environments, which were not measured in turns. Pure functions.

One run is one process, hence one sample, and whatever changed on the machine between the runs is part of every ratio.
Several runs per side are compared by Welch's interval (Biometrika 1947) over their medians. Of a single run nobody can
tell how far another would be from it: there is no interval then, and no verdict.
Where more than two environments were measured on the machine, the spread of the runs of each of them is pooled, as in
an analysis of variance: how far two runs of one environment lie apart is the machine's doing, not the environment's.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.records.schema import TrainRecord
from bench.stats.estimate import Centre, centre
from bench.stats.verdicts import ALARM_ERROR, CANNOT_TELL, INTERVAL_ERROR, Finding, holm, select_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.duels import Margins
    from bench.records.record import Run
    from bench.records.schema import Record

SEVERAL = 2
"""Runs per side from which on their own spread is used."""
IDENTITY = (
    "recipe",
    "trainer",
    "batch_size",
    "threads",
    "device",
    "dataset",
    "parameters",
    "train_images",
    "precision",
    "dataset_sha256",
    "opset",
    "spinning",
)
"""What must be equal before two rows are compared."""

Pair = tuple["Sequence[Record]", "Sequence[Record]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of one case between two sets of runs.

    Attributes:
        base: BASE's records of the case, one per run.
        head: HEAD's records, likewise.
        word: ``missing``, ``new``, ``failed`` or ``not comparable`` where there can be no verdict, else empty.
        reason: why there is no verdict, as text.
        time: the finding on the seconds per epoch, or per call.
        accuracy: the finding on the accuracies of equal seeds; training rows only.
    """

    case: str
    base: Sequence[Record]
    head: Sequence[Record]
    word: str
    reason: str
    time: Finding | None
    accuracy: Finding | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Variance of the logarithms of run medians within an environment, and its degrees of freedom."""

    variance: float
    freedom: int


def compare_runs(
    base: Sequence[Run], head: Sequence[Run], margins: Margins, pool: Sequence[Sequence[Run]] = ()
) -> list[Comparison]:
    """A comparison for every case of either side; the rate of false alarms holds for all of them together.

    Args:
        base: runs of one environment.
        head: runs of the environment that is judged.
        margins: largest differences that count as the same.
        pool: the runs of each environment whose variance is pooled; if empty, each side's own variance is used.
    """
    pairs = pair_cases(base, head)
    obstacles = {name: obstacle(pair) for name, pair in pairs.items()}
    known: dict[tuple[str, str], Centre | None] = {}
    for name, pair in pairs.items():
        if not obstacles[name][0]:
            known[name, "time"] = time_apart(pair, pooled_spread([_log_medians(runs, name) for runs in pool]))
            if pair[0][0].stage == "train":
                known[name, "accuracy"] = accuracy_apart(pair)
    certain = holm([_p_value(found) for found in known.values()], ALARM_ERROR)
    limits = {"time": math.log1p(margins.time), "accuracy": margins.accuracy}
    findings = {
        (name, kind): _finding(kind, limits[kind], found, certain=sure)
        for ((name, kind), found), sure in zip(known.items(), certain, strict=True)
    }
    return [
        Comparison(
            case=name,
            base=pair[0],
            head=pair[1],
            word=obstacles[name][0],
            reason=obstacles[name][1],
            time=findings.get((name, "time")),
            accuracy=findings.get((name, "accuracy")),
        )
        for name, pair in pairs.items()
    ]


def pair_cases(base: Sequence[Run], head: Sequence[Run]) -> dict[str, Pair]:
    """The records of both sides by case name, one per run, in the order in which the cases were run."""
    names = dict.fromkeys(record.case for run in (*base, *head) for record in run.records)
    return {name: (_records(base, name), _records(head, name)) for name in names}


def obstacle(pair: Pair) -> tuple[str, str]:
    """The reason that a case cannot be compared, as a word and a sentence; two empty texts where it can."""
    for records, word, side in ((pair[0], "new", "BASE"), (pair[1], "missing", "HEAD")):
        if not records:
            return word, f"{side} does not have it"
    for records, side in zip(pair, ("BASE", "HEAD"), strict=True):
        for record in records:
            if record.faults or not record.values_s:
                return "failed", f"{side}: {'; '.join(record.faults) or 'no timings'}"
    identities = [_identity(record) for records in pair for record in records]
    for name in identities[0]:
        values = dict.fromkeys(identity[name] for identity in identities)
        if len(values) > 1:
            return "not comparable", f"{name} is {' and '.join(map(str, values))}"
    return "", ""


def median_s(record: Record) -> float:
    """The median seconds per call, or of a training per epoch, since early stopping may end it sooner."""
    if not isinstance(record, TrainRecord):
        return statistics.median(record.values_s)
    return statistics.median(
        value_s / epochs for value_s, epochs in zip(record.values_s, record.epochs_run, strict=True)
    )


def pooled_spread(groups: Sequence[Sequence[float]]) -> Spread | None:
    """The pooled variance within several groups of logarithms; ``None`` where no group has two values."""
    freedom = sum(len(group) - 1 for group in groups if group)
    if not freedom:
        return None
    squares = math.fsum((value - statistics.fmean(group)) ** 2 for group in groups for value in group)
    return Spread(squares / freedom, freedom)


def time_apart(pair: Pair, spread: Spread | None = None) -> Centre:
    """The unpaired estimate of the logarithm of HEAD's median over BASE's."""
    base, head = ([math.log(median_s(record)) for record in records] for records in pair)
    return logs_apart(base, head, spread)


def logs_apart(base: Sequence[float], head: Sequence[float], spread: Spread | None = None) -> Centre:
    """HEAD's mean minus BASE's, of logarithms with a value per run, with the pooled spread or else by Welch's formula.

    Its error is infinite where neither is known: of a single run nobody can tell how far another would be from it.
    """
    value = statistics.fmean(head) - statistics.fmean(base)
    if spread:
        error = math.sqrt(spread.variance * (1 / len(base) + 1 / len(head)))
        return Centre(value, error, spread.freedom, len(base) + len(head))
    if min(len(base), len(head)) < SEVERAL:
        return Centre(value, math.inf, 1, len(base) + len(head))
    parts = [(statistics.variance(side) / len(side), len(side)) for side in (base, head)]
    variance = math.fsum(part for part, _ in parts)
    if variance == 0:
        return Centre(value, 0.0, len(base) + len(head) - 2, len(base) + len(head))
    freedom = variance**2 / math.fsum(part**2 / (count - 1) for part, count in parts)
    return Centre(value, math.sqrt(variance), max(1, math.floor(freedom)), len(base) + len(head))


def accuracy_apart(pair: Pair) -> Centre | None:
    """The mean difference of HEAD's accuracy and BASE's over their common seeds; ``None`` for fewer than two seeds.

    A seed that was repeated is one sample: its accuracies are averaged first.
    """
    base, head = (_by_seed(records) for records in pair)
    return centre([head[seed] - base[seed] for seed in base if seed in head], trim=False)


def _identity(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name, None) for name in IDENTITY}


def _by_seed(records: Sequence[Record]) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for record in records:
        if isinstance(record, TrainRecord):
            for seed, accuracy in zip(record.seeds, record.test_accuracies, strict=True):
                found.setdefault(seed, []).append(accuracy)
    return {seed: statistics.fmean(accuracies) for seed, accuracies in found.items()}


def _log_medians(runs: Sequence[Run], case: str) -> list[float]:
    """The logarithms of a case's medians, of the runs in which it is valid."""
    return [math.log(median_s(record)) for record in _records(runs, case) if record.values_s and not record.faults]


def _records(runs: Sequence[Run], case: str) -> list[Record]:
    return [record for run in runs for record in run.records if record.case == case]


def nothing_told(found: Centre | None) -> Finding:
    """The finding where the spread of the runs is not known: the estimate, if there is one, and no interval."""
    value = found.value if found else None
    return Finding(verdict=CANNOT_TELL, value=value, low=None, high=None, p_value=None, blocks=0)


def _finding(kind: str, margin: float, found: Centre | None, *, certain: bool) -> Finding:
    if found is None or math.isinf(found.error):
        return nothing_told(found)
    low, high = found.interval(INTERVAL_ERROR)
    return Finding(
        verdict=select_word(kind, margin, found.value, (low, high), certain=certain),
        value=found.value,
        low=low,
        high=high,
        p_value=found.p_value,
        blocks=0,
    )


def _p_value(found: Centre | None) -> float:
    return 1.0 if found is None or math.isinf(found.error) else found.p_value
