"""What is installed for an environment: requirements and lock files completed, resolved, and given a folder."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bench.errors import DensebenchError
from bench.files import ROOT
from bench.host.process import run_to_end
from bench.trials.words import NIGHTLIES, Word, family_of, package_name, parse_word

Run = Callable[[Sequence[str]], str]
"""Runs a command that looks up or makes an environment; its standard output."""
LOCK = ROOT / "bench" / "locks" / "bench.txt"
INSTALL_TIMEOUT_S = 1800.0
SHOWN_WORDS = 4
COMPLETE = "densebench-complete"
"""A file that an environment has once all of it was installed: what was."""
REQUIREMENTS, OVERRIDES = "densebench-requirements.txt", "densebench-overrides.txt"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = ("3.13", "3.12", "3.11", "3.10")

EQUAL = ("onnxruntime", "scikit-learn", "tf2onnx", "skl2onnx", "tabulate", "platformdirs", "pytest-benchmark")
"""What TensorFlow forces no version of: every environment made here has the locked one."""
FREE = ("onnx>=1.17,!=1.19.0", "numpy")
TENSORFLOW = ("tensorflow", "tensorflow-cpu")
DEPENDENCIES = ("tensorflow", "tf-nightly", "keras", "keras-nightly", "onnxruntime", "onnx")
"""Of the families: what other packages require, and so bring along beside a relative that the user has named."""
LEGACY_KERAS = "TF_USE_LEGACY_KERAS"
LEGACY_VALUES = ("1", "true", "True")
"""The values of `LEGACY_KERAS` that TensorFlow takes for a yes."""
FIRST_WITHOUT_LEGACY_KERAS = (2, 15)
"""The first release that looks for tf_keras where `LEGACY_KERAS` is set, rather than having it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is installed into an environment of the cache.

    Attributes:
        python: what it is made with, as uv takes it: a version or an interpreter.
        name: how its folder's name begins.
        lines: requirements, one each.
        lock: a file of further ones.
        overrides: keep out what other packages would bring along beside its relative.
        alone: whether `lines` is everything, what these require included; its files are no links to other ones.
    """

    python: str
    name: str
    lines: tuple[str, ...]
    lock: Path | None = None
    overrides: tuple[str, ...] = ()
    alone: bool = False

    @property
    def text(self) -> str:
        """All that decides what is installed."""
        lock = [self.lock.read_text(encoding="utf-8")] if self.lock else []
        return "\n".join([self.python, *self.lines, *lock, *self.overrides])

    @property
    def folder(self) -> Path:
        """Where the environment lies: elsewhere for another Python, and whenever the lock changes."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:12]
        return platformdirs.user_cache_path("densebench") / "environments" / f"{_slug(self.name)}-{digest}"

    def locked(self) -> list[Requirement]:
        """The requirements of the lock file."""
        return read_lock(self.lock, self.python) if self.lock else []

    def write(self, folder: Path) -> list[str]:
        """Write the requirements into a folder; the words that make uv read them."""
        wanted, overrides = folder / REQUIREMENTS, folder / OVERRIDES
        lock = [f"-r {self.lock}"] if self.lock else []
        wanted.write_text("".join(f"{line}\n" for line in [*lock, *self.lines]), encoding="utf-8")
        overrides.write_text("".join(f"{line}\n" for line in self.overrides), encoding="utf-8")
        return [str(wanted), "--overrides", str(overrides)]


def run_quietly(command: Sequence[str]) -> str:
    """Run a command that looks up or makes an environment; its standard output.

    Raises:
        DensebenchError: it is missing, failed or took too long; with the last lines that it wrote.
    """
    dots = " …" if len(command) > SHOWN_WORDS else ""
    return run_to_end(command, f"`{' '.join(command[:SHOWN_WORDS])}{dots}`", timeout_s=INSTALL_TIMEOUT_S)


def make_plan(parsed: Word, python: str, run: Run) -> Plan:
    """What is installed for a word; the newest version of what is named without one is looked up."""
    lock = Path(parsed.base).expanduser().resolve() if parsed.kind == "lock" else None
    named = _with_legacy_keras(parsed.requirements, parsed.variables, python)
    names = {package_name(one) for one in (read_lock(lock, python) if lock else named)}
    wanted = [*named, *_beside(names, python)]
    if not lock and "tf-keras" in names:
        wanted = [_full(one) for one in wanted]
    present = {*names, *map(package_name, wanted)}
    overrides = tuple(f"{name} ; python_version < '0'" for name in DEPENDENCIES if _is_unwanted(name, present))
    plan = _pinned(Plan(python, "", tuple(map(str, wanted)), lock, overrides), parsed.text, run)
    shown = [lock.stem] if lock else plan.lines[: len(named)]
    return replace(plan, name="-".join([*shown, f"py{python}"]))


def _is_unwanted(name: str, present: Iterable[str]) -> bool:
    """Whether a package would be a second owner of an import package that one of those present owns."""
    return name not in present and any(relative in present for relative in family_of(name))


def _pinned(plan: Plan, word: str, run: Run) -> Plan:
    """A plan with the newest version of what has none, or an environment would stay at its first day's nightly."""
    free = {package_name(Requirement(line)) for line in FREE}
    open_ones = [
        package_name(one) for one in map(Requirement, plan.lines) if not one.specifier and package_name(one) not in free
    ]
    if not open_ones:
        return plan
    try:
        versions = resolve(plan, run)
    except DensebenchError as error:
        raise DensebenchError(f"{word!r}: the newest {open_ones[0]} could not be looked up: {error}") from error
    lines = {package_name(Requirement(line)): line for line in plan.lines}
    pins = {name: f"{lines[name]}=={versions[name]}" for name in open_ones if name in versions}
    return replace(plan, lines=tuple((lines | pins).values()))


def _with_legacy_keras(
    named: Sequence[Requirement], variables: Mapping[str, str], python: str
) -> tuple[Requirement, ...]:
    """The requirements, and tf_keras where a variable asks for it and TensorFlow does not bring it along."""
    names = {package_name(one) for one in named}
    if not named or variables.get(LEGACY_KERAS) not in LEGACY_VALUES or names & set(family_of("tf-keras")):
        return tuple(named)
    (tensorflow,) = [
        *(one for one in named if package_name(one) in family_of("tensorflow")),
        *(one for one in _beside(names, python) if package_name(one) in TENSORFLOW),
    ]
    if package_name(tensorflow) in NIGHTLIES:
        return (*named, Requirement("tf-keras-nightly"))
    exact = [one.version for one in tensorflow.specifier if one.operator == "==" and "*" not in one.version]
    if not exact:
        return (*named, Requirement("tf-keras"))
    release = Version(exact[0])
    minor = (release.major, release.minor)
    if minor < FIRST_WITHOUT_LEGACY_KERAS:
        return tuple(named)
    return (*named, Requirement(f"tf-keras=={release.major}.{release.minor}.*"))


def _full(requirement: Requirement) -> Requirement:
    """The full TensorFlow instead of its CPU build; any other requirement as it is."""
    full = Requirement(str(requirement))
    if package_name(full) == "tensorflow-cpu":
        full.name = "tensorflow"
    return full


def _beside(names: Iterable[str], python: str) -> list[Requirement]:
    """What else an environment needs: the lock's lines and what is free, but not of what is named or its relatives."""
    taken = {relative for name in names for relative in family_of(name)}
    locked = [one for one in read_lock(LOCK, python) if package_name(one) in {*EQUAL, *TENSORFLOW}]
    return [one for one in (*locked, *map(Requirement, FREE)) if package_name(one) not in taken]


def word_parts(word: str) -> dict[str, str]:
    """The requirements and variables of a word, or of the lock file that it names, by package or variable.

    Packages that stand in for each other (keras-nightly for keras) are called by the first of their family.

    Raises:
        DensebenchError: it is an interpreter or an environment of tox, whose packages were not asked for by name.
    """
    parsed = parse_word(word)
    if parsed.kind in {"path", "tox"}:
        raise DensebenchError(f"{word!r} cannot be taken apart: requirements and lock files can.")
    named = read_lock(Path(parsed.base).expanduser(), PYTHON) if parsed.kind == "lock" else parsed.requirements
    parts = {family_of(package_name(one))[0]: str(one) for one in named}
    return parts | {name: f"{name}={value}" for name, value in parsed.variables.items()}


def read_lock(lock: Path, python: str) -> list[Requirement]:
    """The requirements of a lock file that apply to a version of Python on this machine."""
    version = {"python_version": python, "python_full_version": f"{python}.0"}
    found = []
    for text in lock.read_text(encoding="utf-8").splitlines():
        line = re.split(r"\s+(?:#|--|\\)", text.strip(), maxsplit=1)[0]
        if not line or line.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise DensebenchError(f"{lock}: {line!r} is no requirement. Right would be tensorflow==2.20.0.") from error
        if requirement.marker is None or requirement.marker.evaluate(version):
            requirement.marker = None
            found.append(requirement)
    return found


def newest_version(package: str, *, run: Run = run_quietly) -> str:
    """The newest version of a package that the registry has for this interpreter's version of Python.

    Raises:
        DensebenchError: it could not be looked up.
    """
    return resolve(Plan(PYTHON, package, (package,)), run)[canonicalize_name(package)]


def choose_python(words: Iterable[str], *, run: Run = run_quietly) -> dict[str, str]:
    """The version of Python (``3.11``) for each word that is installed from requirements or a lock file.

    It is the same for all where one has wheels of everything: this interpreter's, or else the newest. Where none has,
    each word gets the first one that it can be installed with, in the same order. An environment that is there already
    needs no look-up.

    Raises:
        DensebenchError: a word is not understood, or cannot be installed with any Python of this machine.
    """
    parsed = {word: parse_word(word) for word in words}
    installed = {word: one for word, one in parsed.items() if one.kind in {"requirements", "lock"}}
    if not installed:
        return {}
    pythons = _pythons(run)
    faults: dict[tuple[str, str], str] = {}
    for python in pythons:
        for word, one in installed.items():
            faults[word, python] = _fault(one, python, run)
        if not any(faults[word, python] for word in installed):
            return dict.fromkeys(installed, python)
    chosen = {}
    for word in installed:
        fitting = [python for python in pythons if not faults[word, python]]
        if not fitting:
            raise DensebenchError(
                f"{word!r} cannot be installed with any Python of this machine ({', '.join(pythons)}): "
                f"{faults[word, pythons[0]]}"
            )
        chosen[word] = fitting[0]
    return chosen


def _pythons(run: Run) -> list[str]:
    """The versions of Python that environments can be made with: this interpreter's, then the newest first."""
    listed = json.loads(run([*find_program("uv"), "python", "list", "--only-installed", "--output-format", "json"]))
    parts = [one["version_parts"] for one in listed if one["variant"] == "default"]
    found = {f"{part['major']}.{part['minor']}" for part in parts}
    return [PYTHON, *(python for python in PYTHONS if python in found and python != PYTHON)]


def _fault(parsed: Word, python: str, run: Run) -> str:
    """Why a word cannot be installed with a version of Python; empty where it can."""
    try:
        plan = make_plan(parsed, python, run)
        if not (plan.folder / COMPLETE).exists():
            resolve(plan, run)
    except DensebenchError as error:
        return str(error)
    return ""


def resolve(plan: Plan, run: Run) -> dict[str, str]:
    """The version of each package that would be installed, from wheels alone.

    Raises:
        DensebenchError: there are none that fit together.
    """
    options = ["--python-version", plan.python, "--only-binary", ":all:"]
    shown = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url"]
    with tempfile.TemporaryDirectory(prefix="densebench-") as folder:
        text = run([*find_program("uv"), "pip", "compile", *shown, *options, *plan.write(Path(folder))])
    pairs = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pairs}


def _slug(text: str) -> str:
    """A text as part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")


def find_program(name: str) -> list[str]:
    """The words that call tox or uv: the program, or the module beside this interpreter.

    Raises:
        DensebenchError: it is neither; the text says what installs it.
    """
    if found := shutil.which(name):
        return [found]
    if importlib.util.find_spec(name):
        return [sys.executable, "-m", name]
    raise DensebenchError(f"{name}, which makes environments, is not installed: `python3 -m pip install {name}`.")
