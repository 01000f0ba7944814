"""Measuring anew whatever is published: the commands that the pinned runs have stored, one after the other."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DensebenchError, unknown_name
from bench.files import ROOT, short, write_atomically
from bench.records.cases import DEFAULT_BACKEND
from bench.records.run_file import ENDING, run_file_name, run_paths
from bench.report.registry import KINDS, Shown

if TYPE_CHECKING:
    from bench.records.record import Run

STATE = "measured.json"
"""In the folder of the user's own results: the commands that are done, and the runs that each has made."""
SUITE_ENVIRONMENT = "bench"
OWN_ENVIRONMENTS = ("trainers", "runtimes")
"""Kinds whose tox environment has their own name."""


@dataclass(frozen=True, slots=True)
class Part:
    """One command that made published runs, and the tox environment that it needs."""

    kind: str
    environment: str
    command: str

    @property
    def words(self) -> list[str]:
        """The command as tox runs it in the environment; it begins anew what was added to a stored file."""
        words = [word for word in shlex.split(self.command) if not word.startswith("--resume=")]
        return ["exec", "-e", self.environment, "--", *(["python", "-m"] if words[0] == "pytest" else []), *words]


def plan(shown: Shown, kinds: Sequence[str]) -> list[Part]:
    """The commands that measure anew what is published, in the order of the kinds; all kinds where none is named.

    Raises:
        DensebenchError: a kind is unknown, or none of its runs is published.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise unknown_name("kind of run", kind, KINDS)
    wanted = kinds or [kind for kind in KINDS if shown.candidates[kind]]
    parts = [Part(kind, _environment(kind, run), run.command) for kind in wanted for run in shown.candidates[kind]]
    if not parts:
        raise DensebenchError(f"no run of {', '.join(kinds) or 'any kind'} is published: there is nothing to measure.")
    return list({part.command: part for part in reversed(parts)}.values())[::-1]


def measure(
    parts: Sequence[Part], results: Path, tell: Callable[[str], None], run: Callable[[Sequence[str]], int] | None = None
) -> list[str]:
    """Run each part that is not done, and note what it made: the names of all runs that may be published now.

    Args:
        parts: from `plan`.
        results: the user's own results, which the runs go to.
        tell: prints a line.
        run: runs tox with these words; its exit status.

    Raises:
        DensebenchError: a part made no run; those before it are noted, and the next call goes on.
    """
    state = results / STATE
    done = _read_state(state)
    for number, part in enumerate(parts, start=1):
        title = f"[{number}/{len(parts)}] {part.kind}: {part.command}"
        if part.command in done:
            tell(f"{title}: measured already")
            continue
        tell(f"{title}: tox -e {part.environment}")
        before = _stored(results)
        status = (run or _tox)(part.words)
        made = sorted(_stored(results) - before)
        if not made:
            raise DensebenchError(
                f"`{part.command}` ended with status {status} and stored no run. Say it again to go on."
            )
        done[part.command] = made
        results.mkdir(parents=True, exist_ok=True)
        write_atomically(state, json.dumps(done, indent=1).encode())
    return [name for part in parts for name in done[part.command]]


def forget(results: Path) -> None:
    """Forget what was measured, once it is published."""
    (results / STATE).unlink(missing_ok=True)


def _environment(kind: str, run: Run) -> str:
    if kind in OWN_ENVIRONMENTS:
        return kind
    return SUITE_ENVIRONMENT if run.backend == DEFAULT_BACKEND else run.backend


def _read_state(path: Path) -> dict[str, list[str]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DensebenchError(f"{short(path)}: {error}. Delete it to measure everything anew.") from error
    if not isinstance(known, Mapping):
        raise DensebenchError(f"{short(path)}: an object is expected. Delete it to measure everything anew.")
    return {str(command): [str(name) for name in names] for command, names in known.items()}


def _stored(results: Path) -> set[str]:
    return {run_file_name(path).removesuffix(ENDING) for path in run_paths(results / "raw")}


def _tox(words: Sequence[str]) -> int:
    """Run tox; its exit status."""
    tox = [found] if (found := shutil.which("tox")) else [sys.executable, "-m", "tox"]
    return subprocess.run([*tox, *words], cwd=ROOT, check=False).returncode
