"""The flame graphs of explanations as files: one for each case that was profiled on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.files import write_changed
from bench.records.explanations import profiled
from bench.records.trials import BASE, HEAD
from bench.report.flame import flame_svg
from bench.report.pages.explanation import FLAMES, flame_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.records.trials import StoredTrial


def make_flames(trials: Sequence[StoredTrial]) -> dict[str, bytes]:
    """The flame graphs of explanations by the names of their files."""
    return {
        flame_name(trial, case): flame_svg(base.stacks_s, head.stacks_s, _title(trial, case)).encode()
        for trial in trials
        for case, (base, head) in profiled(trial).items()
    }


def write_flames(results: Path, trials: Sequence[StoredTrial]) -> list[str]:
    """Write the flame graphs of explanations; the lines that say so. Raises OSError."""
    return write_changed(results / FLAMES, make_flames(trials))


def check_flames(results: Path, trials: Sequence[StoredTrial]) -> Iterator[str]:
    """Yield a line for each flame graph that is missing, has no run, or is not what the pinned runs give."""
    expected = make_flames(trials)
    for name in sorted({*expected, *(path.name for path in (results / FLAMES).glob("*.svg"))}):
        path = results / FLAMES / name
        if name not in expected:
            yield f"{path}: no pinned run says what it shows"
        elif not path.exists() or path.read_bytes() != expected[name]:
            yield f"{path}: it is not what the pinned runs give"


def _title(trial: StoredTrial, case: str) -> str:
    return f"{case}: {trial.environment(BASE).word} to {trial.environment(HEAD).word}"
