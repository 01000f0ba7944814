"""The cases that a duel can measure, and how they are chosen by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.errors import DensebenchError, unknown_name
from bench.records.cases import BATCH_SIZES, SCIKIT_LEARN, Case, case_name
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CASES = (
    "train[deep_mlp,trainer=fit]",
    "train[deep_mlp,trainer=compiled]",
    "infer[deep_mlp,batch=1,threads=1]",
    "infer[deep_mlp,batch=1000,threads=1]",
)


def known_cases(threads: int) -> dict[str, Case]:
    """Every case by name, in display order, where `threads` CPU threads may be used."""
    cases: list[Case] = []
    for recipe in RECIPES.values():
        plain = "fit" if recipe.framework == "keras" else SCIKIT_LEARN
        batch_size = recipe.training.batch_size
        for trainer in (plain, "compiled") if recipe.framework == "keras" else (plain,):
            name = case_name("train", recipe.name, trainer=trainer)
            cases.append(Case(name, "train", recipe.name, trainer, batch_size, threads))
        for size in BATCH_SIZES:
            for count in sorted({1, threads}):
                name = case_name("infer", recipe.name, batch=size, threads=count)
                cases.append(Case(name, "infer", recipe.name, plain, size, count))
    return {case.name: case for case in cases}


def select_cases(text: str | None, threads: int) -> list[Case]:
    """The cases that the user named, in display order.

    Args:
        text: names or patterns with ``*`` and ``?``, with commas between them; brackets stand for themselves.
            ``train[deep_mlp]``, as duels once called it, is a training by `fit`. ``None``: the small set that fits into
            the default budget.
        threads: as for `known_cases`.

    Raises:
        DensebenchError: a name or a pattern fits no case.
    """
    known = known_cases(threads)
    wanted: set[str] = set()
    for pattern in DEFAULT_CASES if text is None else _split(text):
        fitting = {name for name in known if _pattern(pattern).fullmatch(name)} or _older_name(pattern, known)
        if not fitting:
            raise unknown_name("case", pattern, known)
        wanted |= fitting
    return [case for name, case in known.items() if name in wanted]


def _older_name(pattern: str, known: Mapping[str, Case]) -> set[str]:
    """The case that had this name before names told the trainer by its key; none where it never was one."""
    model, _, trainer = pattern.removeprefix("train[").removesuffix("]").partition(",")
    return {
        name
        for name, case in known.items()
        if pattern.startswith("train[")
        and case.stage == "train"
        and case.recipe == model
        and case.trainer in ({trainer} if trainer else {"fit", SCIKIT_LEARN})
    }


def _split(text: str) -> list[str]:
    """The parts between commas that stand outside brackets."""
    parts = [part.strip() for part in re.split(r",(?![^\[]*\])", text)]
    if not any(parts):
        raise DensebenchError(
            f"--cases {text!r} names no case. 'train[deep_mlp,trainer=fit]' does, and so does 'infer*batch=1,*'."
        )
    return [part for part in parts if part]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))
