"""The sides of a duel: what the user calls BASE or HEAD becomes a Python interpreter that has it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from bench.errors import DensebenchError
from bench.files import ROOT
from bench.trials.environments import find_interpreter, find_program, run_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LOCK = ROOT / "bench" / "locks" / "bench.txt"
REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)(\[[^]]*\])?\s*(===?|~=|!=|<=?|>=?)\s*\S+")
EQUAL = ("onnxruntime", "scikit-learn", "tf2onnx", "skl2onnx", "tabulate", "platformdirs")
"""What TensorFlow forces no version of: every side built here has the locked one."""
FREE = ("onnx>=1.17,!=1.19.0", "numpy")
TENSORFLOW = ("tensorflow", "tensorflow-cpu")
COMPLETE = "densebench-complete"
"""A file that an environment has once all of it was installed."""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a duel.

    Attributes:
        word: what the user called it.
        python: its interpreter.
    """

    word: str
    python: Path


def find_side(word: str, *, root: Path = ROOT, run: Callable[[Sequence[str]], object] = run_quietly) -> Side:
    """The side that a word names; its environment is made where there is none.

    Args:
        word: a path to an interpreter or to a virtual environment, a requirement (``tensorflow==2.20.0``), or the name
            of a tox environment (``tf219``), in this order.
        root: the checkout.
        run: runs a command that makes an environment.

    Raises:
        DensebenchError: there is no such interpreter, or the environment could not be made.
    """
    if REQUIREMENT.fullmatch(word):
        return Side(word, _from_requirement(word, run))
    if os.sep in word:
        return Side(word, find_interpreter(Path(word).expanduser()))
    return Side(word, _from_tox(word, root, run))


def missing_environments(words: Iterable[str], *, root: Path = ROOT) -> list[Path]:
    """The folders of the environments that `find_side` will make for these words, each once."""
    folders: dict[Path, None] = {}
    for word in words:
        if REQUIREMENT.fullmatch(word):
            folder = _requirement_folder(word, [word, *_beside(word)])
            there = folder / COMPLETE
        elif os.sep not in word:
            folder = root / ".tox" / word
            there = folder / "bin" / "python"
        else:
            continue
        if not there.exists():
            folders[folder] = None
    return list(folders)


def _from_tox(name: str, root: Path, run: Callable[[Sequence[str]], object]) -> Path:
    python = root / ".tox" / name / "bin" / "python"
    if not python.exists():
        tox = find_program("tox")
        try:
            run([*tox, "-e", name, "--notest"])
        except DensebenchError as error:
            raise DensebenchError(
                f"side {name!r}: {error} A side is a tox environment (`tox list` shows them), a requirement "
                f"(tensorflow==2.20.0) or a path to a Python interpreter (with a / in it)."
            ) from error
    if not python.exists():
        raise DensebenchError(f"side {name!r}: tox made no {python.relative_to(root)}.")
    return python


def _from_requirement(requirement: str, run: Callable[[Sequence[str]], object]) -> Path:
    """The interpreter of an environment in the user's cache, made anew unless an earlier one was completed."""
    wanted = [requirement, *_beside(requirement)]
    folder = _requirement_folder(requirement, wanted)
    python = folder / "bin" / "python"
    if not (folder / COMPLETE).exists():
        uv = find_program("uv")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            run([*uv, "venv", "--quiet", "--python", PYTHON, str(folder)])
            run([*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *wanted])
        except DensebenchError as error:
            raise DensebenchError(f"side {requirement!r} could not be installed: {error}") from error
        (folder / COMPLETE).write_text("\n".join(wanted), encoding="utf-8")
    return python


def _requirement_folder(requirement: str, wanted: Sequence[str]) -> Path:
    """Where the environment of a requirement lies: another one for each Python, and whenever the lock changes."""
    digest = hashlib.sha256("\n".join([PYTHON, *wanted]).encode()).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", requirement)
    return platformdirs.user_cache_path("densebench") / "environments" / f"{name}-py{PYTHON}-{digest}"


def _beside(requirement: str) -> list[str]:
    """What else a side built from one requirement needs: the lock's lines, but not of what it names itself."""
    match = REQUIREMENT.fullmatch(requirement)
    named = match[1].lower() if match else ""
    wanted = [*EQUAL, *(() if named in TENSORFLOW else TENSORFLOW)]
    lines = [line.strip() for line in LOCK.read_text(encoding="utf-8").splitlines()]
    locked = [line for line in lines if _name(line) in wanted and _name(line) != named]
    return [*locked, *(words for words in FREE if _name(words) != named)]


def _name(requirement: str) -> str:
    """The package of a requirement or of a lock's line."""
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower()
