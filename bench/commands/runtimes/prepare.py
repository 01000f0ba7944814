"""Train the models, and write each in every format that a runtime reads, in a process that ends before any is timed."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.commands.suite.model_store import ModelStore
from bench.data.datasets import MADE_UP, load_dataset
from bench.errors import DensebenchError
from bench.host.devices import claim_device, parse_device, start_tensorflow
from bench.host.worker_side import answer, failure
from bench.inference.export import PRECISIONS
from bench.inference.own_models.file import batch_sizes
from bench.inference.own_models.recipe_file import receive
from bench.inference.own_models.survey import make_graph
from bench.inference.runtimes.artifacts import ARTIFACTS, OWN_ARTIFACTS
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bench.inference.own_models.file import ModelFile

EXPECTED = "expected.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRequest:
    """Request to train models and write the files that runtimes load; sent as JSON.

    Attributes:
        artifacts: name of a recipe, or of a model of the user's own, to keys of `ARTIFACTS`.
        own: the fields of each `ModelFile`.
        folder: gets a folder per recipe.
    """

    artifacts: dict[str, list[str]]
    dataset: str | None
    data_dir: str | None
    device: str
    trainer: str
    quick: bool
    folder: str
    own: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        """The order as the process's one argument."""
        return json.dumps(asdict(self))


def prepare(order: PrepareRequest) -> dict[str, Any]:
    """Facts by recipe name: `test_accuracy`, `parameters`, ..., and `artifacts` with their sizes, or `failed`.

    Raises:
        DensebenchError: the device, TensorFlow or the data cannot be had.
    """
    device = parse_device(order.device)
    claim_device(device)
    files = receive(order.own)
    ladder = [name for name in order.artifacts if name not in files]
    dataset = load_dataset(order.dataset, Path(order.data_dir) if order.data_dir else None) if ladder else MADE_UP
    if "keras" in [*(RECIPES[name].framework for name in ladder), *(one.kind for one in files.values())]:
        start_tensorflow(device)
    model_store = ModelStore(dataset, device, quick=order.quick, seeds=(0,), trainer=order.trainer)
    facts: dict[str, Any] = {}
    for name, artifacts in order.artifacts.items():
        sys.stderr.write(f"training {name}\n")
        folder = Path(order.folder) / name
        folder.mkdir()
        if name in files:
            facts[name] = prepare_own(files[name], artifacts, folder)
            continue
        try:
            exported = model_store.exported(RECIPES[name])
        except DensebenchError as error:
            facts[name] = {"failed": str(error)}
            continue
        np.savez(
            folder / EXPECTED,
            images=model_store.test_images,
            answers=exported.expected.answers,
            exact=exported.expected.exact,
            rounding=exported.expected.rounding,
            labels=model_store.test_labels,
        )
        facts[name] = {
            "test_accuracy": exported.test_accuracy,
            "parameters": exported.trained.parameters,
            "trainer": exported.trained.trainer,
            "backend": exported.trained.backend,
            "seed": exported.trained.seed,
            "precision": PRECISIONS[exported.trained.recipe.framework],
            "operators": list(exported.onnx.operators),
            "artifacts": write_artifacts(exported, artifacts, folder, ARTIFACTS),
        }
    return facts


def prepare_own(file: ModelFile, artifacts: Collection[str], folder: Path) -> dict[str, Any]:
    """Facts of a user's model: what its runtimes need to be asked, and `artifacts`, or `failed`."""
    try:
        graph, told = make_graph(file, folder)
    except DensebenchError as error:
        return {"failed": str(error)}
    return {
        "expected": f"{file.name}.npz",
        "inputs": graph.name,
        "batch_sizes": list(batch_sizes(file)),
        "operators": told["operators"],
        "artifacts": write_artifacts((file, graph), artifacts, folder, OWN_ARTIFACTS),
    }


def write_artifacts(
    source: Any, artifacts: Collection[str], folder: Path, writers: Mapping[str, tuple[str, Callable[..., None]]]
) -> dict[str, Any]:
    """For each artifact its `file`, `bytes` and `sha256`, or why it cannot be had (`unavailable`, `failed`).

    Args:
        source: what the writers take.
        artifacts: keys of `writers`.
        folder: where they go.
        writers: `ARTIFACTS` or `OWN_ARTIFACTS`.
    """
    found: dict[str, Any] = {}
    for name in artifacts:
        ending, write = writers[name]
        path = folder / f"model{ending}"
        try:
            write(source, path)
        except Exception as error:  # noqa: BLE001  whatever a converter raises is a fact about it
            found[name] = failure(error)
        else:
            content = path.read_bytes()
            found[name] = {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return found


if __name__ == "__main__":
    answer(lambda order: {"models": prepare(order)}, PrepareRequest)
