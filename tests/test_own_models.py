"""Models of the user's own, as their users bring them: whole commands, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.records.record import Run, read_run
from bench.records.schema.runtimes import RuntimeRecord
from bench.records.schema.suite import InferRecord, TrainRecord
from tests.inference.own_models.foreign import save
from tests.inference.own_models.test_recipe_file import RECIPE, arrays
from tests.test_suite import COMMAND, LIMIT_S, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Keras file and a recipe with data of its own."""
    import numpy as np

    folder = tmp_path_factory.mktemp("own")
    save(tf.keras, "two_inputs", folder)
    np.savez(folder / "data.npz", **arrays())
    (folder / "theirs.py").write_text(f'{RECIPE}DATA = "data.npz"\n', encoding="utf-8")
    return folder


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def stored(results: Path, folder: str = "") -> Run:
    (path,) = results.glob(f"raw/*/{folder}*.json")
    return read_run(path)


def test_the_suite_times_the_graph_of_a_file_and_says_what_it_was_asked(models: Path, tmp_path: Path) -> None:
    file = str(models / "two_inputs.keras")
    answer = run(*COMMAND, "--quick", "--device", "cpu:1", "--model", f"mine={file}", "--results", str(tmp_path))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "densebench: mine with made-up inputs" in answer.stdout
    found = stored(tmp_path)
    assert [one.case for one in found.records] == [f"infer[mine,batch={size},threads=1]" for size in (1, 32)]
    assert all(one.parity and one.parity.faults == () and one.values_s for one in found.of(InferRecord))
    assert str(models) not in found.command
    assert "| mine" in (tmp_path / "tables" / "own_models.md").read_text(encoding="utf-8")


def test_a_recipe_is_trained_on_the_data_that_it_brings(models: Path, tmp_path: Path) -> None:
    words = ["--model", f"mine={models / 'theirs.py'}", "--device", "cpu:1", "--results", str(tmp_path)]
    refused = run(*COMMAND, *words)
    assert refused.returncode == 4
    assert "a recipe may hold code" in refused.stderr + refused.stdout
    answer = run(*COMMAND, *words, "--trust", "--seeds", "1")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = stored(tmp_path)
    assert found.dataset == "mine-data"
    (trained,) = found.of(TrainRecord)
    assert (trained.train_images, trained.test_images) == (40, 10)
    assert len(found.of(InferRecord)) == 3


def test_runtimes_answer_as_the_file_does_or_say_that_they_do_not_take_it(models: Path, tmp_path: Path) -> None:
    names = "Keras call,ONNX Runtime,ONNX Runtime IO binding,NumPy"
    words = ["--model", str(models / "two_inputs.keras"), "--runtimes", names, "--quick", "--rounds", "1"]
    answer = run(sys.executable, "-m", "bench", "runtimes", *words, "--device", "cpu:1", "--results", str(tmp_path))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = stored(tmp_path, "runtimes/")
    calls = {(one.runtime, one.batch_size): one for one in found.of(RuntimeRecord)}
    assert set(calls) == {(name, size) for name in ("Keras call", "ONNX Runtime") for size in (1, 32)}
    assert all(one.parity and not one.parity.faults for one in calls.values())
    assert "Not measured: ONNX Runtime IO binding: binding is measured for one matrix" in answer.stdout
    assert not [one.case for one in found.records if "runtime=NumPy" in one.case]
