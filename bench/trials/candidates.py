"""What lies between two environments, in order: releases, nightlies, or the packages and variables that differ."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from packaging.version import InvalidVersion, Version

from bench.errors import DensebenchError
from bench.records.known_releases import known_releases
from bench.trials.plans import find_program, run_quietly, word_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

RELEASE, NIGHTLY = "tensorflow-cpu", "tf-nightly-cpu"
FULL_RELEASE, FULL_NIGHTLY = "tensorflow", "tf-nightly"
"""The builds with GPU support: nightlies of them go on where those for the CPU alone have ended."""
EXACT = re.compile(rf"(?P<package>{RELEASE}|{NIGHTLY}|{FULL_RELEASE}|{FULL_NIGHTLY})==(?P<version>[^*\s]+)")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Environments in an order.

    Attributes:
        kind: what they differ in: ``releases``, ``nightlies``, ``packages and variables`` or ``nothing between``.
        words: from the first end to the last, both included, as `find_environment` takes them.
        names: what each is called.
        reason: why there is nothing finer to look at; empty where there is.
    """

    kind: str
    words: Sequence[str]
    names: Sequence[str]
    reason: str = ""


class Build(NamedTuple):
    """A version of one of TensorFlow's packages."""

    package: str
    version: Version

    @property
    def full(self) -> bool:
        """Whether it has GPU support."""
        return self.package in {FULL_RELEASE, FULL_NIGHTLY}


def release_word(text: str) -> str:
    """The requirement of a known release that is called by its name (``2.15``); any other word as it is."""
    return {release.name: release.requirement for release in known_releases()}.get(text, text)


def candidates_between(good: str, bad: str) -> Candidates:
    """What lies between two words: releases, nightlies where no release does, or else steps from one to the other.

    Raises:
        DensebenchError: the two are the same, or cannot be mixed.
    """
    if good == bad:
        raise DensebenchError(f"{good!r} and {bad!r} are the same environment.")
    ends = _builds(good, bad)
    if not ends:
        return mixtures(good, bad)
    known = [one for release in known_releases() for one in _builds(release.requirement)]
    inside = _between([build.version for build in known], *ends)
    if not inside:
        return nightlies_between(good, bad)
    return _in_order("releases", good, bad, FULL_RELEASE if any(end.full for end in ends) else RELEASE, inside)


def nightlies_between(good: str, bad: str, *, run: Callable[[Sequence[str]], str] = run_quietly) -> Candidates:
    """The nightlies between two releases or nightlies, as far as the registry keeps them.

    They have GPU support where one of the ends has. The ends stay as they are; a nightly of 2.22 is older than the
    release 2.22.0, and newer than 2.21.0.
    """
    ends = _builds(good, bad)
    package = FULL_NIGHTLY if any(end.full for end in ends) else NIGHTLY
    try:
        kept = sorted(listed_versions(package, run=run))
    except DensebenchError as error:
        return Candidates("nothing between", [good, bad], [good, bad], f"nightlies: {error}")
    inside = _between(kept, *ends)
    if not inside:
        told = f"the registry keeps {package} from {kept[0]} to {kept[-1]}, and none between these two"
        return Candidates("nothing between", [good, bad], [good, bad], told)
    return _in_order("nightlies", good, bad, package, inside)


def _between(versions: Iterable[Version], good: Build, bad: Build) -> list[Version]:
    """Those between two builds, from the first's end to the last's."""
    low, high = sorted([good.version, bad.version])
    inside = sorted(version for version in versions if low < version < high)
    return inside if good.version == low else inside[::-1]


def _in_order(kind: str, good: str, bad: str, package: str, inside: Sequence[Version]) -> Candidates:
    words = [good, *(f"{package}=={version}" for version in inside), bad]
    return Candidates(kind, words, [str(build.version) for build in _builds(*words)])


def mixtures(good: str, bad: str) -> Candidates:
    """The first environment with one difference of the last after the other taken over, in alphabetical order.

    Raises:
        DensebenchError: one of them is no set of requirements, so that it cannot be mixed.
    """
    one, other = word_parts(good), word_parts(bad)
    differing = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
    if len(differing) < 2:  # noqa: PLR2004  a single difference is the answer
        reason = f"they differ in {differing[0]} alone" if differing else "they differ in nothing that they name"
        return Candidates("nothing between", [good, bad], [good, bad], reason)
    words, names, parts = [good], ["the first"], dict(one)
    for name in differing:
        parts = _with(parts, name, other)
        words.append(" ".join(parts.values()))
        names.append(f"+ {other.get(name, f'no {name}')}")
    return Candidates("packages and variables", [*words[:-1], bad], names)


def _with(parts: Mapping[str, str], name: str, other: Mapping[str, str]) -> dict[str, str]:
    rest = {key: part for key, part in parts.items() if key != name}
    return rest | {name: other[name]} if name in other else rest


def listed_versions(package: str, *, run: Callable[[Sequence[str]], str] = run_quietly) -> list[Version]:
    """The versions of a package that the registry has, candidates included. Raises DensebenchError."""
    words = [*find_program("uv"), "tool", "run", "--quiet", "pip", "index", "versions", "--pre", package]
    match = re.search(r"^Available versions: (.+)$", run(words), re.MULTILINE)
    try:
        return [Version(text) for text in match[1].split(", ")] if match else _none_of(package)
    except InvalidVersion as error:
        raise DensebenchError(f"the registry tells a version of {package} that is none: {error}") from error


def _none_of(package: str) -> NoReturn:
    raise DensebenchError(f"the registry does not tell which versions of {package} it has")


def _builds(*words: str) -> list[Build]:
    """What each word asks for; none where one of them asks for anything else or anything beside."""
    found = []
    for word in words:
        try:
            match = EXACT.fullmatch(word)
            found += [Build(match["package"], Version(match["version"]))] if match else []
        except InvalidVersion:
            return []
    return found if len(found) == len(words) else []
