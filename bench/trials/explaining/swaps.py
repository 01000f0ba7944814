"""What may be swapped in an environment, one thing at a time: a package that is another version there, or a flag."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.host.process import run_to_end
from bench.trials.environments import find_environment
from bench.trials.plans import word_parts
from bench.trials.words import family_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.records.cases import Case
    from bench.trials.environments import Environment

PACKAGES = ("keras", "numpy")
"""Packages that may be swapped alone; TensorFlow itself is what is asked about."""
NIGHTLY_OF = {"keras-nightly": "keras"}
FLAGS = (
    "TF_ENABLE_ONEDNN_OPTS=0",
    "TF_USE_LEGACY_KERAS=1",
    "XLA_FLAGS=--xla_cpu_use_thunk_runtime=false",
    "XLA_FLAGS=--xla_cpu_use_fusion_emitters=false",
    "XLA_FLAGS=--xla_cpu_enable_concurrency_optimized_scheduler=false",
)
"""Environment variables that turn off what releases have turned on."""
PROBE = """
import tensorflow as tf
tf.function(lambda: tf.random.stateless_uniform((8, 8), (1, 2)) @ tf.ones((8, 8)), jit_compile=True)()
tf.keras.Sequential([tf.keras.layers.Dense(1)])(tf.ones((1, 2)))
"""
"""Ends badly where a flag is unknown, or what it asks for is not there."""
PROBE_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Swap:
    """An environment that differs from another in one thing.

    Attributes:
        what: the requirement or the variable that is put in.
        word: the whole environment, as `find_environment` takes it.
    """

    what: str
    word: str

    def may_change(self, case: Case) -> bool:
        """Whether it can change how long a case takes: XLA's flags change what XLA compiles."""
        return case.trainer == "compiled" or not self.what.startswith("XLA_FLAGS=")


def possible_swaps(
    base: Environment, head: Environment, cases: Sequence[Case], more: Sequence[str] = (), *, named: bool = False
) -> list[Swap]:
    """What can be swapped in the second environment: what it names otherwise than the first, packages for the versions
    of the first, flags, and what the user names; all that can change one of the cases.

    Args:
        base: the first environment.
        head: the second.
        cases: what is measured.
        more: requirements and variables that the user names.
        named: only these, and what the two environments name otherwise.

    Raises:
        DensebenchError: the second is no set of requirements, so that nothing can be swapped.
    """
    parts = word_parts(head.word)
    wanted = list(more)
    if not named:
        old, new = (installed_versions(one.python) for one in (base, head))
        packages = [f"{name}=={old[name]}" for name in PACKAGES if name in old and old[name] != new.get(name)]
        wanted = [*packages, *(flag for flag in FLAGS if flag.partition("=")[0] not in parts), *more]
    swaps = [*taken_back(base, parts), *(Swap(one, _with(parts, one)) for one in wanted)]
    return [swap for swap in {one.what: one for one in swaps}.values() if any(map(swap.may_change, cases))]


def taken_back(base: Environment, parts: Mapping[str, str]) -> list[Swap]:
    """What an environment's word names otherwise than the first one's, as it is there, one at a time."""
    try:
        before = word_parts(base.word)
    except DensebenchError:
        return []
    names = [name for name in {**before, **parts} if name not in family_of("tensorflow")]
    differing = [name for name in names if before.get(name) != parts.get(name)]
    return [
        Swap(before[name], _with(parts, before[name]))
        if name in before
        else Swap(f"no {parts[name]}", " ".join(part for key, part in parts.items() if key != name))
        for name in differing
    ]


def usable(
    swaps: list[Swap],
    python: str | None,
    tell: Callable[[str], None],
    find: Callable[..., Environment] = find_environment,
) -> Iterator[Swap]:
    """Yield the swaps that can be installed and run; of the others the reason is told."""
    for swap in swaps:
        try:
            environment = find(swap.word, python=python)
            run_to_end(
                [str(environment.python), "-c", PROBE],
                swap.what,
                timeout_s=PROBE_TIMEOUT_S,
                environment=environment.process_variables(),
            )
        except DensebenchError as error:
            tell(f"left out: {swap.what}: {str(error).rpartition(' / ')[2]}")  # the last line that it wrote
            continue
        yield swap


def installed_versions(python: Path) -> dict[str, str]:
    """The version of each distribution beside an interpreter, nightlies by the name of what they are of."""
    found: dict[str, str] = {}
    for folder in python.parent.parent.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        plain = re.sub(r"[-_.]+", "-", name).lower()
        found[NIGHTLY_OF.get(plain, plain)] = version
    return found


def _with(parts: Mapping[str, str], what: str) -> str:
    """The environment's word with one requirement or variable put in, in place of another of its name or family."""
    name = re.split(r"[=<>!~]", what, maxsplit=1)[0]
    kept = [one for key, one in parts.items() if key not in family_of(name)]
    return " ".join([*kept, what])
