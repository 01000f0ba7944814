"""Keras on other backends: how one is chosen, and the same models trained, exported and certified on each."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from bench.commands.suite.model_store import ModelStore
from bench.data.datasets import load_dataset
from bench.errors import DensebenchError
from bench.host.devices import Device
from bench.inference.export import INPUT_NAME, export
from bench.inference.parity import certify
from bench.records.record import RunReader
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.training import find_trainer
from bench.training.backends import BACKENDS, backend_name, claim_backend
from bench.training.epochs import run_epochs
from bench.training.jax_fit import prepare_jax_fit
from bench.training.torch_fit import prepare_torch_fit
from models import RECIPES

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")


def test_a_backend_is_claimed_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    claim_backend("jax")
    assert backend_name() == "jax"
    assert find_trainer(RECIPES["deep_mlp"], "compiled") is prepare_jax_fit
    claim_backend("torch")
    assert find_trainer(RECIPES["deep_mlp"], "compiled") is prepare_torch_fit


def test_a_backend_that_is_unknown_or_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DensebenchError, match="unknown backend 'theano'"):
        claim_backend("theano")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jax" else object())
    with pytest.raises(DensebenchError, match="--backend jax: jax cannot be imported"):
        claim_backend("jax")
    assert backend_name() == "tensorflow"


@pytest.mark.usefixtures("tf")
@pytest.mark.parametrize("name", ["single_dense", "dropout_mlp"])
def test_a_graph_written_layer_by_layer_answers_as_the_exporters_one_does(name: str) -> None:
    model_store = ModelStore(load_dataset("digits", None), Device("cpu", 1), quick=True, seeds=[0], trainer="fit")
    trained = model_store.exported(RECIPES[name]).trained
    written = export(replace(trained, backend="jax"), {})
    assert written.operators == export(trained, {}).operators
    session = onnxruntime.InferenceSession(written.content, providers=["CPUExecutionProvider"])
    answers = session.run(None, {INPUT_NAME: model_store.test_images})[0]
    assert certify(model_store.exported(RECIPES[name]).expected, answers).faults == []


class Listener:
    """A callback that asks for the end after two epochs."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def set_model(self, model: Any) -> None:
        self.model = model

    def on_train_begin(self) -> None:
        self.heard.append("begin")

    def on_epoch_begin(self, number: int) -> None:
        self.heard.append(f"epoch {number}")

    def on_epoch_end(self, number: int, logs: dict[str, float]) -> None:
        self.heard.append((number, logs["loss"]))
        self.model.stop_training = number == 1

    def on_train_end(self) -> None:
        self.heard.append("end")


def test_a_callback_may_end_a_loop_over_epochs() -> None:
    losses = iter([3.0, 2.0, 1.0])
    listener, model = Listener(), type("Model", (), {})()
    history = run_epochs(model, [listener], 3, lambda: {"loss": next(losses)})
    assert history == {"loss": [3.0, 2.0]}
    assert listener.heard == ["begin", "epoch 0", (0, 3.0), "epoch 1", (1, 2.0), "end"]


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["compiled", "fit"])
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "tensorflow"])
def test_each_backend_trains_exports_and_is_certified(backend: str, trainer: str, tmp_path: Path) -> None:
    if any(importlib.util.find_spec(package) is None for package in BACKENDS[backend].packages):
        pytest.skip(f"{backend} is not installed")
    words = ["--quick", "--dataset", "digits", "--models", "single_dense,dropout_mlp", "--device", "cpu:1"]
    words += ["--backend", backend, "--trainer", trainer, "--results", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", "bench/", "--benchmark-only", "-p", "no:cacheprovider", *words]
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]
    (run,), _ = RunReader().read_folder(tmp_path)
    assert run.backend == backend
    train = run.of(TrainRecord)
    assert {record.backend for record in train} | {record.backend for record in run.of(InferRecord)} == {backend}
    assert {record.trainer for record in train} == {trainer}
    assert all(record.placed_on == ("CPU:0",) for record in train)
    assert not any(record.faults for record in run.records)
    assert np.mean([record.test_accuracies[0] for record in train]) > 0.5
