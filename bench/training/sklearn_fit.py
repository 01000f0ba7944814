"""The trainer that calls scikit-learn's `fit`, as the tutorials do."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from bench.trained import Diverged, Fit, Trained

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data.splits import Split
    from models import Recipe, Training


def prepare_sklearn_fit(
    recipe: Recipe, training: Training, split: Split, *, seed: int, on_epoch: Callable[[int], None]
) -> Fit:
    """A scikit-learn classifier's `fit`, in float64 as published; without priming, since nothing is compiled."""
    from sklearn import linear_model
    from sklearn.exceptions import ConvergenceWarning

    images = split.train_images.astype(np.float64)
    model = recipe.build(linear_model).set_params(random_state=seed, max_iter=training.epochs)

    def run() -> None:
        with warnings.catch_warnings():
            # Five passes do not converge, in the tutorial either; the record says so.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(images, split.train_labels)
        on_epoch(int(model.n_iter_))

    def finish() -> Trained:
        if not np.isfinite(model.coef_).all():
            raise Diverged(f"{recipe.name}, seed {seed}: the weights are not finite")
        epochs = int(model.n_iter_)
        return Trained(
            recipe=recipe,
            seed=seed,
            trainer="scikit-learn",
            backend="scikit-learn",
            model=model,
            predict=model.predict_proba,
            parameters=model.coef_.size + model.intercept_.size,
            epochs_run=epochs,
            history={},
            placed_on="CPU:0",
            converged=epochs < training.epochs,
        )

    return Fit(run, finish, None)
