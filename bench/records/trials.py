"""Stored trials: any number of environments, measured in rounds; all statistics are computed on reading.

Of each case and round there are two ratios of an environment to the base. *Typical* is that of an undisturbed step or
call, the quicker ones of each turn; *overall* is that of the means, with what lies between steps or calls: stalls, slow
steps and the work around an epoch count. What is judged is the logarithm.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.records.record import RunFileError
from bench.records.schema import TrialRecord
from bench.stats.accuracy import LESS, AccuracyFinding, judge_accuracy
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
TYPICAL_SHARE = 0.075
"""Of the steps or calls of a turn: those that are quicker than the typical one."""
CALM = 8
"""The power by which turns weigh less when they are slower (see `typical_ratio`)."""


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

    def less_accurate(self, head: EnvironmentFacts) -> list[str]:
        """The recipes that train to less accuracy in a head than in the base."""
        return [name for name, found in self.accuracies(head).items() if found.word == LESS]


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
    series = [_series(bases[record.case], record, finding) for record, finding in wanted]
    limits = [{**MARGINS, **margins}[finding] for _, finding in wanted]
    found = zip(wanted, pairs, judge(series, limits), strict=True)
    return [
        Row(record.case, record.environment, finding, record.measure, _middle(base), _middle(head), effect)
        for (record, finding), (base, head), effect in found
        if base and head
    ]


def typical(turns: Sequence[Timing]) -> float:
    """What an undisturbed step or call of a round takes: that of each turn, the slower turns weighing less."""
    numbers = [_undisturbed(turn) for turn in turns]
    return _calm_mean(numbers, numbers)


def typical_ratio(base: Sequence[Timing], head: Sequence[Timing]) -> float:
    """The logarithm of the ratio of what an undisturbed step or call takes, from turns that were taken side by side.

    It is the mean over pairs of turns. A pair weighs the power `CALM` of how much quicker it was than others (by the
    product of its two times): what disturbs the machine for seconds disturbs both turns of a pair, but not equally.
    Swapping the sides changes the sign alone.

    In five stored duels (quiet and noisy hours, 21 series of 8 to 32 rounds) its standard deviation between rounds was
    2.15 % (geometric mean), where the 15 % quantile of all steps of a round had 2.54 %, the 5 % quantile 2.35 %, the
    median over pairs 2.58 %, the mean of the three or four quickest pairs 2.5 %, powers of 6 and 12 2.16 and 2.18 %.
    """
    pairs = [(_undisturbed(one), _undisturbed(other)) for one, other in zip(base, head, strict=False)]
    return _calm_mean([math.log(other / one) for one, other in pairs], [one * other for one, other in pairs])


def _undisturbed(turn: Timing) -> float:
    """The quantile at `TYPICAL_SHARE` of a turn's steps or calls; its mean where it has no quantiles."""
    return turn.quantiles[int(TYPICAL_SHARE * len(turn.quantiles))] if turn.quantiles else turn.mean


def _calm_mean(values: Sequence[float], times: Sequence[float]) -> float:
    """The mean of values, each weighing the power `CALM` of how much quicker its time is."""
    quickest = min(times)
    weights = [(quickest / time) ** CALM for time in times]
    return math.fsum(map(operator.mul, weights, values)) / math.fsum(weights)


def overall(turns: Sequence[Timing]) -> float:
    """The mean of all steps or calls of a round's turns."""
    return math.fsum(turn.mean * turn.count for turn in turns) / sum(turn.count for turn in turns)


def _series(base: TrialRecord, head: TrialRecord, finding: str) -> list[float]:
    """The logarithm of the ratio to the base in each round that both saw through."""
    turns = dict(zip(base.rounds, base.turns, strict=True))
    pairs = [(turns[one], other) for one, other in zip(head.rounds, head.turns, strict=True) if one in turns]
    if finding == TYPICAL:
        return [typical_ratio(one, other) for one, other in pairs]
    return [math.log(overall(other) / overall(one)) for one, other in pairs]


def _by_round(record: TrialRecord, finding: str) -> dict[int, float]:
    """The number of each round."""
    number = typical if finding == TYPICAL else overall
    return {one: number(turns) for one, turns in zip(record.rounds, record.turns, strict=True)}


def _middle(values: Mapping[int, float]) -> float:
    """The median over the rounds; 0 where there are none."""
    ordered = sorted(values.values())
    return ordered[len(ordered) // 2] if ordered else 0.0
