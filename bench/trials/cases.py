"""The cases that a trial can measure, by name."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from bench.errors import DensebenchError, unknown_name
from bench.records.cases import BATCH_SIZES, Case, case_name
from models import HEADLINE, RECIPES

TRAINERS = ("fit", "compiled")
CALL_BATCHES = (1,)
PREDICT_BATCHES = (32,)
DEFAULT_CASES = (f"*[[]{HEADLINE},*",)
"""Patterns of what is measured unless the user says otherwise."""
SEPARATOR = re.compile(r",(?![^\[]*\])")
"""A comma that is not within the brackets of a name."""


def known_cases(threads: int) -> dict[str, Case]:
    """Every case by name, in the order of tables.

    Args:
        threads: CPU threads of everything that is measured.
    """
    found = []
    for name, recipe in RECIPES.items():
        if recipe.framework == "keras":
            size = recipe.training.batch_size
            found += [
                Case(case_name("train", name, trainer=one), "train", name, one, size, threads) for one in TRAINERS
            ]
            for stage, sizes in (("call", CALL_BATCHES), ("predict", PREDICT_BATCHES)):
                found += [Case(case_name(stage, name, batch=one), stage, name, "fit", one, threads) for one in sizes]
        for size in BATCH_SIZES:
            case = case_name("infer", name, batch=size, threads=threads)
            found.append(Case(case, "infer", name, "fit", size, threads))
    return {case.name: case for case in found}


def select_cases(text: str | None, threads: int) -> list[Case]:
    """The cases that names or patterns choose, in the order of tables; the default ones without a text.

    Args:
        text: names or shell patterns with commas between; a bracket in a name stands for itself.
        threads: as for `known_cases`.

    Raises:
        DensebenchError: one of them chooses nothing.
    """
    known = known_cases(threads)
    patterns = [_pattern(word.strip()) for word in SEPARATOR.split(text) if word.strip()] if text is not None else []
    if text is not None and not patterns:
        raise DensebenchError(f"--cases {text!r} names no case. Known: {', '.join(known)}.")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise unknown_name("case", pattern.replace("[[]", "["), known)
    wanted = patterns or DEFAULT_CASES
    return [case for name, case in known.items() if any(fnmatchcase(name, pattern) for pattern in wanted)]


def _pattern(word: str) -> str:
    """A word as a shell pattern in which a bracket is a bracket."""
    return word.replace("[", "[[]")
