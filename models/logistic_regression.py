"""Logistic regression by stochastic gradient descent: the baseline of the four models (tutorial 002, section 17)."""

from __future__ import annotations

from typing import Any

from models.recipe import Recipe, Training


def build(linear_model: Any) -> Any:
    """A scikit-learn classifier of ten one-against-all logistic regressions; 7,850 parameters once trained."""
    return linear_model.SGDClassifier(loss="log_loss")


RECIPE = Recipe(
    name="logistic_regression",
    summary="scikit-learn SGDClassifier with logistic loss, 5 passes",
    layers="784-10",
    framework="scikit-learn",
    build=build,
    training=Training(optimizer="sgd", loss="log_loss", epochs=5, batch_size=1),
    accuracy_floors={"fashion_mnist": 0.79, "mnist": 0.88, "digits": 0.85},
)
