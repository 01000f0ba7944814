"""What the user calls an environment, taken apart: requirements, variables, and what they are added to.

A *word* is one argument of the command line; what it may hold, `RIGHT` says.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bench.errors import DensebenchError
from bench.records.cases import INJECT
from bench.trials.injections import parse_injection

Kind = Literal["requirements", "lock", "path", "tox"]

FAMILIES = (
    (
        "tensorflow",
        "tensorflow-cpu",
        "tf-nightly",
        "tf-nightly-cpu",
        "intel-tensorflow",
        "tensorflow-cpu-aws",
        "tensorflow-gpu",
        "tensorflow-intel",
        "tensorflow-macos",
        "tensorflow-rocm",
    ),
    ("keras", "keras-nightly"),
    ("tf-keras", "tf-keras-nightly"),
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "ort-nightly"),
    ("onnx", "onnx-weekly"),
)
"""Distributions that own the same import package: an environment has one of each family."""
NIGHTLIES = ("tf-nightly", "tf-nightly-cpu", "keras-nightly", "tf-keras-nightly", "ort-nightly", "onnx-weekly")
UNVERSIONED = (*NIGHTLIES, "tf-keras")
"""What may be named alone: the newest, and the newest that fits TensorFlow."""

VARIABLE = re.compile(r"([A-Z_][A-Z0-9_]*)=(?!=)(.*)", re.DOTALL)
TOX_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
RIGHT = (
    "Right are requirements (tensorflow==2.20.0 keras==3.10.0) or a nightly (tf-nightly); a path to an interpreter or "
    "a virtual environment (with a / in it); a lock file (requirements.txt); or a tox environment (tf219); each with "
    "variables beside it (TF_ENABLE_ONEDNN_OPTS=0)."
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word taken apart.

    Attributes:
        base: the path, the lock file or the name of the tox environment; empty for requirements.
    """

    text: str
    kind: Kind
    base: str
    requirements: tuple[Requirement, ...]
    variables: dict[str, str]


def parse_word(word: str) -> Word:
    """A word taken apart.

    Raises:
        DensebenchError: it is not understood; with the part that is wrong and what would be right.
    """
    try:
        tokens = shlex.split(word)
    except ValueError as error:
        raise DensebenchError(f"{word!r}: {error}. {RIGHT}") from error
    variables: dict[str, str] = {}
    bases: list[tuple[Kind, str]] = []
    requirements: list[Requirement] = []
    for token in tokens:
        if match := VARIABLE.fullmatch(token):
            if match[1] in variables:
                raise DensebenchError(f"{token!r} in {word!r}: {match[1]} is set twice.")
            variables[match[1]] = match[2]
        elif kind := _base_kind(token):
            bases.append((kind, token))
        else:
            requirements.append(_requirement(token, word))
    parse_injection(variables.get(INJECT, ""))
    _refuse_relatives(requirements, word)
    if requirements:
        bases.insert(0, ("requirements", ""))
    if not bases:
        raise DensebenchError(f"{word!r} names no environment. {RIGHT}")
    if len(bases) > 1:
        raise DensebenchError(f"{bases[1][1]!r} in {word!r} would be a second environment. {RIGHT}")
    ((kind, base),) = bases
    return Word(word, kind, base, tuple(requirements), variables)


def _base_kind(token: str) -> Kind | None:
    """What an environment is made from or taken from; ``None`` where the token can only be a requirement."""
    if token.endswith(".txt"):
        if not Path(token).expanduser().is_file():
            raise DensebenchError(f"there is no lock file {token!r}. {RIGHT}")
        return "lock"
    if os.sep in token and "://" not in token:
        return "path"
    if TOX_NAME.fullmatch(token) and canonicalize_name(token) not in {*UNVERSIONED, *sum(FAMILIES, ())}:
        return "tox"
    return None


def _requirement(token: str, word: str) -> Requirement:
    """A requirement.

    Raises:
        DensebenchError: it is none, or has no version though the package is no nightly.
    """
    place = "" if token == word else f" in {word!r}"
    try:
        requirement = Requirement(token)
    except InvalidRequirement as error:
        raise DensebenchError(f"{token!r}{place} is not understood. {RIGHT}") from error
    if requirement.url:
        raise DensebenchError(f"{token!r}{place} is an address, which cannot be installed from. {RIGHT}")
    named = bool(requirement.specifier or requirement.extras) or package_name(requirement) in UNVERSIONED
    if not named:
        raise DensebenchError(f"{token!r}{place} has no version. Right would be {token}==2.20.0, with its version.")
    return requirement


def _refuse_relatives(requirements: Sequence[Requirement], word: str) -> None:
    """Refuse two distributions of the same import package.

    Raises:
        DensebenchError: there are two.
    """
    seen: dict[tuple[str, ...], Requirement] = {}
    for requirement in requirements:
        family = family_of(package_name(requirement))
        if family in seen:
            raise DensebenchError(
                f"{str(requirement)!r} in {word!r} is the same package as {str(seen[family])!r}: name one of them."
            )
        seen[family] = requirement


def package_name(requirement: Requirement) -> str:
    """The package of a requirement, as registries spell it."""
    return canonicalize_name(requirement.name)


def family_of(name: str) -> tuple[str, ...]:
    """The distributions that own the same import package as this one, itself included."""
    return next((family for family in FAMILIES if name in family), (name,))
