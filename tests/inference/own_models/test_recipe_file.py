"""Recipes of the user's own, with data of their own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import DensebenchError
from bench.inference.own_models.file import Models, parse_models
from bench.inference.own_models.recipe_file import ARRAYS, read_arrays, register
from models import RECIPES

RECIPE = '''"""A recipe outside of the checkout."""

from models import Recipe, Training


def build(keras):
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation="softmax")])


RECIPE = Recipe(
    name="theirs",
    summary="Dense(3, softmax)",
    framework="keras",
    build=build,
    training=Training(optimizer="sgd", loss="sparse_categorical_crossentropy", epochs=1, batch_size=16),
    accuracy_floors={},
)
'''


@pytest.fixture(autouse=True)
def ladder() -> Iterator[None]:
    """What a test adds to the ladder is gone after it."""
    yield
    RECIPES.pop("mine", None)


def arrays(**changed: Any) -> dict[str, Any]:
    """Small data that are right but for what is changed."""
    source = np.random.default_rng(0)
    right = {
        "train_images": source.random((40, 8)),
        "train_labels": np.arange(40) % 3,
        "test_images": source.random((10, 8)),
        "test_labels": np.arange(10) % 3,
    }
    return {**right, **changed}


def named(tmp_path: Path, more: str = "", name: str = "mine") -> Models:
    path = tmp_path / "theirs.py"
    path.write_text(RECIPE + more, encoding="utf-8")
    return parse_models([f"{name}={path}"], trusted=True, shapes={})


def test_a_recipe_is_called_as_the_user_calls_it_and_brings_its_data(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **arrays())
    models = named(tmp_path, 'DATA = "own.npz"\n')
    assert (models.names, dict(models.files), list(models.recipes)) == (("mine",), {}, ["mine"])
    data = register(models.recipes)
    assert RECIPES["mine"].name == "mine"
    assert data is not None
    assert (data.name, data.class_names, data.train_images.shape) == ("mine-data", ("0", "1", "2"), (40, 8))
    assert len(data.sha256) == 64


def test_nothing_of_a_recipe_runs_without_trust(tmp_path: Path) -> None:
    path = tmp_path / "theirs.py"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(DensebenchError, match=r"a recipe may hold code.*Nothing was run.*--trust"):
        parse_models([str(path)], trusted=False, shapes={})
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("RECIPE = 3\n", "it has no RECIPE"),
        ("raise KeyError('x')\n", "KeyError: 'x'"),
        ('DATA = "nothing.npz"\n', "no .npz of plain arrays"),
        ('DATA = "pickled.npz"\n', "no .npz of plain arrays"),
        ('DATA = "raw.npz"\n', "no .npz of plain arrays"),
        ('DATA = "part.npz"\n', "its DATA lack test_labels"),
        ("def DATA():\n    return 3\n", "its DATA lack"),
        ('DATA = "labels.npz"\n', r"train_labels are float64 \(40,\)"),
        ('DATA = "few.npz"\n', r"test_labels are int64 \(3,\) for 10 examples"),
    ],
)
def test_a_recipe_that_is_not_right_is_told_in_one_line(tmp_path: Path, more: str, reason: str) -> None:
    np.savez(tmp_path / "pickled.npz", **arrays(train_images=np.array([{"a": 1}], dtype=object)))
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(arrays()))
    np.savez(tmp_path / "part.npz", **{name: one for name, one in arrays().items() if name != "test_labels"})
    np.savez(tmp_path / "labels.npz", **arrays(train_labels=np.arange(40) / 2))
    np.savez(tmp_path / "few.npz", **arrays(test_labels=np.arange(3)))
    with pytest.raises(DensebenchError, match=reason) as raised:
        register(named(tmp_path, more).recipes)
    assert "\n" not in str(raised.value)


def test_arrays_are_read_as_they_were_saved(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **arrays(), other=np.zeros(3))
    found = read_arrays(tmp_path / "own.npz")
    assert set(found) == set(ARRAYS)
