"""Real files of the TensorFlow that is here: what is planted in one of them appears in its cell, and in no other."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.data.datasets import load_dataset
from bench.progress import Progress
from bench.records.outcomes import FAILS, IDENTICAL, OTHERWISE, ROUNDED
from bench.trials.compatibility.formats import FORMATS
from bench.trials.compatibility.sides import Asked, start_process
from bench.trials.compatibility.survey import show, survey
from bench.trials.environments import Environment

if TYPE_CHECKING:
    from bench.trials.compatibility.worker import Request

pytestmark = pytest.mark.slow
MODEL = "single_dense"


def asked() -> Asked:
    environments = {role: Environment(role, Path(sys.executable)) for role in ("old", "new")}
    dataset = load_dataset("digits", None)
    return Asked(environments=environments, models=[MODEL], dataset=dataset, files={}, seed=1, costs=False)


class Planting:
    """A process that spoils what the environment ``old`` has saved."""

    def __init__(self, real: Any, folder: Path) -> None:
        self._real, self._folder = real, folder

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = self._real.ask(request)
        if request["do"] == "save" and self._folder.name == "old" and request["form"] in PLANTS:
            name, plant = PLANTS[request["form"]]
            plant(self._folder / MODEL / name)
        return told

    def close(self) -> None:
        self._real.close()


def change_weight(path: Path) -> None:
    """Another weight in a file of weights."""
    import h5py

    found: list[str] = []
    with h5py.File(path, "r+") as file:
        file.visititems(lambda name, one: found.append(name) if getattr(one, "shape", ()) == (784, 10) else None)
        (name,) = [one for one in found if "optimizer" not in one]
        file[name][...] = file[name][...] + 1.0 * (np.arange(10) == 3)


def rename_layer(path: Path) -> None:
    """A layer of the user's own, which nobody has."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    layer = next(one for one in config["config"]["layers"] if one["class_name"] == "Dense")
    layer |= {"class_name": "MyDense", "module": None, "registered_name": "Custom>MyDense"}
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def rename_operator(path: Path) -> None:
    """An operator that this ONNX Runtime lacks."""
    import onnx

    model = onnx.load(str(path))
    next(one for one in model.graph.node if one.op_type == "Softmax").op_type = "SofterMax"
    path.write_bytes(model.SerializeToString())


PLANTS = {
    "weights": ("model.weights.h5", change_weight),
    ".keras": ("model.keras", rename_layer),
    "ONNX": ("model.onnx", rename_operator),
}


def test_what_is_planted_is_in_its_cells_alone() -> None:
    def start(installed: Environment, request: Request, *words: Any) -> Planting:
        return Planting(start_process(installed, request, *words), Path(request.folder))

    found = survey(asked(), Progress(io.StringIO()), start=start)
    cells = {
        (one.format, one.saver, each.role): (one.outcome, one.reason or "")
        for each in found.environments
        for one in each.loaded
    }
    assert {key[0] for key in cells} == {*FORMATS}, [one.failed for one in found.environments[0].saved]
    for (form, saver, _), (outcome, reason) in cells.items():
        planted = saver == "old" and form in PLANTS
        if not planted:
            assert outcome in {IDENTICAL, ROUNDED}, (form, saver, reason)
        elif form == "weights":
            assert outcome == OTHERWISE
            assert "predictions changed" in reason
        else:
            assert outcome == FAILS
            assert ("MyDense" if form == ".keras" else "SofterMax") in reason
    for one in found.environments:
        assert {len({*each.runs}) for each in one.trainings} == {1}
        assert one.answers[0].max_abs_diff == 0
        assert sum(one.costs.sizes.values()) > 500e6


def test_a_cell_is_shown_again() -> None:
    (line,) = show(asked(), MODEL, ".h5")
    assert line.startswith("single_dense as .h5, saved by old, loaded by new: ")
    words = asked()
    missing = replace(words, models=["no_such_model"])
    assert "does not save no_such_model" in show(missing, "no_such_model", ".h5")[0]
