from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.datasets import DATASETS
from models import RECIPES, Recipe

OWN = ("logistic_regression", "single_dense", "deep_mlp", "dropout_mlp")
"""The models that everything published is about, in table order; there may be others among them."""


def test_the_published_models_stand_in_table_order() -> None:
    assert tuple(name for name in RECIPES if name in OWN) == OWN


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_known_by_its_own_name_in_its_own_file(name: str) -> None:
    assert RECIPES[name].name == name
    assert (Path(__file__).parent.parent / "models" / f"{name}.py").exists()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_has_a_floor_above_chance_for_every_data_set(recipe: Recipe) -> None:
    assert set(recipe.accuracy_floors) == set(DATASETS)
    assert all(0.5 < floor < 1 for floor in recipe.accuracy_floors.values())


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_early_stopping_has_a_validation_loss_to_look_at(recipe: Recipe) -> None:
    training = recipe.training
    assert not training.early_stopping or training.validate_each_epoch
    assert not training.validate_each_epoch or training.holdout


def test_a_quick_protocol_is_never_longer_than_the_published_one() -> None:
    for recipe in RECIPES.values():
        quick = recipe.training.quick()
        assert quick.epochs <= recipe.training.epochs
        assert quick.batch_size == recipe.training.batch_size
