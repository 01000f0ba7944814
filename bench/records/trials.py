"""Stored trials: any number of environments, measured in rounds; all statistics are computed on reading.

Of each case and round there are two ratios of an environment to the base. *Typical* is that of an undisturbed step or
call, the quicker ones of each turn; *overall* is that of the means, with what lies between steps or calls: stalls, slow
steps and the work around an epoch count. What is judged is the logarithm.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from bench.records.record import RunFileError
from bench.records.schema.trials import TrialRecord
from bench.stats.accuracy import LESS, AccuracyFinding, judge_accuracy
from bench.stats.simultaneous import Effect, judge
from models.recipe import QUICK_FLOOR

if TYPE_CHECKING:
    from bench.records.record import Run
    from bench.records.schema.trials import EnvironmentFacts, Timing, TrialOptions

FOLDER = "trials"
"""Where the run files lie, under `results/raw/<machine>`."""
BASE, HEAD, CONTROL = "BASE", "HEAD", "CONTROL"
TYPICAL, OVERALL, START, MEMORY = "typical", "overall", "start", "memory"
MARGINS = {TYPICAL: 0.03, OVERALL: 0.05, START: 0.10, MEMORY: 0.02}
"""The largest difference that counts as the same, by kind of finding."""
PRIVATE = "private memory"
FINDINGS = {"step": (TYPICAL, OVERALL), "call": (TYPICAL, OVERALL), "start": (START,), PRIVATE: (MEMORY,), "memory": ()}
"""What is judged of each measure. The memory of files before 2026-11-28 is not: it has the pages of mapped files in it,
by which a copy of an environment differs from the original by 3 to 5 % (how the system happens to hold them)."""
TYPICAL_SHARE = 0.075
"""Of the steps or calls of a turn: those that are quicker than the typical one."""
Pair = tuple[str, str]
"""The roles of two environments, the second one judged against the first."""
CALM = 8
"""The power by which turns weigh less when they are slower (see `typical_ratio`)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding on one case of one environment, against another.

    Attributes:
        case: its name.
        against: the role of the environment that it is judged against.
        environment: the role of the environment that is judged.
        finding: a key of `MARGINS`.
        measure: ``step``, ``call``, ``start`` or ``memory``.
        base: the number of the one judged against, the median over the rounds: seconds per step or call, or bytes.
        head: likewise the judged environment's.
        effect: the ratio's logarithm with its interval, and the word.
    """

    case: str
    against: str
    environment: str
    finding: str
    measure: str
    base: float
    head: float
    effect: Effect

    @property
    def word(self) -> str:
        """The verdict; of memory in its own words."""
        names = {"slower": "larger", "faster": "smaller"} if self.measure == PRIVATE else {}
        return names.get(self.effect.word, self.effect.word)


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """A trial that is stored in a run.

    Attributes:
        rows: the findings on every pair that was judged.
        shown: the pairs that are told of, where they are not all that were judged together.
    """

    run: Run
    options: TrialOptions
    rows: Sequence[Row]
    shown: Sequence[Pair] = ()

    @property
    def base(self) -> EnvironmentFacts:
        """The environment that the others are compared with."""
        return self.options.environments[0]

    @property
    def heads(self) -> Sequence[EnvironmentFacts]:
        """The environments that are judged."""
        return self.options.environments[1:]

    @property
    def pairs(self) -> Sequence[Pair]:
        """What is told of."""
        return self.shown or self.family

    @property
    def family(self) -> Sequence[Pair]:
        """What is compared, and judged together."""
        return self.options.pairs or pairs_of([one.role for one in self.options.environments])

    def environment(self, role: str) -> EnvironmentFacts:
        """The environment of a role."""
        return next(one for one in self.options.environments if one.role == role)

    def accuracies(self, pair: Pair) -> dict[str, AccuracyFinding]:
        """Recipe to what short trainings from equal seeds came to in two environments."""
        base, head = map(self.environment, pair)
        pairs = {
            name: (base.surveys[name], survey)
            for name, survey in head.surveys.items()
            if name in base.surveys and len(survey.accuracies) == len(base.surveys[name].accuracies) > 0
        }
        return {
            name: judge_accuracy(
                one.accuracies,
                other.accuracies,
                floor=QUICK_FLOOR,
                family=len(pairs) * len(self.family),
                identical=(one.weights, one.answers) == (other.weights, other.answers),
            )
            for name, (one, other) in sorted(pairs.items())
        }

    def less_accurate(self, pair: Pair) -> list[str]:
        """The recipes that train to less accuracy in the second environment than in the first."""
        return [name for name, found in self.accuracies(pair).items() if found.word == LESS]

    def broken(self, pair: Pair) -> dict[str, str]:
        """The user's models that the first environment loads, to why the second does not or what it answers wrongly."""
        one, other = (self.environment(role).surveys for role in pair)
        found = {}
        for name, survey in other.items():
            if name in one and one[name].failed is None:
                faults = survey.parity.faults if survey.parity else ()
                if reason := survey.failed or "; ".join(faults):
                    found[name] = reason
        return found

    def rows_of(self, pair: Pair) -> list[Row]:
        """The findings on a pair."""
        return [row for row in self.rows if (row.against, row.environment) == pair]

    def judged(self, pairs: Sequence[Pair]) -> StoredTrial:
        """The same rounds, with other environments compared: these pairs are the family."""
        options = msgspec.structs.replace(self.options, pairs=tuple(pairs))
        rows = judge_records(self.run.of(TrialRecord), options.margins, pairs)
        return StoredTrial(self.run, options, rows)

    def showing(self, pair: Pair) -> StoredTrial:
        """The same, of which one pair is told; it was judged together with the others."""
        return replace(self, rows=self.rows_of(pair), shown=(pair,))


def pairs_of(roles: Sequence[str]) -> list[Pair]:
    """Every environment against the first one."""
    return [(roles[0], role) for role in roles[1:]]


def upgrades(roles: Sequence[str]) -> list[Pair]:
    """Every environment against every one before it: what somebody may ask who chooses both."""
    return [(old, new) for place, new in enumerate(roles) for old in roles[:place]]


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
    roles = {one.role for one in options.environments}
    if unknown_roles := {role for pair in options.pairs for role in pair} - roles:
        raise RunFileError(f"{run.file}: compares {min(unknown_roles)!r}, which is none of its environments.")
    trial = StoredTrial(run, options, ())
    return trial.judged(trial.pairs)


def judge_records(
    records: Sequence[TrialRecord], margins: Mapping[str, float], pairs: Sequence[Pair] | None = None
) -> list[Row]:
    """A row for each finding on each case of each pair; the error rate holds for all of them together.

    Args:
        records: rows of one trial.
        margins: kind of finding to its margin; what is missing has that of `MARGINS`.
        pairs: what is compared; everything with the base where not given.
    """
    of_role: dict[str, dict[str, TrialRecord]] = {}
    for record in records:
        of_role.setdefault(record.environment, {})[record.case] = record
    pairs = pairs_of([BASE, *(role for role in of_role if role != BASE)]) if pairs is None else pairs
    wanted = [
        (of_role[against][case], record, finding)
        for against, role in pairs
        for case, record in of_role.get(role, {}).items()
        if case in of_role.get(against, {})
        for finding in FINDINGS[record.measure]
    ]
    series = [list(round_ratios(base, head, finding).values()) for base, head, finding in wanted]
    limits = [{**MARGINS, **margins}[finding] for *_, finding in wanted]
    return [
        Row(
            head.case,
            base.environment,
            head.environment,
            finding,
            head.measure,
            _middle(base, finding),
            _middle(head, finding),
            effect,
        )
        for (base, head, finding), effect in zip(wanted, judge(series, limits), strict=True)
        if base.rounds and head.rounds
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


def round_ratios(base: TrialRecord, head: TrialRecord, finding: str) -> dict[int, float]:
    """The number of each round that both saw through to the logarithm of the ratio of the head to the base in it."""
    turns = dict(zip(base.rounds, base.turns, strict=True))
    pairs = {
        number: (turns[number], other) for number, other in zip(head.rounds, head.turns, strict=True) if number in turns
    }
    if finding == TYPICAL:
        return {number: typical_ratio(*pair) for number, pair in pairs.items()}
    return {number: math.log(overall(other) / overall(one)) for number, (one, other) in pairs.items()}


def _middle(record: TrialRecord, finding: str) -> float:
    """The median over the rounds."""
    number = typical if finding == TYPICAL else overall
    ordered = sorted(map(number, record.turns))
    return ordered[len(ordered) // 2]
