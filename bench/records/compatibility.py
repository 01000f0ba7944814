"""Stored surveys of what survives from one environment to another: which file loads where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.records.outcomes import FAILS, IDENTICAL, OTHERWISE, ROUNDED
from bench.records.record import RunFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.records.record import Run
    from bench.records.schema.compatibility import Compatibility, Loading

FOLDER = "compatibility"
ORDER = (IDENTICAL, ROUNDED, OTHERWISE, FAILS)
"""Outcomes, from the best to the worst."""


@dataclass(frozen=True, slots=True)
class StoredCompatibility:
    """What a run found, with the run.

    Attributes:
        worst: saver, loader and format to what became of those files, of several models that which went worst.
    """

    run: Run
    found: Compatibility
    worst: Mapping[tuple[str, str, str], Loading]

    @property
    def roles(self) -> list[str]:
        """The environments, oldest first."""
        return [one.role for one in self.found.environments]

    @property
    def models(self) -> list[str]:
        """The models that were saved."""
        return list(dict.fromkeys(one.model for each in self.found.environments for one in each.saved))

    @property
    def formats(self) -> list[str]:
        """The formats that they were saved in."""
        return list(dict.fromkeys(one.format for each in self.found.environments for one in each.saved))


def newest_compatibility(runs: Iterable[Run]) -> StoredCompatibility | None:
    """The newest survey of the ladder that can be read; ``None`` where there is none."""
    for run in sorted(runs, key=lambda one: one.started_at, reverse=True):
        try:
            found = compatibility_of(run)
        except RunFileError:
            continue
        if not found.found.models:
            return found
    return None


def compatibility_of(run: Run) -> StoredCompatibility:
    """What is stored of a run.

    Raises:
        RunFileError: it is not the run file of a survey of compatibility.
    """
    found = run.metadata.compatibility
    if found is None or not found.environments:
        raise RunFileError(f"{run.file}: not the run file of a survey of compatibility")
    roles = [one.role for one in found.environments]
    for each in found.environments:
        if strange := {one.saver for one in each.loaded} - {*roles}:
            raise RunFileError(f"{run.file}: loads what {min(strange)!r} saved, which is none of its environments.")
        if unknown := {one.outcome for one in each.loaded} - {*ORDER}:
            raise RunFileError(f"{run.file}: unknown outcome {min(unknown)!r}. Known: {', '.join(ORDER)}.")
    worst: dict[tuple[str, str, str], Loading] = {}
    for each in found.environments:
        for one in each.loaded:
            key = one.saver, each.role, one.format
            if key not in worst or ORDER.index(one.outcome) > ORDER.index(worst[key].outcome):
                worst[key] = one
    return StoredCompatibility(run, found, worst)
