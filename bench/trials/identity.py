"""What a measured process ran, told by itself, and whether it is what was asked for.

`describe_process` runs inside the measured interpreter, which may be an older Python than this project's and need have
nothing installed but what it measures. The rest runs in the parent.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from bench.trials.environments import Environment

Facts = Mapping[str, Any]
"""What `describe_process` tells; it survives JSON."""

IMPORTED = ("tensorflow", "keras", "numpy", "onnxruntime")
LEGACY_KERAS = "TF_USE_LEGACY_KERAS"
LEGACY_VALUES = ("1", "true", "True")
EDITABLE = re.compile(r"^__editable__|\.pth,", re.MULTILINE)


def describe_process(
    imported: Sequence[str] = IMPORTED, *, variables: Iterable[str] = (), load: bool = True
) -> dict[str, Any]:
    """What this process runs; run inside the measured interpreter.

    Args:
        imported: the import packages to describe; one that is not installed is left out.
        variables: the names of the environment variables to tell.
        load: whether to import what is not imported yet; otherwise it is told only what its files say.

    Returns:
        ``python``, ``build`` and ``platform``; ``variables``, by name, ``None`` for one that is not set;
        ``distributions``, the version by name of all that are installed; and ``packages``, by import package: its
        ``owners`` (version by distribution), its own ``version``, its ``file`` seen from the folder that it is
        installed in, or the ``error`` of its import. TensorFlow also has ``git_version``, ``compiler_version`` and
        ``keras``: the ``name`` and ``version`` of what `tf.keras` is.
    """
    found = _installed()
    packages = {}
    for name in imported:
        told = _describe_package(name, found, load=load)
        if told is not None:
            packages[name] = told
    return {
        "python": platform.python_version(),
        "build": f"{platform.python_implementation()}, {platform.python_compiler()}",
        "platform": platform.platform(),
        "variables": {name: os.environ.get(name) for name in variables},
        "distributions": {name: one.version for name, one in sorted(found.items())},
        "packages": packages,
    }


def check_identity(environment: Environment, facts: Facts) -> None:
    """Check that a process ran what was asked for; run in the parent.

    Args:
        environment: what was asked for.
        facts: what the process told of itself, asked for the environment's variables.

    Raises:
        DensebenchError: an import package has two owners, or cannot be imported; a distribution is missing or has
            another version than asked for; a module calls itself another version than its distribution; a variable is
            not set; or `tf.keras` is another one than was asked for.
    """
    from bench.errors import DensebenchError

    for fault in _faults(environment, facts):
        raise DensebenchError(f"environment {environment.word!r}: {fault}.")


def differing(facts_a: Facts, facts_b: Facts) -> dict[str, tuple[str | None, str | None]]:
    """What differs between two processes: the version in each, by package; ``None`` where one does not have it.

    An import package that another distribution owns in each stands under its own name, its versions with the
    distribution: ``tensorflow: (tensorflow-cpu 2.21.0, tf-nightly-cpu 2.22.0.dev20260905)``.
    """
    pairs: dict[str, tuple[str | None, str | None]] = {
        "Python": (facts_a["python"], facts_b["python"]),
        "Python's build": (facts_a["build"], facts_b["build"]),
    }
    told: set[str] = set()
    for package in {**facts_a["packages"], **facts_b["packages"]}:
        a, b = (facts["packages"].get(package, {}) for facts in (facts_a, facts_b))
        owners_a, owners_b = a.get("owners", {}), b.get("owners", {})
        if set(owners_a) != set(owners_b):
            pairs[package] = (_listed(owners_a), _listed(owners_b))
            told |= {*owners_a, *owners_b}
        pairs[f"{package}'s source"] = (a.get("git_version"), b.get("git_version"))
        pairs[f"{package}'s compiler"] = (a.get("compiler_version"), b.get("compiler_version"))
        keras_a, keras_b = _told_keras(a), _told_keras(b)
        if keras_a[:1] != keras_b[:1]:
            pairs[f"{package}'s Keras"] = (" ".join(keras_a) or None, " ".join(keras_b) or None)
    distributions_a, distributions_b = facts_a["distributions"], facts_b["distributions"]
    for name in sorted({*distributions_a, *distributions_b} - told):
        pairs[name] = (distributions_a.get(name), distributions_b.get(name))
    return {name: (a, b) for name, (a, b) in pairs.items() if a != b}


def owners_text(told: Facts) -> str:
    """The distributions that an import package comes from, with their versions."""
    return ", ".join(f"{name} {version}" for name, version in told["owners"].items()) or f"none {told['version']}"


def build_facts(tensorflow: Facts) -> dict[str, str | None]:
    """What TensorFlow says that it was built from and with, and which Keras it has."""
    keras = tensorflow.get("keras") or {}
    return {
        "TensorFlow's source": tensorflow.get("git_version"),
        "TensorFlow's compiler": tensorflow.get("compiler_version"),
        "tf.keras": f"{keras.get('name')} {keras.get('version')}",
    }


def canonical(name: str) -> str:
    """A distribution's name as registries spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed() -> dict[str, metadata.Distribution]:
    """Every distribution by its name; of two with one name, the one that is imported from."""
    found: dict[str, metadata.Distribution] = {}
    for one in metadata.distributions():
        if "Name" in one.metadata:
            found.setdefault(canonical(one.metadata["Name"]), one)
    return found


def _owns(one: metadata.Distribution, package: str) -> bool:
    """Whether a distribution holds an import package.

    Not by `metadata.packages_distributions`, which Python 3.9 lacks and 3.10 fills only for those that have a
    top_level.txt; where that stands beside a list of files without the package, as on systems where `tensorflow`
    only requires another build, the list is right.
    """
    files = one.read_text("RECORD")
    if files:
        start = re.escape(package)
        if re.search(rf"^{start}(/__init__\.(py|\S*\.(so|pyd))|\.(py|\S*\.so|\S*\.pyd)),", files, re.MULTILINE):
            return True
        if not EDITABLE.search(files):
            return False
    return package in (one.read_text("top_level.txt") or "").split()


def _describe_package(name: str, found: Mapping[str, metadata.Distribution], *, load: bool) -> dict[str, Any] | None:
    """An import package as `describe_process` tells it; ``None`` where there is none."""
    owners = {owner: one.version for owner, one in sorted(found.items()) if _owns(one, name)}
    module = sys.modules.get(name)
    if module is None:
        spec = importlib.util.find_spec(name)
        if spec is None:
            return None
        if not load:
            return {"owners": owners, "version": None, "file": _from_site(spec.origin)}
        try:
            module = importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  whatever a package raises is a fact about it
            return {"owners": owners, "version": None, "file": _from_site(spec.origin), "error": _first_line(error)}
    told = {
        "owners": owners,
        "version": getattr(module, "__version__", None),
        "file": _from_site(getattr(module, "__file__", None)),
    }
    return {**told, **_describe_tensorflow(module, found, load=load)} if name == "tensorflow" else told


def _from_site(file: str | None) -> str | None:
    """A file's path from the folder on `sys.path` that it is in, the innermost; the whole path where it is in none."""
    if file is None:
        return None
    folders = [Path(entry or os.curdir).resolve() for entry in sys.path]
    inside = [folder for folder in folders if folder in Path(file).resolve().parents]
    if not inside:
        return file
    return Path(file).resolve().relative_to(max(inside, key=lambda folder: len(folder.parts))).as_posix()


def _describe_tensorflow(
    module: ModuleType, found: Mapping[str, metadata.Distribution], *, load: bool
) -> dict[str, Any]:
    """What TensorFlow was built from and with, and which Keras it has, where that may be loaded."""
    versions = getattr(module, "version", None)
    told = {
        "git_version": getattr(versions, "GIT_VERSION", None),
        "compiler_version": getattr(versions, "COMPILER_VERSION", None),
    }
    if load or "keras" in sys.modules or "tf_keras" in sys.modules:
        told["keras"] = _describe_keras(module, found)
    return told


def _describe_keras(tensorflow: ModuleType, found: Mapping[str, metadata.Distribution]) -> dict[str, Any]:
    """The import package that `tf.keras` comes from, and its version; TensorFlow's own where it is built in."""
    try:
        name = tensorflow.keras.Model.__module__.partition(".")[0]
    except Exception as error:  # noqa: BLE001  RecursionError where Keras is missing; whatever it is, it is told
        return {"name": None, "version": None, "error": _first_line(error)}
    owner = next((one.version for one in found.values() if _owns(one, name)), None)
    return {"name": name, "version": getattr(sys.modules.get(name), "__version__", owner)}


def _first_line(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"


def _faults(environment: Environment, facts: Facts) -> Iterable[str]:
    """What is not as it was asked for, one text each."""
    yield from _owner_faults(facts)
    yield from _requirement_faults(environment.requirements, facts["distributions"])
    yield from _module_faults(environment.requirements, facts)
    yield from _variable_faults(environment.variables, facts["variables"])
    yield from _keras_faults(environment.variables, facts["packages"].get("tensorflow", {}))


def _owner_faults(facts: Facts) -> Iterable[str]:
    """Import packages with two owners, whose files have overwritten one another."""
    for package, told in facts["packages"].items():
        if len(told["owners"]) > 1:
            found = " and ".join(f"{name} {version}" for name, version in told["owners"].items())
            yield f"{package}: asked for one distribution that holds it, found {found}"


def _requirement_faults(requirements: Iterable[str], distributions: Mapping[str, str]) -> Iterable[str]:
    """Distributions that are missing or of another version than was asked for."""
    from packaging.requirements import Requirement

    for requirement in map(Requirement, requirements):
        found = distributions.get(canonical(requirement.name))
        if found is None:
            yield f"{requirement.name}: asked for {requirement}, found none"
        elif not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name}: asked for {requirement}, found {found}"


def _module_faults(requirements: Iterable[str], facts: Facts) -> Iterable[str]:
    """Modules that cannot be imported though they were asked for, or are of another version than their distribution."""
    from packaging.requirements import Requirement

    asked = {canonical(one.name): str(one) for one in map(Requirement, requirements)}
    for package, told in facts["packages"].items():
        wanted = next((asked[name] for name in told["owners"] if name in asked), None)
        if "error" in told and wanted:
            yield f"{package}: asked for {wanted}, but it cannot be imported: {told['error']}"
        for name, version in told["owners"].items():
            if told["version"] is not None and not _same_version(told["version"], version):
                yield f"{package}: asked for {wanted or f'{name} {version}'}, found a module {told['version']}"


def _variable_faults(asked: Mapping[str, str], found: Mapping[str, str | None]) -> Iterable[str]:
    """Variables that the process does not have as they were asked for."""
    for name, value in asked.items():
        if found.get(name) != value:
            told = "it is not set" if found.get(name) is None else f"found {found[name]!r}"
            yield f"variable {name}: asked for {value!r}, {told}"


def _keras_faults(asked: Mapping[str, str], tensorflow: Mapping[str, Any]) -> Iterable[str]:
    """A `tf.keras` that cannot be imported, or is Keras 3 though Keras 2 was asked for."""
    keras = tensorflow.get("keras")
    if not keras:
        return
    legacy = asked.get(LEGACY_KERAS) in LEGACY_VALUES
    wanted = f"tf_keras ({LEGACY_KERAS}={asked[LEGACY_KERAS]})" if legacy else "the Keras of TensorFlow"
    if "error" in keras:
        yield f"tf.keras: asked for {wanted}, but it cannot be imported: {keras['error']}"
    elif legacy and keras["name"] != "tf_keras" and not str(keras["version"] or "2.").startswith("2."):
        yield f"tf.keras: asked for {wanted}, found {keras['name']} {keras['version']}"


def _same_version(one: str, other: str) -> bool:
    """Whether two versions are the same but for their spelling and a local part."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(Version(one).public) == Version(Version(other).public)
    except InvalidVersion:
        return one == other


def _listed(owners: Mapping[str, str]) -> str | None:
    """Distributions with their versions; ``None`` where there are none."""
    return ", ".join(f"{name} {version}" for name, version in owners.items()) or None


def _told_keras(package: Mapping[str, Any]) -> list[str]:
    """The name and the version of the Keras that TensorFlow told; nothing where it told none."""
    keras = package.get("keras") or {}
    return [str(keras[key]) for key in ("name", "version") if keras.get(key)]
