"""A survey of compatibility: every environment saves, every environment loads what each has saved, and trains alike.

Two processes work side by side, but for the imports, which are timed alone. An environment whose process dies loses
what it was asked, which is noted, and goes on in a new one.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.stored import store
from bench.errors import DensebenchError
from bench.host.process import Process, run_to_end
from bench.inference.own_models.answers import Answers
from bench.inference.parity import count_changed
from bench.records.outcomes import FAILS
from bench.records.schema.compatibility import Compatibility, Environment
from bench.records.schema.run import convert
from bench.trials.compatibility.costs import IMPORT, IMPORTED, import_parts
from bench.trials.compatibility.formats import FORMATS
from bench.trials.compatibility.sides import Asked, Side, environment_fields, start_process, starter
from bench.trials.compatibility.worker import GIVEN
from bench.trials.identity import build_facts, check_identity, owners_text
from bench.trials.processes import DATA, passed_variables
from bench.trials.rounds import SIDE_BY_SIDE

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.trials.environments import Environment as Installed

STARTS = 5
"""Timed imports of each environment, in turns."""
IMPORT_TIMEOUT_S = 300.0


def survey(asked: Asked, progress: Progress, *, start: Callable[..., Process] | None = None) -> Compatibility:
    """Find out what survives.

    Args:
        asked: what it is of.
        progress: says how far it is.
        start: starts a process with a request; for tests.

    Raises:
        DensebenchError: an environment is not what it was asked to be.
    """
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store(asked.dataset, folder / DATA)
        sides = [
            Side(role, one, starter(asked, folder, role, number % SIDE_BY_SIDE, start or start_process))
            for number, (role, one) in enumerate(asked.environments.items())
        ]
        try:
            _each(sides, "saving", lambda side: _save(side, asked), progress)
            base = sides[0]
            for side in sides:
                side.found["answers"] = _compared(side, base, folder, asked.models)
            _each(sides, "loading", lambda side: _load(side, sides, folder), progress)
            if asked.costs:
                _each(sides, "memory over cycles of training", lambda side: _grow(side, asked.models[0]), progress)
                _time_imports(sides, asked, progress)
        finally:
            for side in sides:
                side.close()
    return Compatibility(
        environments=tuple(convert(environment_fields(side), Environment) for side in sides),
        seed=asked.seed,
        models={name: one.label for name, one in asked.files.items()},
        elapsed_s=round(time.monotonic() - began_s, 1),
    )


def show(asked: Asked, model: str, form: str, *, start: Callable[..., Process] | None = None) -> list[str]:
    """What happens when the first environment saves a model in a format and the second loads it, in lines.

    Raises:
        DensebenchError: an environment is not what it was asked to be.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store(asked.dataset, folder / DATA)
        saver, loader = (
            Side(role, one, starter(asked, folder, role, 0, start or start_process))
            for role, one in asked.environments.items()
        )
        try:
            for side in (saver, loader):
                told = side.ask(do="begin")
                if reason := _reason(told):
                    return [f"{side.installed.word}: {reason}"]
                check_identity(side.installed, told["identity"])
            told = saver.ask(do="answer", model=model)
            saved = told if _reason(told) else saver.ask(do="save", model=model, form=form)
            if reason := _reason(saved):
                return [f"{saver.installed.word} does not save {model}: {reason}"]
            told = loader.ask(do="show", model=model, form=form, folder=str(folder / saver.role))
        finally:
            saver.close()
            loader.close()
    what = f"{model} as {form}, saved by {saver.installed.word}, loaded by {loader.installed.word}"
    if text := told.get("traceback") or _reason(told):
        return [f"{what}: fails", str(text)]
    return [f"{what}: {told['outcome']}, off by {told.get('max_abs_diff')}", *filter(None, [told.get("reason")])]


def _each(sides: Sequence[Side], what: str, do: Callable[[Side], None], progress: Progress) -> None:
    """Do something in every environment, `SIDE_BY_SIDE` at a time; their processes end."""
    progress.update(what)

    def one(side: Side) -> None:
        if "failed" not in side.found:
            do(side)
            side.close()

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for number, _ in enumerate(pool.map(one, sides), start=1):
            progress.update(f"{what}: {number} of {len(sides)} environments")


def _save(side: Side, asked: Asked) -> None:
    """What the environment is; its files; and its trainings for the first time."""
    told = side.ask(do="begin")
    if reason := _reason(told):
        side.found["failed"] = reason
        return
    check_identity(side.installed, told["identity"])
    identity = told["identity"]
    side.found |= {
        "python": identity["python"],
        "packages": {name: owners_text(one) for name, one in identity["packages"].items()},
        "build": build_facts(identity["packages"].get("tensorflow", {})),
        "sizes": told["sizes"],
        "saved": [],
        "digests": {},
    }
    for model in asked.models:
        told = side.ask(do="answer", model=model)
        if reason := _reason(told):
            side.found["saved"] += [{"model": model, "format": form, "failed": reason} for form in FORMATS]
            continue
        side.found["digests"][model] = told["digest"], told["inputs"]
        side.found["saved"] += [_one_saving(side, model, form) for form in FORMATS]
    side.found["trainings"] = {model: {"runs": [], "deterministic": []} for model in asked.models}
    _train(side)


def _one_saving(side: Side, model: str, form: str) -> dict[str, Any]:
    told = side.ask(do="save", model=model, form=form)
    return {"model": model, **({"format": form, "failed": _reason(told)} if "format" not in told else told)}


def _load(side: Side, sides: Sequence[Side], folder: Path) -> None:
    """What every environment saved; and its own trainings once more."""
    side.found["loaded"] = [
        _one_loading(side, saver, one["model"], one["format"], folder)
        for saver in sides
        for one in saver.found.get("saved", [])
        if not one.get("failed")
    ]
    _train(side)


def _one_loading(side: Side, saver: Side, model: str, form: str, folder: Path) -> dict[str, Any]:
    told = side.ask(do="load", model=model, form=form, folder=str(folder / saver.role))
    if reason := _reason(told):
        told = {"format": form, "outcome": FAILS, "reason": reason}
    if told.get("reason"):
        told["reason"] = told["reason"].replace(f"{folder / saver.role / model}/", "")
    return {"saver": saver.role, "model": model, **told}


def _train(side: Side) -> None:
    """Each model once as it is, and once with deterministic operators, from the same seed."""
    for kind in ("runs", "deterministic"):
        if kind == "deterministic":
            side.ask(do="determine")
        for model, found in side.found["trainings"].items():
            told = side.ask(do="train", model=model)
            if reason := _reason(told):
                found["failed"] = reason
            else:
                found[kind].append(told["digests"])


def _grow(side: Side, model: str) -> None:
    told = side.ask(do="grow", model=model)
    side.found["cycles_bytes"] = told.get("cycles_bytes", [])


def _compared(side: Side, base: Side, folder: Path, models: Sequence[str]) -> list[dict[str, Any]]:
    """What models of given weights answer, against those of the base."""
    found = []
    for model in models:
        if model not in side.found.get("digests", {}):
            continue
        digest, inputs = side.found["digests"][model]
        told: dict[str, Any] = {"model": model, "digest": digest, "inputs": inputs}
        if model in base.found.get("digests", {}):
            own, expected = (Answers.load(folder / one.role / model / GIVEN).own for one in (side, base))
            pairs = list(zip(expected, own, strict=True))
            told["max_abs_diff"] = max(float(np.max(np.abs(one - other), initial=0.0)) for one, other in pairs)
            told["changed_predictions"] = sum(count_changed(*pair)[0] for pair in pairs if pair[0].ndim > 1)
        found.append(told)
    return found


def _time_imports(sides: Sequence[Side], asked: Asked, progress: Progress) -> None:
    """Import TensorFlow in fresh processes, one at a time, the environments in drawn order."""
    source = random.Random(asked.seed)
    live = [side for side in sides if "failed" not in side.found]
    for number in range(STARTS + 1):
        progress.update(f"imports: {number} of {STARTS}")
        for side in source.sample(live, len(live)):
            taken_s, resident, parts = time_import(side.installed)
            if number:  # the first one finds the files
                side.found.setdefault("imports_s", []).append(taken_s)
                side.found.setdefault("resident_bytes", []).append(resident)
                side.found.setdefault("parts", []).append(parts)


def time_import(installed: Installed) -> tuple[float, int, dict[str, float]]:
    """Import TensorFlow and Keras in a fresh process: seconds, resident bytes, and seconds by top-level package.

    Raises:
        DensebenchError: it cannot be imported.
    """
    report = run_to_end(
        [str(installed.python), "-X", "importtime", "-c", IMPORT],
        f"{installed.word}: import tensorflow",
        timeout_s=IMPORT_TIMEOUT_S,
        environment=passed_variables(installed),
        merged=True,
    )
    found = IMPORTED.search(report)
    if found is None:
        raise DensebenchError(f"{installed.word}: import tensorflow: it does not say how long it took")
    return float(found[1]), int(found[2]), import_parts(report)


def _reason(told: Mapping[str, Any]) -> str | None:
    """Why a process has nothing else to tell."""
    found = told.get("failed") or told.get("unavailable")
    return str(found) if found else None
