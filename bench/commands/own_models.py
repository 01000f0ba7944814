"""The options that name models of the user's own, in every command that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.inference.own_models.file import Models, parse_models
from bench.inference.own_models.inputs import parse_shapes
from bench.inference.own_models.recipe_file import register
from models import RECIPES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bench.data.datasets import Dataset


def add_model_options(add: Callable[..., object]) -> None:
    """The options that name models of the user's own.

    Args:
        add: adds an option as `argparse` does; so does pytest's `addoption`.
    """
    what = "a model of your own, as FILE or NAME=FILE: a recipe (.py), .keras, .h5, a SavedModel, .onnx; or one of "
    what += f"{', '.join(RECIPES)}; any number, and nothing else is measured"
    add("--model", action="append", default=[], metavar="MODEL", help=what)
    what = "the sizes that a model leaves open, by input, with N for the batch: image=N,3,48,192; any number"
    add("--shape", action="append", default=[], metavar="INPUT=SIZES", help=what)
    add("--trust", action="store_true", help="code in these files may run")


def named_models(arguments: argparse.Namespace) -> tuple[Models, Dataset | None]:
    """The models that the options name, the recipes among them added to the ladder, and the data that one brings.

    Raises:
        DensebenchError: one is not right; unless it is a recipe that was trusted, nothing of any of them was run.
    """
    models = parse_models(arguments.model, trusted=arguments.trust, shapes=parse_shapes(arguments.shape))
    return models, bring(models)


def bring(models: Models) -> Dataset | None:
    """Add the user's recipes to the ladder; the data that one of them brings, for which no other model is made.

    Raises:
        DensebenchError: a recipe is not right, or brings data while other models that need some are named.
    """
    data = register(models.recipes)
    others = [name for name in models.names if name not in models.files]
    if data and len(others) > 1:
        raise DensebenchError(f"{data.name}: no other model is measured on them, and {', '.join(others)} are named.")
    return data
