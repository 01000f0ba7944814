"""Selection of the stored run that is shown where none is pinned, by one rule for all kinds of runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.records.record import Run

COMMAND_WORDS = {"pytest": 3, "python": 4}
"""Words that name the command itself: `pytest bench/ --benchmark-only`, `python -m bench runtimes`."""
OTHER_PLACE = ("--dataset", "--device", "--backend", "--trainer", "--data-dir")
"""Options that measure all of it elsewhere or otherwise."""
OWN_MODEL = "--model"
"""The option that names models, of the user's own or of the ladder."""
FEWEST = {"--seeds": 3, "--rounds": 3, "--blocks": 5}
"""Options that repeat everything, and the repetitions below which a run is only part of one."""


def options(run: Run) -> list[tuple[str, str]]:
    """The options of a run's command with their values; words that are no options have an empty name."""
    try:
        words = shlex.split(run.command)
    except ValueError:
        return [("", run.command)]
    rest = words[COMMAND_WORDS.get(words[0], 0) if words else 0 :]
    found: list[tuple[str, str]] = []
    while rest:
        word = rest.pop(0)
        name, separator, value = word.partition("=")
        if not word.startswith("-"):
            found.append(("", word))
        elif separator or not rest or rest[0].startswith("-"):
            found.append((name, value))
        else:
            found.append((name, rest.pop(0)))
    return found


def has_own_models(run: Run) -> bool:
    """Whether a run has models in files of the user's own, so that it is shown on a page of its own."""
    return any(name == OWN_MODEL and value not in RECIPES for name, value in options(run))


def narrowed_by(run: Run) -> list[str]:
    """The reasons why a run is only part of what its command measures; empty if it is whole."""
    reasons = ["quick"] if run.quick else []
    reasons += [] if run.complete else ["interrupted"]
    reasons += [f"{len(run.missing)} planned rows are missing"] if run.missing else []
    unavailable = sum(record.status == "unavailable" for record in run.records)
    reasons += [f"{unavailable} rows need packages that were not there"] if unavailable else []
    for name, value in options(run):
        if name in OTHER_PLACE or name == "--quick":
            continue
        enough = FEWEST.get(name)
        if enough is None or not value.isdecimal() or int(value) < enough:
            reasons.append(f"{name} {value}".strip())
    return reasons


def is_whole(run: Run) -> bool:
    """True if a run holds all that its command measures."""
    return not narrowed_by(run)


def rank(run: Run) -> tuple[bool, bool, int, str]:
    """The sort key of a run: whole runs above parts, then without options, then with more valid rows, then newer.

    Rows count between parts only: of whole runs the newest ranks highest, whatever models or runtimes an older one has.
    """
    whole = is_whole(run)
    plain = all(name == "--dataset" for name, _ in options(run))
    valid = len({(row.recipe, row.stage, row.batch_size) for row in run.records if not row.faults})
    return whole, plain, 0 if whole else valid, run.started_at


def fullest(runs: Iterable[Run]) -> Run | None:
    """The run of highest rank: the newest whole one, or else the fullest part; ``None`` if there are no runs."""
    return max(runs, key=rank, default=None)
