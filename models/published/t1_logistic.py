"""Logistic regression with cross-validation (tutorial 002, section 17): the baseline as it was published."""

from __future__ import annotations

from dataclasses import replace

from models import logistic_regression
from models.published.tutorial import Figure, Published

PUBLISHED = (
    Published(
        recipe=replace(logistic_regression.RECIPE, name="t1_logistic"),
        dataset="fashion_mnist",
        source="002, section 17",
        figures=(Figure("accuracy", "cross-validation", "0.8195666666666668"),),
        deviations=(
            'The loss is called "log_loss" here; scikit-learn 1.3 removed its old name, "log".',
            "The tutorial trains once, with random_state=42; here each seed is a random_state of its own.",
        ),
        cross_validation_folds=5,
    ),
)
