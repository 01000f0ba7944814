"""What lies between two environments, in order: releases, nightlies, or the packages and variables that differ."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from packaging.version import InvalidVersion, Version

from bench.errors import DensebenchError
from bench.records.known_releases import known_releases
from bench.trials.plans import find_program, run_quietly, word_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NIGHTLY = "tf-nightly-cpu"
RELEASE = "tensorflow-cpu"
EXACT = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^*\s]+)")
Run = "Callable[[Sequence[str]], str]"


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


def release_word(text: str) -> str:
    """The requirement of a known release that is called by its name (``2.15``); any other word as it is."""
    return {release.name: release.requirement for release in known_releases()}.get(text, text)


def candidates_between(good: str, bad: str) -> Candidates:
    """The releases between two words that name releases, or else steps from one set of packages to the other.

    Raises:
        DensebenchError: the two are the same, or cannot be mixed.
    """
    if good == bad:
        raise DensebenchError(f"{good!r} and {bad!r} are the same environment.")
    known = [release.requirement for release in known_releases()]
    if good in known and bad in known:
        first, last = known.index(good), known.index(bad)
        words = known[first : last + 1] if first < last else known[last : first + 1][::-1]
        return Candidates("releases", words, [_version(word) for word in words])
    if _version_of(good, NIGHTLY) and _version_of(bad, NIGHTLY):
        return nightlies_between(good, bad)
    return mixtures(good, bad)


def nightlies_between(good: str, bad: str, *, run: Callable[[Sequence[str]], str] = run_quietly) -> Candidates:
    """The nightlies between two releases or nightlies, as far as the registry keeps them.

    The ends stay as they are; a nightly of 2.22 is older than the release 2.22.0, and newer than 2.21.0.
    """
    ends = sorted([Version(_version(good)), Version(_version(bad))])
    try:
        kept = sorted(listed_versions(NIGHTLY, run=run))
    except DensebenchError as error:
        return Candidates("nothing between", [good, bad], [_version(good), _version(bad)], f"nightlies: {error}")
    inside = [version for version in kept if ends[0] < version < ends[1]]
    if not inside:
        told = f"the registry keeps {NIGHTLY} from {kept[0]} to {kept[-1]}, and none between these two"
        return Candidates("nothing between", [good, bad], [_version(good), _version(bad)], told)
    ordered = inside if Version(_version(good)) == ends[0] else inside[::-1]
    words = [good, *(f"{NIGHTLY}=={version}" for version in ordered), bad]
    return Candidates("nightlies", words, [_version(word) for word in words])


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


def _version(word: str) -> str:
    """The version that a word asks for. Raises DensebenchError."""
    version = _version_of(word, RELEASE) or _version_of(word, NIGHTLY)
    if version is None:
        raise DensebenchError(f"{word!r} is no release and no nightly with its version, as {RELEASE}==2.21.0 is.")
    return version


def _version_of(word: str, package: str) -> str | None:
    """The version of a package that a word asks for, and nothing else; ``None`` for any other word."""
    match = EXACT.fullmatch(word)
    return match["version"] if match and match["name"] == package else None
