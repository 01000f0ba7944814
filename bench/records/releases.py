"""Stored trials of TensorFlow's releases: each against the one before it, and the newest against the oldest.

The first pair of a trial is a step, and so is each further one but those against the base: these are the newest against
the oldest, and the control. A release that was added later has a trial of its own, with the base, the release before it
and a control.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.records.trials import BASE, CONTROL, StoredTrial, upgrades

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.schema.trials import EnvironmentFacts
    from bench.records.trials import Pair

FOLDER = "releases"
FINAL = re.compile(r"(\d+\.\d+)\.\d+")
"""The version of a release that is no candidate and no nightly, without its patch number."""
NIGHTLY = ".dev"
"""Is in the version of a nightly."""


@dataclass(frozen=True, slots=True)
class ReleaseTrials:
    """What is told of releases together.

    Attributes:
        main: the trial of all releases.
        added: those of releases that were added to it, oldest first.
    """

    main: StoredTrial
    added: Sequence[StoredTrial] = ()

    @property
    def trials(self) -> Sequence[StoredTrial]:
        """All of them."""
        return [self.main, *self.added]

    @property
    def steps(self) -> list[tuple[StoredTrial, Pair]]:
        """Each release against the one before it, in the order of releases."""
        return [(trial, pair) for trial in self.trials for pair in steps(trial)]

    @property
    def ends(self) -> tuple[StoredTrial, Pair]:
        """The newest release against the oldest."""
        trial = self.trials[-1]
        return trial, (BASE, steps(trial)[-1][1])

    @property
    def released(self) -> ReleaseTrials:
        """The same without what was added after the last release or candidate: nightlies come and go."""
        added = list(self.added)
        while added and NIGHTLY in _last(added[-1]):
            added.pop()
        return ReleaseTrials(self.main, added)


def plan_pairs(roles: Sequence[str]) -> list[Pair]:
    """What is compared of releases, the oldest first: each with the one before it, and the newest with the oldest."""
    return list(dict.fromkeys([*pairwise(roles), (roles[0], roles[-1])]))


def steps(trial: StoredTrial) -> list[Pair]:
    """The pairs of a trial that are steps."""
    return [pair for number, pair in enumerate(trial.pairs) if pair[1] != CONTROL and (pair[0] != BASE or not number)]


def release_name(environment: EnvironmentFacts) -> str:
    """What an environment is called in tables: ``2.15``, ``2.22.0rc0``, ``2.22.0.dev20260101``; control."""
    if environment.role == CONTROL:
        return "control"
    version = str(environment.packages.get("tensorflow") or environment.word).split()[-1]
    final = FINAL.fullmatch(version)
    return final[1] if final else version


def group(trials: Sequence[StoredTrial], models: Mapping[str, str] = MappingProxyType({})) -> list[ReleaseTrials]:
    """The newest trial of all releases, with what was added to it; nothing where there is none.

    A trial was added to it if it begins with its last release and has the same base on the same machine.

    Args:
        trials: those that are stored.
        models: the user's own models that were measured, as `TrialOptions` has them; of the ladder unless given.
    """
    same = [one for one in trials if dict(one.options.models) == dict(models)]
    ordered = sorted(same, key=lambda one: one.run.started_at)
    wholes = [one for one in ordered if steps(one)[0][0] == BASE]
    if not wholes:
        return []
    main, added = wholes[-1], list[StoredTrial]()
    others = [one for one in ordered if steps(one)[0][0] != BASE and _same_base(main, one)]
    while following := [one for one in others if _first(one) == _last((added or [main])[-1])]:
        added.append(following[0])
        others.remove(following[0])
    return [ReleaseTrials(main, added)]


def group_own(trials: Sequence[StoredTrial]) -> list[ReleaseTrials]:
    """Those of the ladder, and the newest of the user's own models."""
    own = max((one for one in trials if one.options.models), key=lambda one: one.run.started_at, default=None)
    return [*group(trials), *(group(trials, own.options.models) if own else [])]


def freely_judged(trial: StoredTrial) -> StoredTrial:
    """The same rounds with every release against every one before it: the family of who may ask for any two."""
    return trial.judged(upgrades([one.role for one in trial.options.environments if one.role != CONTROL]))


def choose_pair(trials: Sequence[StoredTrial], first: str, last: str) -> StoredTrial:
    """What the newest trial that has both releases says of these two, out of all that might have been asked for.

    Raises:
        DensebenchError: a release is in none, the two are in different ones, or the second is the earlier one.
    """
    known: dict[str, None] = {}
    ladder = [one for one in trials if not one.options.models]
    for trial in sorted(ladder, key=lambda one: one.run.started_at, reverse=True):
        roles = {release_name(one): one.role for one in trial.options.environments}
        known |= dict.fromkeys(roles)
        if {first, last} <= roles.keys() and first != last:
            free, pair = freely_judged(trial), (roles[first], roles[last])
            if pair not in free.pairs:
                raise DensebenchError(f"--from {first} --to {last}: {last} is the earlier one; exchange them.")
            return free.showing(pair)
    for word in (first, last):
        if word not in known:
            raise DensebenchError(f"{word!r} was not measured. Stored: {', '.join(known) or 'nothing'}.")
    raise DensebenchError(
        f"{first} and {last} were not measured in the same rounds: `duel` compares them, and so does `releases --add`."
    )


def _first(trial: StoredTrial) -> str:
    """The release that a trial begins with."""
    return release_name(trial.environment(steps(trial)[0][0]))


def _last(trial: StoredTrial) -> str:
    """The release that it ends with."""
    return release_name(trial.environment(steps(trial)[-1][1]))


def _same_base(one: StoredTrial, other: StoredTrial) -> bool:
    return (one.options.node, one.base.packages, one.run.dataset, one.run.device) == (
        other.options.node,
        other.base.packages,
        other.run.dataset,
        other.run.device,
    )
