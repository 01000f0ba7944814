"""What needs no clock: equal graphs, equal weights and equal answers of two environments, and accuracy over seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.splits import Split, scale
from bench.errors import DensebenchError
from bench.inference.digests import digest, graph_digest
from bench.inference.export import OnnxModel, export
from bench.trained import score
from bench.training import find_trainer
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.data.datasets import Dataset
    from bench.trials.injections import Injection

TRAIN_IMAGES = 6_400
"""Images of each short training."""
EPOCHS = 2


def survey(
    recipes: Sequence[str], dataset: Dataset, seeds: Sequence[int], folder: Path, injection: Injection
) -> dict[str, Any]:
    """For each recipe what it trains to, and its exported graph, which is written into `folder`.

    Args:
        recipes: names of recipes; an entry that fails has its reason under ``failed``.
        dataset: trained on in part, and scored in whole.
        seeds: one short training by `fit` from each.
        folder: where ``RECIPE.onnx`` of the first seed's model is written.
        injection: may change labels that are trained on.
    """
    return {name: _survey_one(name, dataset, seeds, folder, injection) for name in recipes}


def _survey_one(
    name: str, dataset: Dataset, seeds: Sequence[int], folder: Path, injection: Injection
) -> dict[str, Any]:
    recipe = RECIPES[name]
    count = min(TRAIN_IMAGES, len(dataset.train_labels))
    images, labels = scale(dataset.train_images[:count]), dataset.train_labels[:count].astype(np.int64)
    split = Split(images, injection.labels(labels, seeds[0]), images[:0], labels[:0])
    training = replace(recipe.training, epochs=EPOCHS, validate_each_epoch=False, early_stopping=None)
    test_images, test_labels = scale(dataset.test_images), dataset.test_labels.astype(np.int64)
    found: dict[str, Any] = {"accuracies": [], "weights": [], "answers": []}
    for seed in seeds:
        try:
            fit = find_trainer(recipe, "fit")(recipe, training, split, seed=seed, on_epoch=lambda _epoch: None)
            fit.run()
            trained = fit.finish()
            accuracy = score(trained, test_images, test_labels)
        except DensebenchError as error:  # diverged: an accuracy of 0, not a seed less
            found["accuracies"].append(0.0)
            found["weights"].append(f"seed {seed}: {error}")
            found["answers"].append("")
            continue
        found["accuracies"].append(accuracy)
        weights = trained.model.get_weights() if recipe.framework == "keras" else [trained.model.coef_]
        found["weights"].append(digest(weights))
        found["answers"].append(digest([trained.predict(test_images)]))
        if "graph" not in found:
            found |= _graph_of(export(trained, {}), folder / f"{name}.onnx")
    return found


def _graph_of(model: OnnxModel, path: Path) -> dict[str, Any]:
    path.write_bytes(model.content)
    return {"graph": graph_digest(model.content), "operators": list(model.operators)}
