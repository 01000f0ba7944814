"""Recipes of the user's own: a Python file with a `RECIPE`, and, where it wants, `DATA` of its own."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.datasets import Dataset
from bench.errors import DensebenchError, one_line
from bench.inference.digests import digest
from bench.inference.own_models.file import model_from_request
from models import RECIPES, Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.inference.own_models.file import ModelFile

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
RIGHT = f"Right are {', '.join(ARRAYS)}: arrays of numbers, a label (0, 1, 2, ...) for each example."


def register(files: Mapping[str, ModelFile]) -> Dataset | None:
    """Run recipe files and add their recipes to `models.RECIPES`, for as long as this process lives.

    Args:
        files: by the name that the recipe gets.

    Returns:
        the data that one of them brings; ``None`` where none does.

    Raises:
        DensebenchError: a file fails or has no recipe, its data are not right, or two bring data.
    """
    found: dict[str, Dataset] = {}
    for name, file in files.items():
        module = _run(file)
        recipe = getattr(module, "RECIPE", None)
        if not isinstance(recipe, Recipe):
            raise DensebenchError(f"{file.path}: it has no RECIPE, an object of models.Recipe.")
        RECIPES[name] = replace(recipe, name=name)
        if (data := getattr(module, "DATA", None)) is not None:
            found[name] = _dataset(name, data, Path(file.path))
    if len(found) > 1:
        raise DensebenchError(f"{' and '.join(found)} bring data of their own: measure one after the other.")
    return next(iter(found.values()), None)


def receive(requested: Iterable[Mapping[str, Any]]) -> dict[str, ModelFile]:
    """The models that a worker process was sent, by name, without recipes: these are added to the ladder.

    Args:
        requested: the fields of each, from `ModelFile.as_request`.
    """
    files = {file.name: file for file in map(model_from_request, requested)}
    register({name: file for name, file in files.items() if file.kind == "recipe"})
    return {name: file for name, file in files.items() if file.kind != "recipe"}


def _run(file: ModelFile) -> Any:
    """The module that a file makes."""
    spec = importlib.util.spec_from_file_location(f"own_recipe_{file.name}", file.path)
    if spec is None or spec.loader is None:
        raise AssertionError(f"{file.path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001  whatever a user's file raises is told in one line
        raise DensebenchError(f"{file.path}: {one_line(error)}.") from None
    return module


def _dataset(name: str, data: Any, file: Path) -> Dataset:
    """The data of a recipe: a function that returns the four arrays by name, or an `.npz` file beside the recipe."""
    given = _call(data, file) if callable(data) else read_arrays(file.parent / str(data))
    arrays = given if isinstance(given, Mapping) else {}
    if lacking := [key for key in ARRAYS if key not in arrays]:
        raise DensebenchError(f"{file}: its DATA lack {', '.join(lacking)}. {RIGHT}")
    train_images, train_labels, test_images, test_labels = whole = [np.asarray(arrays[key]) for key in ARRAYS]
    _check(train_images, train_labels, f"{file}: train")
    _check(test_images, test_labels, f"{file}: test")
    return Dataset(
        name=f"{name}-data",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        class_names=tuple(map(str, range(1 + max(int(train_labels.max()), int(test_labels.max()))))),
        source=f"the recipe's own file {file.name}",
        sha256=digest(whole),
    )


def _call(data: Callable[[], Any], file: Path) -> Any:
    try:
        return data()
    except Exception as error:  # noqa: BLE001  as for the file itself
        raise DensebenchError(f"{file}: its DATA: {one_line(error)}.") from None


def read_arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays of an `.npz` file, read without pickle. Raises DensebenchError."""
    try:
        with np.load(path, allow_pickle=False) as found:
            return {key: found[key] for key in ARRAYS if key in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise DensebenchError(f"{path}: no .npz of plain arrays: {one_line(error)}. {RIGHT}") from None


def _check(images: NDArray[Any], labels: NDArray[Any], place: str) -> None:
    if images.dtype.kind not in "fiu" or not len(images):
        raise DensebenchError(f"{place}_images are {len(images)} of {images.dtype}. {RIGHT}")
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),) or labels.min() < 0:
        raise DensebenchError(f"{place}_labels are {labels.dtype} {labels.shape} for {len(images)} examples. {RIGHT}")
