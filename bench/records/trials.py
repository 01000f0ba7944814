"""Stored trials: any number of environments, measured in rounds; all statistics are computed on reading.

Of each case and round there are two numbers per environment. *Typical* is the 15 % quantile of all its steps or calls
in the round: what an undisturbed one takes. *Overall* is their mean, with what lies between them: stalls, slow steps
and the work around an epoch count. What is judged is the logarithm of the ratio to the base within the round.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.records.record import RunFileError
from bench.records.schema import TrialRecord
from bench.stats.accuracy import AccuracyFinding, judge_accuracy
from bench.stats.simultaneous import Effect, judge
from models.recipe import QUICK_FLOOR

if TYPE_CHECKING:
    from bench.records.record import Run
    from bench.records.schema import EnvironmentFacts, Timing, TrialOptions

FOLDER = "trials"
"""Where the run files lie, under `results/raw/<machine>`."""
BASE, HEAD, CONTROL = "BASE", "HEAD", "CONTROL"
TYPICAL, OVERALL, START, MEMORY = "typical", "overall", "start", "memory"
MARGINS = {TYPICAL: 0.03, OVERALL: 0.05, START: 0.10, MEMORY: 0.02}
"""The largest difference that counts as the same, by kind of finding."""
FINDINGS = {"step": (TYPICAL, OVERALL), "call": (TYPICAL, OVERALL), "start": (START,), "memory": (MEMORY,)}
"""What is judged of each measure."""
TYPICAL_SHARE = 0.15
"""Of the steps or calls: those that are quicker than the typical one (the quantile of least spread between rounds)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding on one case of one environment, against the base.

    Attributes:
        case: its name.
        environment: the role of the environment that is judged.
        finding: a key of `MARGINS`.
        measure: ``step``, ``call``, ``start`` or ``memory``.
        base: the base's number, the median over the rounds: seconds per step or call, or bytes.
        head: likewise the environment's.
        effect: the ratio's logarithm with its interval, and the word.
    """

    case: str
    environment: str
    finding: str
    measure: str
    base: float
    head: float
    effect: Effect

    @property
    def word(self) -> str:
        """The verdict; of memory in its own words."""
        names = {"slower": "larger", "faster": "smaller"} if self.measure == "memory" else {}
        return names.get(self.effect.word, self.effect.word)


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """A trial that is stored in a run."""

    run: Run
    options: TrialOptions
    rows: Sequence[Row]

    @property
    def base(self) -> EnvironmentFacts:
        """The environment that the others are compared with."""
        return self.options.environments[0]

    @property
    def heads(self) -> Sequence[EnvironmentFacts]:
        """The environments that are judged."""
        return self.options.environments[1:]

    def accuracies(self, head: EnvironmentFacts) -> dict[str, AccuracyFinding]:
        """Recipe to what short trainings from equal seeds came to in the base and in a head."""
        pairs = {
            name: (self.base.surveys[name], survey)
            for name, survey in head.surveys.items()
            if name in self.base.surveys and len(survey.accuracies) == len(self.base.surveys[name].accuracies) > 0
        }
        return {
            name: judge_accuracy(
                one.accuracies,
                other.accuracies,
                floor=QUICK_FLOOR,
                family=len(pairs) * len(self.heads),
                identical=(one.weights, one.answers) == (other.weights, other.answers),
            )
            for name, (one, other) in sorted(pairs.items())
        }


def trial_of(run: Run) -> StoredTrial:
    """The trial that is stored in a run.

    Raises:
        RunFileError: it is not the run file of a trial.
    """
    options = run.metadata.trial
    if options is None or not options.environments or options.environments[0].role != BASE:
        raise RunFileError(f"{run.file}: not the run file of a trial")
    if unknown := {one.measure for one in run.of(TrialRecord)} - FINDINGS.keys():
        raise RunFileError(f"{run.file}: unknown measure {min(unknown)!r}. Known: {', '.join(FINDINGS)}.")
    return StoredTrial(run, options, judge_records(run.of(TrialRecord), options.margins))


def judge_records(records: Sequence[TrialRecord], margins: Mapping[str, float]) -> list[Row]:
    """A row for each finding on each case of each environment; the error rate holds for all of them together.

    Args:
        records: rows of one trial.
        margins: kind of finding to its margin; what is missing has that of `MARGINS`.
    """
    bases = {record.case: record for record in records if record.environment == BASE}
    wanted = [
        (record, finding)
        for record in records
        if record.environment != BASE and record.case in bases
        for finding in FINDINGS[record.measure]
    ]
    pairs = [(_by_round(bases[record.case], finding), _by_round(record, finding)) for record, finding in wanted]
    series = [[math.log(head[number] / base[number]) for number in base if number in head] for base, head in pairs]
    limits = [{**MARGINS, **margins}[finding] for _, finding in wanted]
    found = zip(wanted, pairs, judge(series, limits), strict=True)
    return [
        Row(record.case, record.environment, finding, record.measure, _middle(base), _middle(head), effect)
        for (record, finding), (base, head), effect in found
        if base and head
    ]


def typical(turns: Sequence[Timing]) -> float:
    """The quantile at `TYPICAL_SHARE` of all steps or calls of a round's turns.

    Each turn's quantiles stand for equal shares of its steps or calls; a turn without quantiles is its mean.
    """
    points = sorted(
        (value, turn.count / len(turn.quantiles or (turn.mean,)))
        for turn in turns
        for value in turn.quantiles or (turn.mean,)
    )
    wanted, passed = TYPICAL_SHARE * sum(weight for _, weight in points), 0.0
    for value, weight in points:
        passed += weight
        if passed >= wanted:
            return value
    return points[-1][0]


def overall(turns: Sequence[Timing]) -> float:
    """The mean of all steps or calls of a round's turns."""
    return math.fsum(turn.mean * turn.count for turn in turns) / sum(turn.count for turn in turns)


def _by_round(record: TrialRecord, finding: str) -> dict[int, float]:
    """The number of each round."""
    number = typical if finding == TYPICAL else overall
    return {one: number(turns) for one, turns in zip(record.rounds, record.turns, strict=True)}


def _middle(values: Mapping[int, float]) -> float:
    """The median over the rounds; 0 where there are none."""
    ordered = sorted(values.values())
    return ordered[len(ordered) // 2] if ordered else 0.0
