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
    from collections.abc import Mapping, Sequence

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


def pooled_spreads(pool: Sequence[Sequence[Run]]) -> dict[str, Spread | None]:
    """The pooled variance of each case over the runs of several environments."""
    groups: dict[str, list[list[float]]] = {}
    for runs in pool:
        logs: dict[str, list[float]] = {}
        for case, median_s in (item for run in runs for item in run.medians_s.items()):
            logs.setdefault(case, []).append(math.log(median_s))
        for case, values in logs.items():
            groups.setdefault(case, []).append(values)
    return {case: pooled_spread(values) for case, values in groups.items()}


def compare_runs(
    base: Sequence[Run],
    head: Sequence[Run],
    margins: Margins,
    spreads: Mapping[str, Spread | None] | None = None,
) -> list[Comparison]:
    """A comparison for every case of either side; the rate of false alarms holds for all of them together.

    Args:
        base: runs of one environment.
        head: runs of the environment that is judged.
        margins: largest differences that count as the same.
        spreads: the pooled variance of each case; if there is none, each side's own variance is used.
    """
    pairs = pair_cases(base, head)
    obstacles = {name: obstacle(pair) for name, pair in pairs.items()}
    known: dict[tuple[str, str], Centre | None] = {}
    for name, pair in pairs.items():
        if not obstacles[name][0]:
            logs = [[math.log(run.medians_s[name]) for run in runs if name in run.medians_s] for runs in (base, head)]
            known[name, "time"] = logs_apart(logs[0], logs[1], (spreads or {}).get(name))
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
    sides = (_by_case(base), _by_case(head))
    return {name: (sides[0].get(name, []), sides[1].get(name, [])) for name in {**sides[0], **sides[1]}}


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


def pooled_spread(groups: Sequence[Sequence[float]]) -> Spread | None:
    """The pooled variance within several groups of logarithms; ``None`` where no group has two values."""
    freedom = sum(len(group) - 1 for group in groups if group)
    if not freedom:
        return None
    squares = math.fsum((value - statistics.fmean(group)) ** 2 for group in groups for value in group)
    return Spread(squares / freedom, freedom)


def time_apart(pair: Pair) -> Centre:
    """The unpaired estimate of the logarithm of HEAD's median over BASE's."""
    base, head = ([math.log(record.median_s) for record in records] for records in pair)
    return logs_apart(base, head)


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


def _by_case(runs: Sequence[Run]) -> dict[str, list[Record]]:
    """The rows of runs by case, in the order in which they were measured."""
    found: dict[str, list[Record]] = {}
    for run in runs:
        for record in run.records:
            found.setdefault(record.case, []).append(record)
    return found


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
