"""Releases of TensorFlow with a locked environment, one per lock file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DensebenchError, unknown_name

LOCKS = Path(__file__).parent.parent / "locks"


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """A release of TensorFlow; later ones are larger."""

    major: int
    minor: int

    @property
    def name(self) -> str:
        """The release as text: ``2.15``."""
        return f"{self.major}.{self.minor}"

    @property
    def environment(self) -> str:
        """The name of its tox environment: ``tf215``."""
        return f"tf{self.major}{self.minor}"

    @property
    def requirement(self) -> str:
        """What is installed of it, with its locked patch version: ``tensorflow-cpu==2.15.1``."""
        text = (LOCKS / f"{self.environment}.txt").read_text(encoding="utf-8")
        found = re.search(r"^tensorflow-cpu==[\w.]+", text, re.MULTILINE)
        if found is None:
            raise DensebenchError(f"bench/locks/{self.environment}.txt names no tensorflow-cpu.")
        return found[0]


def known_releases(locks: Path = LOCKS) -> list[Release]:
    """The releases that have a lock file, earliest first."""
    found = (re.fullmatch(r"tf(\d)(\d+)", path.stem) for path in locks.glob("tf*.txt"))
    return sorted(Release(int(match[1]), int(match[2])) for match in found if match)


def find_release(text: str) -> Release:
    """The release with this name (``2.15``) or environment (``tf215``).

    Raises:
        DensebenchError: there is no such environment.
    """
    for release in known_releases():
        if text in {release.name, release.environment}:
            return release
    raise unknown_name("release", text, [release.name for release in known_releases()])


def releases_between(first: str, last: str) -> list[Release]:
    """All known releases from one to the other, both included, in the order from the first to the last.

    Raises:
        DensebenchError: one of them has no environment, or both are the same.
    """
    ends = find_release(first), find_release(last)
    if ends[0] == ends[1]:
        raise DensebenchError(f"{first!r} and {last!r} are the same release.")
    inside = [release for release in known_releases() if min(ends) <= release <= max(ends)]
    return inside if ends[0] < ends[1] else inside[::-1]
