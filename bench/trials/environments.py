"""Environments to measure: what the user calls one becomes an interpreter that has it, and its variables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import DensebenchError
from bench.files import ROOT
from bench.host.process import side_environment
from bench.trials.plans import COMPLETE, PYTHON, Plan, Run, find_program, make_plan, run_quietly
from bench.trials.words import RIGHT, parse_word


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment that is measured.

    Attributes:
        word: what the user called it.
        python: its interpreter.
        variables: what the measured process has set beside what this process has.
        requirements: all that was asked to be installed, the nightlies with their versions; empty where the user's own
            environment or one of tox is used.
    """

    word: str
    python: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()

    def process_variables(self) -> dict[str, str]:
        """All environment variables for a measured process."""
        return {**side_environment(), **self.variables}


def find_environment(
    word: str, *, python: str | None = None, copy: bool = False, root: Path = ROOT, run: Run = run_quietly
) -> Environment:
    """The environment that a word names; it is made where there is none.

    What the user names comes with what a worker imports, at the locked versions, TensorFlow included where the user
    names none; and never with a second distribution of the same import package. uv takes pre-releases without being
    told to where a package has nothing else that fits: a nightly, ``tensorflow==2.22.0rc0``, and what these require.

    tf_keras requires the full ``tensorflow``: beside it, ``tensorflow-cpu`` becomes ``tensorflow`` with the same
    specifier. ``TF_USE_LEGACY_KERAS=1`` without tf_keras adds the tf_keras of the same minor release.

    Args:
        word: as the module says.
        python: the version of Python (``3.12``) of an environment that is installed; this interpreter's where not
            given. `choose_python` finds one.
        copy: the same distributions installed a second time, as files of their own, in another folder, whose path is
            longer; for trials of an environment against itself.
        root: the checkout.
        run: runs a command that looks up or makes an environment.

    Raises:
        DensebenchError: the word is not understood, there is no such interpreter, or the environment could not be made.
    """
    parsed = parse_word(word)
    requirements: tuple[str, ...] = ()
    if parsed.kind == "path":
        interpreter = find_interpreter(Path(parsed.base).expanduser())
    elif parsed.kind == "tox":
        interpreter = _from_tox(parsed.base, root, run)
    else:
        plan = make_plan(parsed, python or PYTHON, run)
        requirements = (*map(str, plan.locked()), *plan.lines)
        interpreter = _made(word, plan, run)
    if copy:
        interpreter = _made(word, _second(interpreter, run), run)
    return Environment(word, interpreter, parsed.variables, requirements)


def missing_environments(
    words: Iterable[str], *, pythons: Mapping[str, str] | None = None, root: Path = ROOT, run: Run = run_quietly
) -> list[Path]:
    """The folders of the environments that `find_environment` will make for these words, each once.

    Args:
        words: what the user calls them.
        pythons: the version of Python for each word, as `choose_python` gives it.
        root: the checkout.
        run: runs a command that looks up the version of a nightly that is named alone.

    Raises:
        DensebenchError: a word is not understood, or a nightly's version cannot be looked up.
    """
    folders: dict[Path, None] = {}
    for parsed in map(parse_word, words):
        if parsed.kind == "path":
            continue
        if parsed.kind == "tox":
            folder = root / ".tox" / parsed.base
            there = folder / "bin" / "python"
        else:
            folder = make_plan(parsed, (pythons or {}).get(parsed.text, PYTHON), run).folder
            there = folder / COMPLETE
        if not there.exists():
            folders[folder] = None
    return list(folders)


def _made(word: str, plan: Plan, run: Run) -> Path:
    """The interpreter of an environment in the user's cache, made anew unless an earlier one was completed.

    Raises:
        DensebenchError: it could not be made.
    """
    folder = plan.folder
    python = folder / "bin" / "python"
    if (folder / COMPLETE).exists():
        return python
    uv = find_program("uv")
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--quiet", "--compile-bytecode", "--python", str(python)]
    alone = ["--no-deps", "--link-mode", "copy"] if plan.alone else []
    try:
        run([*uv, "venv", "--quiet", "--python", plan.python, str(folder)])
        run([*uv, "pip", "install", *options, *alone, "-r", *plan.write(folder)])
    except DensebenchError as error:
        raise DensebenchError(f"environment {word!r} could not be installed: {error}") from error
    (folder / COMPLETE).write_text(plan.text, encoding="utf-8")
    return python


def _second(python: Path, run: Run) -> Plan:
    """What makes another environment with the same Python and the same distributions."""
    lines = run([*find_program("uv"), "pip", "freeze", "--python", str(python)]).splitlines()
    return Plan(str(python), f"{python.parent.parent.name}-a-second-time", tuple(lines), alone=True)


def find_interpreter(path: Path) -> Path:
    """The interpreter at a path, or in the virtual environment there. Raises DensebenchError."""
    # Not resolved: an environment's interpreter is a link, and knows its environment by the link's own path.
    python = Path(os.path.abspath(path / "bin" / "python" if path.is_dir() else path))  # noqa: PTH100  as above
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise DensebenchError(f"{path} is no Python interpreter and no virtual environment that has one.")
    return python


def _from_tox(name: str, root: Path, run: Run) -> Path:
    python = root / ".tox" / name / "bin" / "python"
    if not python.exists():
        tox = find_program("tox")
        try:
            run([*tox, "-e", name, "--notest"])
        except DensebenchError as error:
            raise DensebenchError(f"environment {name!r}: {error} {RIGHT} `tox list` shows tox's.") from error
    if not python.exists():
        raise DensebenchError(f"environment {name!r}: tox made no {python.relative_to(root)}.")
    return python
