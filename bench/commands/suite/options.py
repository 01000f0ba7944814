"""Options of `pytest bench/`, checked before anything slow starts."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.arguments import OF_THIS_MACHINE, names, unknown_options
from bench.commands.own_models import add_model_options, named_models
from bench.data.datasets import DATASETS
from bench.errors import DensebenchError, unknown_name
from bench.files import public_word
from bench.host.devices import Device, parse_device
from bench.records.cases import DEFAULT_BACKEND
from bench.records.run_file import DEFAULT_RESULTS
from bench.training import KERAS_TRAINERS
from bench.training.backends import BACKENDS
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from bench.data.datasets import Dataset
    from bench.inference.own_models.file import ModelFile, Models

GROUP = "densebench"
"""The options' group, as pytest's help shows it."""
DEFAULT_SEEDS = 3
QUICK_SEEDS = 1


@dataclass(frozen=True, slots=True)
class SuiteOptions:
    """One run's settings.

    Attributes:
        recipes: names in table order.
        own: the user's own models, by name.
        data: what a recipe of the user's own brings; ``None`` where the ladder's are used.
        dataset: a name; ``None`` where the user named none, which allows the fall-back.
        seeds: how many trainings per recipe; the seeds are 0, 1, 2, ...
        command: what a reader types to do the same, without the paths of this machine.
    """

    recipes: tuple[str, ...]
    own: Mapping[str, ModelFile]
    data: Dataset | None
    dataset: str | None
    data_dir: Path | None
    device: Device
    seeds: int
    trainer: str
    backend: str
    quick: bool
    results: Path
    command: str


def add_options(parser: pytest.Parser) -> None:
    """Register the suite's options with pytest; they are checked by `read_settings`, not by argparse."""
    group = parser.getgroup(GROUP, "what densebench measures")
    group.addoption("--models", metavar="NAMES", help=f"comma-separated, of: {', '.join(RECIPES)} (default: all)")
    add_model_options(group.addoption)
    group.addoption(
        "--dataset",
        metavar="NAME",
        help=f"{' or '.join(DATASETS)} (default: fashion_mnist, or digits where it cannot be had)",
    )
    group.addoption("--data-dir", metavar="DIR", help="folder with fashion-mnist/ and mnist/ (or set DENSEBENCH_DATA)")
    group.addoption("--device", default="cpu", help="cpu (all cores), cpu:N (N threads), gpu or gpu:K (default: cpu)")
    group.addoption(
        "--seeds",
        metavar="N",
        help=f"trainings per model, each from its own seed (default: {DEFAULT_SEEDS}, with --quick {QUICK_SEEDS})",
    )
    group.addoption(
        "--trainer",
        default=KERAS_TRAINERS[0],
        help=f"what trains the Keras models: {' or '.join(KERAS_TRAINERS)} (default: {KERAS_TRAINERS[0]})",
    )
    group.addoption(
        "--backend",
        default=DEFAULT_BACKEND,
        help=f"what Keras computes with: {', '.join(BACKENDS)} (default: {DEFAULT_BACKEND})",
    )
    group.addoption(
        "--quick", action="store_true", help="a small, marked run that ends within a minute; its figures mean nothing"
    )
    group.addoption(
        "--results", metavar="DIR", default=str(DEFAULT_RESULTS), help="where results go (default: results/local)"
    )
    own = [name for option in group.options for name in option.names()]
    meant = {word: close for word, close in unknown_options(sys.argv[1:], own).items() if close}
    if meant:  # pytest shows it where it does not know an option either
        parser.extra_info["did you mean"] = ", ".join(f"{close[0]} ({word})" for word, close in meant.items())


def read_options(config: pytest.Config) -> SuiteOptions:
    """The settings of this run.

    Raises:
        DensebenchError: a name is unknown or a number is out of range.
    """
    option = config.option
    if option.dataset is not None and option.dataset not in DATASETS:
        raise unknown_name("data set", option.dataset, DATASETS)
    if option.trainer not in KERAS_TRAINERS:
        raise unknown_name("trainer", option.trainer, KERAS_TRAINERS)
    named, data = named_models(option)
    if named.files and option.backend != DEFAULT_BACKEND:
        raise DensebenchError(f"--model and --backend {option.backend}: files are measured on {DEFAULT_BACKEND} only.")
    return SuiteOptions(
        recipes=_recipes(option.models, named),
        own=named.files,
        data=data,
        dataset=option.dataset,
        data_dir=Path(option.data_dir) if option.data_dir else None,
        device=parse_device(option.device),
        seeds=_parse_seeds(option.seeds, quick=option.quick),
        trainer=option.trainer,
        backend=option.backend,
        quick=option.quick,
        results=Path(option.results),
        command=_command(config),
    )


def _recipes(text: str | None, named: Models) -> tuple[str, ...]:
    """The ladder's models: those named in either way, or all where nothing is named. Raises DensebenchError."""
    listed = names(text, RECIPES, "model") if text is not None or not named.names else []
    return tuple(name for name in RECIPES if name in listed or name in named.names)


def _parse_seeds(text: str | None, *, quick: bool) -> int:
    if text is None:
        return QUICK_SEEDS if quick else DEFAULT_SEEDS
    if not text.isdecimal() or int(text) < 1:
        raise DensebenchError(f"--seeds {text!r} is not a number of trainings: a whole number from 1 up is.")
    return int(text)


def _command(config: pytest.Config) -> str:
    """The command as a reader types it: what differs from the options' own defaults, without paths of this machine."""
    words = ["pytest", "bench/", "--benchmark-only"]
    for option in _options(config):
        attributes = option.attrs()
        value = getattr(config.option, attributes["dest"])
        if attributes["dest"] in OF_THIS_MACHINE or value == attributes.get("default"):
            continue
        name, values = option.names()[0], value if isinstance(value, list) else [value]
        words += [name] if value is True else [f"{name}={public_word(str(one))}" for one in values]
    words += ["-k", config.option.keyword] if config.option.keyword else []
    return shlex.join(words)


def _options(config: pytest.Config) -> list[Any]:
    """The suite's own options, as `add_options` has registered them."""
    groups: list[Any] = config._parser._groups  # noqa: SLF001  pytest tells of its options in no other way
    return [option for group in groups if group.name == GROUP for option in group.options]
