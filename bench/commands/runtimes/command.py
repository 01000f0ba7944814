"""`python -m bench runtimes`: what to deploy: every runtime on every model, from its start to its thousandth answer."""

from __future__ import annotations

import importlib.util
import json
import secrets
import sys
import tempfile
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.arguments import add_common, command_line, names
from bench.commands.own_models import add_model_options, named_models
from bench.commands.runtimes.cases import Case, run_content
from bench.commands.runtimes.measure import measure
from bench.commands.runtimes.prepare import PrepareRequest
from bench.data.datasets import MADE_UP, load_dataset
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.host.devices import parse_device
from bench.host.machine import BUILDS, PACKAGES, machine_name
from bench.host.metadata import collect_metadata
from bench.host.process import run_to_end, side_environment
from bench.host.resources import say_needs
from bench.inference.own_models.file import NONE
from bench.inference.runtimes import RUNTIMES
from bench.inference.runtimes.artifacts import OWN_ARTIFACTS
from bench.progress import Progress, kept_on_interrupt
from bench.records.run_file import DEFAULT_RESULTS, RunWriter, reserve_run_path
from bench.report.own_pages import print_stored
from bench.report.pages.runtimes import FOLDER, runtimes_page
from bench.training import KERAS_TRAINERS
from models import RECIPES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from bench.host.devices import Device
    from bench.inference.own_models.file import Models
    from bench.records.run_file import Content

DEFAULT_ROUNDS, QUICK_ROUNDS = 5, 3
PREPARE_TIMEOUT_S = 3600.0
MEMORY_BYTES = 1_500_000_000
"""Of the process that trains the models; those of the runtimes are as many at a time as there is room for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--models", help=f"comma-separated, of: {', '.join(RECIPES)} (default: all)")
    add_model_options(parser.add_argument)
    parser.add_argument("--runtimes", help=f"comma-separated, of: {', '.join(RUNTIMES)} (default: all)")
    rounds_help = f"fresh processes of each (default: {DEFAULT_ROUNDS}, with --quick {QUICK_ROUNDS})"
    parser.add_argument("--rounds", type=int, help=rounds_help)
    add_common(parser, "device", "dataset", "data-dir")
    parser.add_argument("--trainer", default=KERAS_TRAINERS[0], help=f"as for pytest (default: {KERAS_TRAINERS[0]})")
    parser.add_argument("--quick", action="store_true", help="a small, marked run; its figures mean nothing")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")


def run(arguments: argparse.Namespace) -> int:
    """Prepare, measure, store, and print the page.

    Returns:
        `ALARM` where a runtime gave answers that are not to be believed; else `FAILED` where one failed, and `FINE`
        where none did.

    Raises:
        DensebenchError: an option is wrong, the data cannot be had, or nothing can be prepared.
    """
    device, models = _check(arguments)
    cases = plan_cases(arguments.models, arguments.runtimes, device.threads, models)
    mark_missing(cases)
    started_at, progress = datetime.now(timezone.utc), Progress(sys.stdout)
    say_needs(progress, memory_bytes=MEMORY_BYTES, results=arguments.results)
    ladder = any(case.model in RECIPES for case in cases)
    dataset = load_dataset(arguments.dataset, arguments.data_dir) if ladder else MADE_UP
    label = f"{dataset.name}-{device.name.replace(':', '')}-runtimes{'-quick' if arguments.quick else ''}"
    path = reserve_run_path(arguments.results, f"{machine_name()}/{FOLDER}", label, started_at)
    seed = secrets.randbelow(2**32)
    metadata = collect_metadata(
        device,
        started_at,
        command=command_line(arguments),
        more_packages=runtime_packages(),
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        dataset_source=dataset.source,
        trainer=arguments.trainer,
        quick=arguments.quick,
        order_seed=seed,
        rounds=arguments.rounds,
    )

    writer = RunWriter(path, progress)

    def content(*, complete: bool) -> Content:
        return run_content(cases, metadata, complete=complete)

    def kept() -> str:
        rounds = min((len(case.starts) for case in cases if case.measurable), default=0)
        if not rounds:
            return "No round was complete, so nothing is kept."
        return f"Kept: {rounds} of {arguments.rounds} rounds, in {path}; the same command begins anew."

    with kept_on_interrupt(progress, kept), tempfile.TemporaryDirectory() as folder:
        progress.update("training the models")
        prepare_all(cases, arguments, models, folder)
        measure(
            cases,
            folder,
            arguments.rounds,
            seed,
            quick=arguments.quick,
            progress=progress,
            save=lambda: writer.save(content(complete=False)),
        )
    if not writer.finish(content(complete=True)):
        return FAILED
    print_stored(path, arguments.results, "runtimes", runtimes_page, progress)
    if any(case.invalid for case in cases):
        return ALARM
    return FAILED if any(case.failed for case in cases) else FINE


def _check(arguments: argparse.Namespace) -> tuple[Device, Models]:
    """The device and the models that the options name; the number of rounds is filled in. Raises DensebenchError."""
    device = parse_device(arguments.device)
    if device.kind != "cpu":
        raise DensebenchError(f"--device {arguments.device!r}: the runtimes are compared on cpu or cpu:N only.")
    if arguments.rounds is None:
        arguments.rounds = QUICK_ROUNDS if arguments.quick else DEFAULT_ROUNDS
    if arguments.rounds < 1:
        raise DensebenchError(f"--rounds {arguments.rounds} is no number of processes: a whole number from 1 up is.")
    models, data = named_models(arguments)
    if data:
        raise DensebenchError(f"{data.name}: runtimes are measured on the ladder's data, or on a model's file.")
    return device, models


def runtime_packages() -> list[str]:
    """The packages of all runtimes, as they are installed, but for those whose versions every run stores."""
    installed = metadata.packages_distributions()
    names = sorted({name for runtime in RUNTIMES.values() for name in runtime.packages})
    found = [name.replace("_", "-") for imported in names for name in installed.get(imported, [imported])]
    stored = {*PACKAGES, *(build for builds in BUILDS.values() for build in builds)}
    return [*(name for name in dict.fromkeys(found) if name not in stored), "joblib"]


def plan_cases(models: str | None, runtimes: str | None, threads: int, named: Models = NONE) -> list[Case]:
    """Plan all cases, in table order: of the ladder's models in either list, or of all, and of the user's own.

    Raises:
        DensebenchError: a name is unknown.
    """
    chosen = [RUNTIMES[name] for name in names(runtimes, RUNTIMES, "runtime")]
    listed = names(models, RECIPES, "model") if models is not None or not named.names else []
    kinds: dict[str, str] = {name: one.framework for name, one in RECIPES.items() if name in {*listed, *named.names}}
    own = [runtime for runtime in chosen if runtime.artifact in OWN_ARTIFACTS]
    wanted = [(name, kind, chosen) for name, kind in kinds.items()]
    wanted += [(name, file.kind, own) for name, file in named.files.items()]
    return [
        Case(name, runtime, count)
        for name, kind, some in wanted
        for runtime in some
        if kind in runtime.frameworks
        for count in sorted({1, threads})
    ]


def mark_missing(cases: Sequence[Case], find: Callable[[str], object | None] = importlib.util.find_spec) -> None:
    """Mark the cases whose packages are not installed; nothing is imported for that."""
    for case in cases:
        if missing := [package for package in case.runtime.packages if find(package) is None]:
            case.unavailable = f"not installed: {', '.join(missing)} (`tox -e runtimes` has everything)"


def prepare_all(cases: Sequence[Case], arguments: argparse.Namespace, models: Models, folder: str) -> None:
    """Train each model once and write what its runtimes load, in a process that ends; failures are marked.

    Raises:
        DensebenchError: the process failed as a whole.
    """
    artifacts: dict[str, list[str]] = {}
    for case in cases:
        wanted = artifacts.setdefault(case.model, [])
        if case.measurable and case.runtime.artifact not in wanted:
            wanted.append(case.runtime.artifact)
    order = PrepareRequest(
        artifacts={name: wanted for name, wanted in artifacts.items() if wanted},
        own=[file.as_request() for file in (*models.files.values(), *models.recipes.values())],
        dataset=arguments.dataset,
        data_dir=str(arguments.data_dir.absolute()) if arguments.data_dir else None,
        device=arguments.device,
        trainer=arguments.trainer,
        quick=arguments.quick,
        folder=folder,
    )
    told = _ask("bench.commands.runtimes.prepare", order.to_json(), PREPARE_TIMEOUT_S)
    if (facts := told.get("models")) is None:
        raise DensebenchError(f"the models were not prepared: {told.get('failed') or told.get('unavailable')}")
    for case in filter(lambda one: one.measurable, cases):
        case.facts = facts[case.model]
        case.failed = case.facts.get("failed")
        case.artifact = case.facts.get("artifacts", {}).get(case.runtime.artifact, {})
        case.failed = case.failed or case.artifact.get("failed")
        case.unavailable = case.artifact.get("unavailable")


def _ask(module: str, request: str, timeout_s: float) -> dict[str, Any]:
    """The answer of one of this folder's modules. Raises DensebenchError where it gave none."""
    command = [sys.executable, "-m", module, request]
    out = run_to_end(command, module, timeout_s=timeout_s, environment=side_environment())
    try:
        answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        raise DensebenchError(f"{module} gave no answer, but {out!r}") from None
    return answer
