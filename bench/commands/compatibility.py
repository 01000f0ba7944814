"""`python -m bench compatibility`: do files, numbers and trainings survive from one environment to another?"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.commands.arguments import add_common, command_line
from bench.commands.judging import select_seed
from bench.commands.own_models import add_model_options, named_models
from bench.commands.releases import environment_name, select_releases
from bench.data.datasets import load_dataset
from bench.errors import ALARM, FAILED, FINE, DensebenchError, unknown_name
from bench.files import short
from bench.host.devices import parse_device
from bench.host.lock import measuring_alone
from bench.host.machine import machine_name
from bench.host.metadata import collect_metadata
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.compatibility import FOLDER, StoredCompatibility, compatibility_of
from bench.records.record import RunReader
from bench.records.run_file import DEFAULT_RESULTS, RunWriter, reserve_run_path
from bench.records.schema.run import make_metadata
from bench.report.own_pages import refresh_pages
from bench.report.pages.compatibility import compatibility_page
from bench.report.pages.compatibility_sentences import broken
from bench.trials.candidates import release_word
from bench.trials.compatibility.formats import FORMATS
from bench.trials.compatibility.sides import Asked
from bench.trials.compatibility.survey import show, survey
from bench.trials.environments import find_environment, missing_environments
from bench.trials.plans import choose_python
from models import RECIPES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from bench.inference.own_models.file import Models
    from bench.trials.environments import Environment

MEMORY_BYTES = 2_400_000_000
"""Of the two processes that work side by side."""
ALL = "all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("words", nargs="*", metavar="WORD", help="environments, as a duel's (default: all releases)")
    parser.add_argument("--releases", help="before them: 2.12,2.21 or all")
    add_model_options(parser.add_argument)
    parser.add_argument("--without-costs", action="store_true", help="leave out memory and imports: half of the time")
    parser.add_argument("--show", metavar="FORMAT", help=f"of one file, what fails in full: {', '.join(FORMATS)}")
    parser.add_argument("--from", dest="first", metavar="WORD", help="with --show: what saves it")
    parser.add_argument("--to", dest="last", metavar="WORD", help="with --show: what loads it")
    what = "of weights and trainings (default: %(default)s everywhere, so that machines can be compared)"
    parser.add_argument("--seed", type=int, default=0, help=what)
    add_common(parser, "dataset", "data-dir")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")


def run(arguments: argparse.Namespace) -> int:
    """Survey, store, and print the page.

    Returns:
        `ALARM` where a file that its own environment loads does not load, or answers otherwise, in a later one;
        `FAILED` where an environment could not be surveyed or the run could not be stored; `FINE` otherwise.

    Raises:
        DensebenchError: an option is wrong, or an environment or the data cannot be had.
    """
    progress, started_at = Progress(sys.stdout), datetime.now(timezone.utc)
    models = _models(arguments)
    if arguments.show or arguments.first or arguments.last:
        return _show(arguments, models, progress)
    words = _words(arguments)
    if len(words) < 2:  # noqa: PLR2004  a comparison
        raise DensebenchError(f"{', '.join(words.values())!r} is one environment: two or more are compared.")
    asked = _asked(arguments, words, models, progress)
    device = parse_device("cpu:1")
    facts = collect_metadata(
        device,
        started_at,
        command=command_line(arguments),
        dataset=asked.dataset.name,
        dataset_sha256=asked.dataset.sha256,
        dataset_source=asked.dataset.source,
        trainer="fit",
        quick=False,
    )
    path = reserve_run_path(
        arguments.results, f"{machine_name()}/{FOLDER}", f"{asked.dataset.name}-compatibility", started_at
    )
    writer = RunWriter(path, progress)
    whole = "A survey is stored once it is whole, so nothing is kept."
    with kept_on_interrupt(progress, lambda: whole), measuring_alone() as lock:
        found = survey(replace(asked, lock=lock), progress)
    metadata = make_metadata(facts, complete=True, cases_planned=[])
    saved = writer.finish((msgspec.structs.replace(metadata, compatibility=found), []))
    if writer.error:
        return FAILED
    stored = compatibility_of(RunReader().read(writer.path))
    progress.done(f"\n{compatibility_page([stored])}")
    written = [short(writer.path), *(refresh_pages(arguments.results, "compatibility", RunReader()) if saved else [])]
    progress.done("\n  ".join(["Wrote:", *written]))
    return _status(stored, saved=saved)


def _status(stored: StoredCompatibility, *, saved: bool) -> int:
    if broken(stored):
        return ALARM
    return FAILED if not saved or any(one.failed for one in stored.found.environments) else FINE


def _models(arguments: argparse.Namespace) -> Models:
    """The user's own models; only Keras files are saved and loaded. Raises DensebenchError."""
    models, _ = named_models(arguments)
    for name, file in models.files.items():
        if file.kind != "keras":
            raise DensebenchError(f"--model {name}: compatibility is of Keras models; an ONNX file stays what it is.")
    for name in models.names:
        if name not in models.files and RECIPES[name].framework != "keras":
            raise DensebenchError(f"--model {name}: compatibility is of Keras models, and {name} is none.")
    return models


def _words(arguments: argparse.Namespace) -> dict[str, str]:
    """Role to what the user calls the environment, the oldest first. Raises DensebenchError."""
    releases = arguments.releases or (None if arguments.words else ALL)
    known = select_releases(None if releases == ALL else releases) if releases else []
    found = {release.name: release.requirement for release in known}
    for word in arguments.words:
        asked = release_word(word)
        name = word if asked != word else environment_name(word)
        if name in found:
            raise DensebenchError(f"{word!r}: another environment is called {name!r}.")
        found[name] = asked
    return found


def _asked(arguments: argparse.Namespace, words: Mapping[str, str], models: Models, progress: Progress) -> Asked:
    """The survey, once its environments are installed. Raises DensebenchError."""
    pythons = choose_python(list(words.values()))
    missing = missing_environments(words.values(), pythons=pythons)
    say_needs(progress, memory_bytes=MEMORY_BYTES, results=arguments.results, environments=missing)
    dataset = load_dataset(arguments.dataset, arguments.data_dir)
    environments: dict[str, Environment] = {}
    for role, word in words.items():
        progress.update(f"environment {word}")
        environments[role] = find_environment(word, python=pythons.get(word))
    ladder = [name for name, recipe in RECIPES.items() if recipe.framework == "keras"]
    return Asked(
        environments=environments,
        models=models.names or ladder,
        dataset=dataset,
        files=models.files,
        seed=select_seed(arguments.seed, None),
        costs=not arguments.without_costs,
    )


def _show(arguments: argparse.Namespace, models: Models, progress: Progress) -> int:
    """Save one model in one environment, load it in another, and print what happens."""
    if arguments.show not in FORMATS:
        raise unknown_name("format", str(arguments.show), FORMATS)
    if not (arguments.first and arguments.last):
        raise DensebenchError("--show goes with --from and --to: --show .keras --from 2.21 --to 2.12.")
    words = {"saves": release_word(arguments.first), "loads": release_word(arguments.last)}
    asked = _asked(arguments, words, models, progress)
    for model in asked.models:
        for line in show(asked, model, arguments.show):
            progress.done(line)
    return FINE
