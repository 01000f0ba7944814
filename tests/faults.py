"""Faults planted into a run of the suite: `pytest bench/ -p tests.faults` with DENSEBENCH_TEST_FAULT set."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.files import write_atomically
from bench.inference.export import export
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.inference.export import OnnxModel

VICTIM = "single_dense"
PATCH = pytest.MonkeyPatch()


def diverge() -> None:
    """Weights that are not numbers from the start."""
    recipe = RECIPES[VICTIM]

    def build(keras: Any) -> Any:
        model = recipe.build(keras)
        model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
        return model

    RECIPES[VICTIM] = replace(recipe, build=build)


def fall_below_the_floor() -> None:
    """A floor that no training reaches."""
    for name, recipe in RECIPES.items():
        RECIPES[name] = replace(recipe, accuracy_floors={"digits": 0.9999})


def export_another_model() -> None:
    """An exported file whose weights are not the trained ones."""

    def spoil(trained: Any, extra_info: Any) -> OnnxModel:
        import onnx

        exported = export(trained, extra_info)
        if trained.recipe.name != VICTIM:
            return exported
        proto = onnx.load_from_string(exported.content)
        for constant in proto.graph.initializer:
            constant.CopyFrom(
                onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(constant)[..., ::-1].copy(), constant.name)
            )
        return replace(exported, content=proto.SerializeToString())

    PATCH.setattr("bench.commands.suite.model_store.export", spoil)


def fill_the_disk() -> None:
    """A results folder that takes one save and no more; the temporary folder still has room."""
    saved: list[Path] = []

    def write_once(path: Path, content: bytes) -> None:
        if saved and "raw" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        saved.append(path)
        write_atomically(path, content)

    PATCH.setattr("bench.records.run_file.write_atomically", write_once)


def stop(number: signal.Signals) -> None:
    """A signal to the suite itself, in the midst of the first latency row."""

    def send(*_words: Any, **_options: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which processes in the background do without
        os.kill(os.getpid(), number)

    PATCH.setattr("bench.inference.onnx_session.open_session", send)


FAULTS: dict[str, Callable[[], None]] = {
    "diverge": diverge,
    "floor": fall_below_the_floor,
    "export": export_another_model,
    "disk": fill_the_disk,
    "ctrl-c": partial(stop, signal.SIGINT),
    "kill": partial(stop, signal.SIGKILL),
}


def pytest_configure() -> None:
    FAULTS[os.environ["DENSEBENCH_TEST_FAULT"]]()
