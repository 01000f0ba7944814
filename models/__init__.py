"""The recipes that densebench measures: one file each, and here their order in every table."""

from __future__ import annotations

from models import deep_mlp, dropout_mlp, logistic_regression, single_dense
from models.recipe import EarlyStopping, Holdout, Recipe, Training

RECIPES: dict[str, Recipe] = {
    "logistic_regression": logistic_regression.RECIPE,
    "single_dense": single_dense.RECIPE,
    "deep_mlp": deep_mlp.RECIPE,
    "dropout_mlp": dropout_mlp.RECIPE,
}

__all__ = ["HEADLINE", "RECIPES", "EarlyStopping", "Holdout", "Recipe", "Training"]

HEADLINE = "deep_mlp"
"""The model that stands for all where a table has room for one."""
