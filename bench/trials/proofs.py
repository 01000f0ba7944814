"""What needs no clock: equal graphs, equal weights and equal answers of two environments, and accuracy over seeds."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.splits import Split, scale
from bench.errors import DensebenchError
from bench.inference.export import OnnxModel, export
from bench.trained import score
from bench.training import find_trainer
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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


def digest(arrays: Iterable[Any]) -> str:
    """SHA-256 of the types, shapes and bits of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        known = np.ascontiguousarray(array)
        found.update(f"{known.dtype.str} {known.shape}".encode())
        found.update(known.tobytes())
    return found.hexdigest()


def graph_digest(content: bytes) -> str:
    """SHA-256 of an ONNX graph without names, metadata and the values of weights: operators, attributes, shapes, types.

    Tensors are numbered by their first appearance, so that graphs that differ in names alone are equal.
    """
    import onnx

    proto = onnx.load_from_string(content)
    graph, numbers = proto.graph, dict[str, int]()

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers)) if name else -1

    parts = [f"opset {sorted((one.domain, one.version) for one in proto.opset_import)}"]
    parts += [f"input {number(one.name)} {_type_of(one)}" for one in graph.input]
    parts += [f"weight {number(one.name)} {one.data_type} {list(one.dims)}" for one in graph.initializer]
    for node in graph.node:
        attributes = sorted(
            f"{one.name}={onnx.helper.get_attribute_value(one)!r}" for one in node.attribute if one.name != "name"
        )
        ends = [number(name) for name in node.input], [number(name) for name in node.output]
        parts.append(f"{node.domain} {node.op_type} {ends} {attributes}")
    parts += [f"output {number(one.name)} {_type_of(one)}" for one in graph.output]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _type_of(value: Any) -> str:
    tensor = value.type.tensor_type
    return f"{tensor.elem_type} {[one.dim_value for one in tensor.shape.dim]}"
