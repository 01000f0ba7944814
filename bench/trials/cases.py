"""The cases that a trial can measure, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.errors import DensebenchError, unknown_name
from bench.inference.own_models.file import NONE, Models, batch_sizes
from bench.records.cases import BATCH_SIZES, Case, case_name
from models import HEADLINE, RECIPES

if TYPE_CHECKING:
    from bench.inference.own_models.file import ModelFile

TRAINERS = ("fit", "compiled")
CALL_BATCHES = (1,)
PREDICT_BATCHES = (32,)
BATCH_SIZE = 32
"""Of a training step of a user's model, as Keras's `fit` has it by default."""
DEFAULT_CASES = (f"*[[]{HEADLINE},*",)
"""Patterns of what is measured unless the user says otherwise."""
SEPARATOR = re.compile(r",(?![^\[]*\])")
"""A comma that is not within the brackets of a name."""


def known_cases(threads: int, files: Mapping[str, ModelFile] = MappingProxyType({})) -> dict[str, Case]:
    """Every case by name, in the order of tables.

    Args:
        threads: CPU threads of everything that is measured.
        files: the user's own models, by name.
    """
    found = []
    for name, recipe in RECIPES.items():
        if recipe.framework == "keras":
            found += _keras_cases(name, recipe.training.batch_size, threads)
        found += _infer_cases(name, BATCH_SIZES, threads)
    for name, file in files.items():
        if file.kind == "keras":
            found += _keras_cases(name, BATCH_SIZE, threads)
        found += _infer_cases(name, batch_sizes(file), threads)
    return {case.name: case for case in found}


def _keras_cases(name: str, batch_size: int, threads: int) -> list[Case]:
    """Training, direct calls and `predict` of a Keras model."""
    found = [Case(case_name("train", name, trainer=one), "train", name, one, batch_size, threads) for one in TRAINERS]
    for stage, sizes in (("call", CALL_BATCHES), ("predict", PREDICT_BATCHES)):
        found += [Case(case_name(stage, name, batch=one), stage, name, "fit", one, threads) for one in sizes]
    return found


def _infer_cases(name: str, sizes: Sequence[int], threads: int) -> list[Case]:
    """Calls of a graph in ONNX Runtime."""
    return [
        Case(case_name("infer", name, batch=size, threads=threads), "infer", name, "fit", size, threads)
        for size in sizes
    ]


def select_cases(text: str | None, threads: int, models: Models = NONE) -> list[Case]:
    """The cases that names or patterns choose, in the order of tables; the default ones without a text.

    Args:
        text: names or shell patterns with commas between; a bracket in a name stands for itself.
        threads: as for `known_cases`.
        models: those that the user named; without a text it is they that are measured.

    Raises:
        DensebenchError: one of them chooses nothing.
    """
    known = known_cases(threads, models.files)
    patterns = [_pattern(word.strip()) for word in SEPARATOR.split(text) if word.strip()] if text is not None else []
    if text is not None and not patterns:
        raise DensebenchError(f"--cases {text!r} names no case. Known: {', '.join(known)}.")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise unknown_name("case", pattern.replace("[[]", "["), known)
    wanted = patterns or ([f"*[[]{name},*" for name in models.names] or DEFAULT_CASES)
    return [case for name, case in known.items() if any(fnmatchcase(name, pattern) for pattern in wanted)]


def _pattern(word: str) -> str:
    """A word as a shell pattern in which a bracket is a bracket."""
    return word.replace("[", "[[]")
