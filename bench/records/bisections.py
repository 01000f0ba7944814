"""Stored bisections: trials of the ends of what is left and of an environment between them, which share a series.

In each trial the base is the near end, which is held to be as it was before the change, the last head the far end, and
the head between them the one that decides. Which part of the way the change lies in follows from the three verdicts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.records.record import RunFileError
from bench.records.schema.trials import TrialRecord
from bench.records.trials import BASE, TYPICAL, StoredTrial, trial_of
from bench.stats.accuracy import IDENTICAL, NO_DIFFERENCE
from bench.stats.simultaneous import ALARM_ERROR, CANNOT_TELL, ERROR, SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run
    from bench.stats.accuracy import AccuracyFinding
    from bench.stats.simultaneous import Effect

FOLDER = "bisections"
ACCURACY = "accuracy"
"""What is looked for beside the findings on times: what short trainings of the case's model come to."""
FIRST, SECOND, WHOLE, NOWHERE, UNKNOWN = "the first part", "the second part", "here", "nowhere", "cannot tell"
"""Where the change lies, seen from one trial."""


@dataclass(frozen=True, slots=True)
class Step:
    """One trial of a bisection.

    Attributes:
        case: what is looked at.
        finding: which of its findings, or `ACCURACY`.
    """

    trial: StoredTrial
    case: str
    finding: str

    @property
    def words(self) -> list[str]:
        """The environments, from the near end to the far one."""
        return [one.word for one in self.trial.options.environments]

    @property
    def verdicts(self) -> list[tuple[str, str, float]]:
        """Word, text and size of the finding on the first part, on the second and on the whole; on the whole alone
        without a middle, and nothing where the case was not had.
        """
        if self.finding == ACCURACY:
            recipe = next((one.recipe for one in self.trial.run.of(TrialRecord) if one.case == self.case), "")
            known = [self.trial.accuracies(pair).get(recipe) for pair in self.trial.pairs]
            return [
                (_plain(one.word), _difference(one), abs((one.head or 0) - (one.base or 0))) for one in known if one
            ]
        found = {
            (row.against, row.environment): row
            for row in self.trial.rows
            if (row.case, row.finding) == (self.case, self.finding)
        }
        rows = [found[pair] for pair in self.trial.pairs if pair in found]
        return [(row.word, _ratio(row.effect), abs(row.effect.value or 0.0)) for row in rows]

    @property
    def whole(self) -> str:
        """The word on the far end against the near one."""
        return self.verdicts[-1][0] if self.verdicts else CANNOT_TELL

    def lies_in(self, sought: str) -> str:
        """Where the change lies.

        Args:
            sought: the word that the far end of the first trial got.
        """
        words = [word for word, *_ in self.verdicts]
        nowhere = NOWHERE if self.whole == SAME else UNKNOWN
        if sought in {SAME, CANNOT_TELL}:
            return nowhere
        if len(words) < 3:  # noqa: PLR2004  there is no middle
            return WHOLE if self.whole == sought else nowhere
        first, second, whole = words
        if sought in {first, second}:
            (_, _, one), (_, _, other), _ = self.verdicts
            return FIRST if second != sought or (first == sought and one >= other) else SECOND
        if whole == sought and (first == SAME) != (second == SAME):
            return SECOND if first == SAME else FIRST
        return nowhere


@dataclass(frozen=True, slots=True)
class Bisection:
    """A search, as far as it is stored.

    Attributes:
        steps: in the order of measurement.
    """

    steps: Sequence[Step]

    @property
    def sought(self) -> str:
        """The change that is looked for: the verdict on the ends."""
        return self.steps[0].whole

    @property
    def changed(self) -> bool:
        """Whether the ends differ."""
        return self.sought not in {SAME, CANNOT_TELL}

    @property
    def between(self) -> tuple[str, str]:
        """The neighbours that the change lies between, as far as it was narrowed down."""
        near, *_, far = self.steps[0].words
        for step in self.steps:
            place = step.lies_in(self.sought)
            if place in {FIRST, SECOND}:
                near, far = (step.words[0], step.words[1]) if place == FIRST else (step.words[1], step.words[2])
        return near, far

    @property
    def error(self) -> float:
        """Upper bound of the probability (0-1) that the answer is wrong: the sum over its trials (union bound).

        A false change has the error rate of alarms; a trial that only says that nothing changed has that of intervals.
        """
        used = [step.lies_in(self.sought) for step in self.steps]
        rates = [ERROR if place == NOWHERE else ALARM_ERROR for place in used if place != UNKNOWN]
        return min(1.0, sum(rates))


def _plain(word: str) -> str:
    """The word on accuracy, with one word for all that is no difference."""
    return SAME if word in {IDENTICAL, NO_DIFFERENCE} else word


def _difference(found: AccuracyFinding) -> str:
    if found.base is None or found.head is None:
        return f"{found.base_failures} and {found.head_failures} of {found.seeds} seeds failed"
    ends = "" if found.low is None or found.high is None else f" ({found.low:+.4f} to {found.high:+.4f})"
    return f"{found.head - found.base:+.4f}{ends}"


def _ratio(effect: Effect) -> str:
    if effect.value is None:
        return ""
    ends = (
        ""
        if effect.low is None or effect.high is None
        else f" ({math.exp(effect.low):.3f}–{math.exp(effect.high):.3f})"
    )
    return f"{math.exp(effect.value):.3f}{ends}"


def step_of(trial: StoredTrial) -> Step:
    """The step that a trial is. Raises RunFileError where it is none."""
    case, _, finding = trial.options.sought.partition(": ")
    if not (trial.options.series and case and finding):
        raise RunFileError(f"{trial.run.file}: not the run file of a bisection")
    return Step(trial, case, finding)


def bisection_step(run: Run) -> Step:
    """The step that is stored in a run. Raises RunFileError where it is none."""
    return step_of(trial_of(run))


def bisections(steps: Sequence[Step]) -> list[Bisection]:
    """The steps of each series together, the newest series first."""
    found: dict[str, list[Step]] = {}
    for step in sorted(steps, key=lambda one: one.trial.options.number):
        found.setdefault(step.trial.options.series, []).append(step)
    return [Bisection(found[series]) for series in sorted(found, reverse=True)]


def sought_text(case: str, finding: str = TYPICAL) -> str:
    """What a trial of a bisection stores of what is looked for."""
    return f"{case}: {finding}"


def plan_pairs(roles: Sequence[str]) -> list[tuple[str, str]]:
    """What is compared: both parts of the way, and the whole; the whole alone without a middle."""
    near, *middle, far = roles
    return [*((near, one) for one in middle), *((one, far) for one in middle), (BASE, far)]
