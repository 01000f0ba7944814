"""Stored self-tests: trials of an environment against copies of itself, with regressions injected into some of them.

The trials of a self-test share its series id. Each has the base, a head per injection, and the control: the base a
second time, from a copy that was installed separately, with nothing injected. A head that only slows takes its turns in
the processes of one of these two, and is judged against the other.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.records.cases import INJECT
from bench.records.record import RunFileError
from bench.records.schema.trials import TrialRecord
from bench.records.trials import CONTROL, FINDINGS, MARGINS, OVERALL, TYPICAL, StoredTrial, round_ratios, trial_of
from bench.stats.rates import Rate
from bench.stats.resampling import resample
from bench.stats.simultaneous import CANNOT_TELL, SAME, SLOWER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.records.record import Run
    from bench.records.trials import Pair, Row

FOLDER = "selftest"
NOTHING = ""
"""The injection of the control."""
MAY_DIFFER = ("machine", "injections", "processes", "budget_s")
"""The settings that trials which are told together may differ in."""
LABELS = "labels:"
"""How an injection begins that changes accuracies and no times."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One environment of one trial, in which something was injected.

    Attributes:
        injection: what it was: ``slow:5%``; `NOTHING` for the control.
    """

    trial: StoredTrial
    pair: Pair
    injection: str

    @property
    def alarms(self) -> list[Row]:
        """The findings that are neither the same nor open."""
        return [row for row in self.trial.rows_of(self.pair) if row.word not in {SAME, CANNOT_TELL}]

    def called(self, case: str) -> bool:
        """Whether a case was called slower, by either of its findings."""
        return any(row.case == case and row.word == SLOWER for row in self.trial.rows_of(self.pair))

    def ratios(self, case: str, finding: str) -> list[float]:
        """The logarithm of the ratio in each round."""
        known = self.records(case)
        return list(round_ratios(*known, finding).values()) if known else []

    def records(self, case: str) -> tuple[TrialRecord, TrialRecord] | None:
        """The case's rows of the base and of this environment; ``None`` where no round was complete."""
        found = {one.environment: one for one in self.trial.run.of(TrialRecord) if one.case == case and one.rounds}
        return (found[self.pair[0]], found[self.pair[1]]) if {*self.pair} <= found.keys() else None


def selftest_trial(run: Run) -> StoredTrial:
    """The trial of a self-test that is stored in a run. Raises RunFileError where it is none."""
    trial = trial_of(run)
    if not trial.options.series:
        raise RunFileError(f"{run.file}: not the run file of a self-test")
    return trial


def newest_selftest(trials: Sequence[StoredTrial]) -> list[StoredTrial]:
    """The trials of the newest self-test, oldest first."""
    newest = max((one.options.series for one in trials), default="")
    return sorted((one for one in trials if one.options.series == newest), key=lambda one: one.options.number)


def alike(trials: Sequence[StoredTrial]) -> list[StoredTrial]:
    """The trials of the newest self-test, and all others that compare the same, oldest first.

    They may have run on other machines, one of which may be gone before there are many, with other injections beside
    these, and for longer.
    """
    newest = newest_selftest(trials)
    if not newest:
        return []
    wanted = _compared(newest[-1])
    return sorted(
        (one for one in trials if _compared(one) == wanted), key=lambda one: (one.options.series, one.options.number)
    )


def _compared(trial: StoredTrial) -> dict[str, Any]:
    """What trials share that may be told together."""
    return {name: value for name, value in settings(trial).items() if name not in MAY_DIFFER}


def to_go_on_with(trials: Sequence[StoredTrial], wanted: dict[str, Any]) -> list[StoredTrial]:
    """The trials of the newest self-test, which `--resume` adds to.

    Args:
        trials: all that are stored.
        wanted: the settings of the next trial, as `settings` gives them.

    Raises:
        DensebenchError: none is stored, or it had other settings.
    """
    found = newest_selftest(trials)
    if not found:
        raise DensebenchError("--resume: no self-test is stored. Without --resume, one is begun.")
    before = settings(found[-1])
    differing = [f"its {name} {before[name]!r}, now {now!r}" for name, now in wanted.items() if before[name] != now]
    if differing:
        raise DensebenchError(f"--resume: the newest self-test was another one: {'; '.join(differing)}.")
    return found


def settings(trial: StoredTrial) -> dict[str, Any]:
    """What all trials of a self-test share."""
    return {
        "environment": trial.base.word,
        "cases": sorted(trial.run.metadata.cases_planned),
        "injections": [one.variables[INJECT] for one in trial.heads if INJECT in one.variables],
        "processes": {one.role: one.host for one in trial.heads if one.host},
        "budget_s": trial.options.budget_s,
        "margins": dict(trial.options.margins),
        "device": trial.run.device,
        "dataset": trial.run.dataset,
        "machine": trial.options.node,
    }


def by_injection(trials: Sequence[StoredTrial]) -> dict[str, list[Injected]]:
    """Injection, `NOTHING` for the control, to the environments that had it, in all trials."""
    found: dict[str, list[Injected]] = {}
    for trial in trials:
        for pair in trial.pairs:
            injection = trial.environment(pair[1]).variables.get(INJECT, NOTHING)
            if injection or pair[1] == CONTROL:
                found.setdefault(injection, []).append(Injected(trial, pair, injection))
    return dict(sorted(found.items()))


def timed_cases(some: Sequence[Injected]) -> list[str]:
    """The cases of steps and calls that any of them measured."""
    rows = (row for one in some for row in one.trial.rows_of(one.pair))
    return list(dict.fromkeys(row.case for row in rows if row.finding in {TYPICAL, OVERALL}))


def false_alarms(trials: Sequence[StoredTrial]) -> Rate:
    """The share of controls in which anything at all was said to differ."""
    controls = by_injection(trials).get(NOTHING, [])
    return Rate(sum(bool(one.alarms or one.trial.less_accurate(one.pair)) for one in controls), len(controls))


def really_added(some: Sequence[Injected], case: str, finding: str) -> float | None:
    """By how much an injection made a case longer: the mean over trials of the ratio, less 1."""
    rows = [row for one in some for row in one.trial.rows_of(one.pair) if (row.case, row.finding) == (case, finding)]
    values = [row.effect.value for row in rows if row.effect.value is not None]
    return math.expm1(statistics.fmean(values)) if values else None


@dataclass(frozen=True, slots=True)
class Resampled:
    """What trials drawn anew from the stored rounds would have said.

    Attributes:
        rounds: stored rounds that were drawn from.
        length: rounds of a drawn trial.
        called: injection and case to how often it was called slower.
        alarms: how often anything at all was said of the control.
    """

    rounds: int
    length: int
    called: Mapping[tuple[str, str], Rate]
    alarms: Rate


def resampled(trials: Sequence[StoredTrial]) -> Resampled | None:
    """Draw trials anew from the rounds of these, as long as the middle one of them; ``None`` without rounds.

    Only rounds that all series have take part: what is settled is not measured further.
    """
    rounds: list[list[float]] = []
    keys: list[tuple[str, str, str]] = []
    for trial in reversed(trials):  # with the injections of the newest
        series = {
            (trial.environment(pair[1]).variables.get(INJECT, NOTHING), case, finding): values
            for pair in trial.pairs
            for (case, finding), values in _series_of(trial, pair).items()
        }
        keys = keys or list(series)
        if list(series) == keys:
            common = sorted(set.intersection(*(set(values) for values in series.values())))
            rounds += [[values[number] for values in series.values()] for number in common]
    if not rounds:
        return None
    lengths = sorted(max(row.effect.rounds for row in trial.rows) for trial in trials if trial.rows)
    length, margins = lengths[len(lengths) // 2], {**MARGINS, **trials[-1].options.margins}
    words = resample(rounds, [margins[finding] for *_, finding in keys], length=length)
    places: dict[tuple[str, str], list[int]] = {}
    for place, (injection, case, _) in enumerate(keys):
        places.setdefault((injection, case), []).append(place)
    called = {
        key: Rate(sum(any(each[place] == SLOWER for place in some) for each in words), len(words))
        for key, some in places.items()
    }
    control = [place for place, (injection, *_) in enumerate(keys) if injection == NOTHING]
    alarms = sum(any(each[place] not in {SAME, CANNOT_TELL} for place in control) for each in words)
    return Resampled(len(rounds), length, called, Rate(alarms, len(words) if control else 0))


def _series_of(trial: StoredTrial, pair: Pair) -> dict[tuple[str, str], dict[int, float]]:
    """Case and finding of a pair to the logarithm of the ratio in each round."""
    of_role = {(record.environment, record.case): record for record in trial.run.of(TrialRecord)}
    return {
        (case, finding): round_ratios(of_role[pair[0], case], record, finding)
        for (role, case), record in of_role.items()
        if role == pair[1] and (pair[0], case) in of_role
        for finding in FINDINGS[record.measure]
    }


def said_slower(some: Sequence[Injected], case: str, rule: Callable[[TrialRecord, TrialRecord], bool]) -> Rate:
    """How often another rule calls a case slower, of the base and this environment, on the same turns."""
    pairs = [known for one in some if (known := one.records(case))]
    return Rate(sum(rule(base, head) for base, head in pairs), len(some))
