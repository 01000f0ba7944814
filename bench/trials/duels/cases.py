"""The cases that a duel can measure, and how they are chosen by name."""

from __future__ import annotations

import re

from bench.errors import DensebenchError, unknown_name
from bench.inference.onnx_session import BATCH_SIZES
from bench.records.duels import Case
from models import RECIPES

DEFAULT_CASES = (
    "train[deep_mlp]",
    "train[deep_mlp,compiled]",
    "infer[deep_mlp,batch=1,threads=1]",
    "infer[deep_mlp,batch=1000,threads=1]",
)


def known_cases(threads: int) -> dict[str, Case]:
    """Every case by name, in display order, where `threads` CPU threads may be used."""
    cases: list[Case] = []
    for recipe in RECIPES.values():
        plain = "fit" if recipe.framework == "keras" else "scikit-learn"
        batch_size = recipe.training.batch_size
        cases.append(Case(f"train[{recipe.name}]", "train", recipe.name, plain, batch_size, threads))
        if recipe.framework == "keras":
            name = f"train[{recipe.name},compiled]"
            cases.append(Case(name, "train", recipe.name, "compiled", batch_size, threads))
        for size in BATCH_SIZES:
            for count in sorted({1, threads}):
                name = f"infer[{recipe.name},batch={size},threads={count}]"
                cases.append(Case(name, "infer", recipe.name, plain, size, count))
    return {case.name: case for case in cases}


def select_cases(text: str | None, threads: int) -> list[Case]:
    """The cases that the user named, in display order.

    Args:
        text: names or patterns with ``*`` and ``?``, with commas between them; brackets stand for themselves.
            ``None``: the small set that fits into the default budget.
        threads: as for `known_cases`.

    Raises:
        DensebenchError: a name or a pattern fits no case.
    """
    known = known_cases(threads)
    wanted: set[str] = set()
    for pattern in DEFAULT_CASES if text is None else _split(text):
        fitting = {name for name in known if _pattern(pattern).fullmatch(name)}
        if not fitting:
            raise unknown_name("case", pattern, known)
        wanted |= fitting
    return [case for name, case in known.items() if name in wanted]


def _split(text: str) -> list[str]:
    """The parts between commas that stand outside brackets."""
    parts = [part.strip() for part in re.split(r",(?![^\[]*\])", text)]
    if not any(parts):
        raise DensebenchError(f"--cases {text!r} names no case. 'train[deep_mlp]' does, and so does 'infer*batch=1,*'.")
    return [part for part in parts if part]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))
