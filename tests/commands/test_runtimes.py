"""Runtimes: what each answers, when its figures may be published, and the table of them."""

from __future__ import annotations

import importlib.util
import io
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.__main__ import main
from bench.commands.runtimes.cases import Case, run_content
from bench.commands.runtimes.command import mark_missing, plan_cases, runtime_packages
from bench.commands.runtimes.measure import make_groups, measure
from bench.commands.runtimes.prepare import EXPECTED, PrepareRequest, prepare
from bench.commands.runtimes.worker import MeasureRequest, cold_start, prepare_calls, start
from bench.errors import DensebenchError
from bench.host.machine import RESIDENT, private_peak, process_memory
from bench.inference.runtimes import RUNTIMES
from bench.inference.runtimes.artifacts import ARTIFACTS
from bench.inference.runtimes.certificate import examine
from bench.progress import Progress
from bench.records.record import read_run
from bench.records.run_file import encode_run
from bench.report.pages.runtimes import rows_of, runtimes_page
from bench.report.registry import KINDS
from bench.trained import Expected
from models import RECIPES
from tests import fake_runs

METADATA = {**fake_runs.run_content([])["densebench"], "dataset_sha256": ""}
LABELS = np.array([0, 1, 1])
REFERENCE = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
EXPECTED_ANSWERS = Expected(REFERENCE, REFERENCE, 1e-6)


# The certificate.


def test_a_runtime_in_full_precision_may_change_nothing() -> None:
    assert examine(EXPECTED_ANSWERS, REFERENCE.astype(np.float32), LABELS, exact=True).faults == []
    changed = REFERENCE[:, ::-1].astype(np.float32)
    assert "3 of 3 predictions changed" in examine(EXPECTED_ANSWERS, changed, LABELS, exact=True).faults


def test_a_runtime_in_less_precision_may_change_predictions_but_not_lose_its_accuracy() -> None:
    rough = np.array([[0.8, 0.2], [0.3, 0.7], [0.45, 0.55]], np.float32)
    assert examine(EXPECTED_ANSWERS, rough, LABELS, exact=False).faults == []
    wrong = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], np.float32)
    (fault,) = examine(EXPECTED_ANSWERS, wrong, LABELS, exact=False).faults
    assert fault == "test accuracy changed by -33.33 percentage points; 0.5 is the most that may be lost"


@pytest.mark.parametrize("exact", [True, False])
def test_answers_that_are_no_numbers_are_a_fault(*, exact: bool) -> None:
    assert examine(EXPECTED_ANSWERS, np.full((3, 2), np.nan, np.float32), LABELS, exact=exact).faults


# The worker.


def test_the_parts_of_a_start_add_up_to_it() -> None:
    found = cold_start(1_000_000_000, [3_000_000_000, 3_500_000_000, 3_750_000_000])
    assert found == {"cold_s": 2.75, "import_s": 2.0, "load_s": 0.5, "first_s": 0.25}


def test_memory_is_told_where_the_system_tells_it(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmHWM:\t 20 kB\nVmRSS:\t 12 kB\n", encoding="ascii")
    assert process_memory(RESIDENT, status) == 12 * 1024
    assert process_memory(RESIDENT, tmp_path / "none") is None
    status.write_text("VmHWM:\t 20 kB\nVmRSS:\t 12 kB\nRssFile:\t 5 kB\n", encoding="ascii")
    assert private_peak(status) == 15 * 1024
    assert private_peak(tmp_path / "none") is None


@pytest.fixture(scope="module")
def prepared(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:  # noqa: ARG001  which starts TensorFlow
    folder = tmp_path_factory.mktemp("runtimes")
    artifacts = {
        "logistic_regression": ["joblib", "onnx", "npz"],
        "deep_mlp": [name for name in ARTIFACTS if name not in {"joblib", "tflite"}],
        "dropout_mlp": ["npz"],
    }
    order = PrepareRequest(
        artifacts=artifacts,
        dataset="digits",
        data_dir=None,
        device="cpu:1",
        trainer="fit",
        quick=True,
        folder=str(folder),
    )
    return folder, prepare(order)


def test_every_artifact_is_written_with_its_size(prepared: tuple[Path, dict[str, Any]]) -> None:
    folder, facts = prepared
    for recipe, known in facts.items():
        for name, artifact in known["artifacts"].items():
            assert artifact.get("bytes") == (folder / recipe / artifact["file"]).stat().st_size, (recipe, name)
    sizes = {name: artifact["bytes"] for name, artifact in facts["deep_mlp"]["artifacts"].items()}
    assert sizes["onnx-int8"] < sizes["onnx-fp16"] < sizes["onnx"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_runtime_gives_the_trained_models_answers(
    runtime: str, prepared: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = RUNTIMES[runtime]
    if any(importlib.util.find_spec(package) is None for package in chosen.packages):
        pytest.skip(f"{chosen.packages} not installed")
    monkeypatch.setattr(
        "bench.inference.runtimes.keras_model.start_tensorflow", lambda _device: pytest.importorskip("tensorflow")
    )
    monkeypatch.setattr("bench.commands.runtimes.worker.claim_device", lambda _device: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder, facts = prepared
    for recipe, known in facts.items():
        if RECIPES[recipe].framework not in chosen.frameworks or chosen.artifact not in known["artifacts"]:
            continue
        settings = MeasureRequest(
            runtime=runtime,
            path=str(folder / recipe / known["artifacts"][chosen.artifact]["file"]),
            expected=str(folder / recipe / EXPECTED),
            threads=1,
            rows={"one": 1, "many": 32},
            started_ns=0,
        )
        cold, answer = start(settings, iter(range(10**9, 10**10, 10**9)).__next__)
        assert cold["cold_s"] == 3.0
        assert cold["resident_bytes"] > 0
        told, visited = prepare_calls(settings, answer)
        assert told["certificate"]["faults"] == []
        assert set(told["rows"]) == {"one", "many"}
        assert len(visited.visit("many", 7)["values_ns"]) == 7


# The command.


def test_each_model_meets_the_runtimes_of_its_framework() -> None:
    names = {(case.model, case.runtime.name, case.threads) for case in plan_cases(None, None, 2)}
    assert ("logistic_regression", "scikit-learn predict_proba", 2) in names
    assert ("logistic_regression", "Keras predict", 1) not in names
    assert ("deep_mlp", "Keras predict", 1) in names
    (case,) = plan_cases("deep_mlp", "NumPy", 1)
    assert case.name == "deep_mlp, NumPy, 1 thread"
    with pytest.raises(DensebenchError, match="NumPy"):
        plan_cases(None, "Numpy", 1)


def test_what_is_not_installed_is_named() -> None:
    cases = plan_cases("deep_mlp", "OpenVINO,NumPy", 1)
    mark_missing(cases, lambda package: None if package == "openvino" else object())
    assert [case.unavailable is None for case in cases] == [False, True]
    assert "not installed: openvino" in str(cases[0].unavailable)


def found(values_s: float = 1e-5, *, change: float = 0.0, faults: list[str] | None = None) -> dict[str, Any]:
    certificate = {
        "images": 100,
        "max_abs_diff": 1e-7,
        "changed_predictions": 0,
        "ties": 0,
        "accuracy_change": change,
        "exact": True,
        "faults": faults or [],
    }
    cold = {"cold_s": 0.5, "import_s": 0.3, "load_s": 0.1, "first_s": 0.1, "resident_bytes": 100_000_000}
    rows = {} if faults else {str(size): {"call_s": values_s * size} for size in (1, 32, 1000)}
    return {"cold": cold, "certificate": certificate, "rows": rows}


class FakeProcess:
    """A process that tells what it is given, and whose calls always take what it told."""

    def __init__(self, case: Case, told: Mapping[str, Any]) -> None:
        rows = {f"{case.name}, {size}": row for size, row in told.get("rows", {}).items()}
        self.told = {**told, "rows": rows}
        self.paused = False

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert not self.paused
        if request["do"] == "tell":
            return self.told
        call_s = self.told["rows"][request["row"]]["call_s"]
        return {"values_ns": [round(call_s * 1e9)] * request["calls"]} if call_s < 1 else {"failed": "it crashed"}

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def close(self) -> None:
        pass


def measured(answers: dict[str, dict[str, Any]], rounds: int = 3) -> list[Case]:
    cases = plan_cases("deep_mlp", ",".join(answers), 1)
    for case in cases:
        case.artifact = {"file": "x", "bytes": 320_000, "sha256": "0"}
    measure(
        cases,
        "nowhere",
        rounds,
        1,
        quick=False,
        progress=Progress(io.StringIO()),
        save=lambda: None,
        start=lambda case, _folder: FakeProcess(case, answers[case.runtime.name]),
    )
    return cases


def stored(cases: list[Case], path: Path, **metadata: Any) -> Path:
    content = run_content(cases, {**METADATA, **metadata}, complete=True)
    path.write_bytes(encode_run(*content))
    return path


def test_the_page_has_a_row_per_runtime_and_says_what_is_invalid_or_missing(tmp_path: Path) -> None:
    answers = {
        "NumPy": found(),
        "ONNX Runtime": {"failed": "the worker was killed"},
        "ONNX Runtime int8": found(faults=["test accuracy changed by -3.00 percentage points"]),
        "OpenVINO": {"unavailable": "no such processor"},
    }
    page = runtimes_page(read_run(stored(measured(answers), tmp_path / "run.json")))
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    assert " ".join(rows["NumPy"].split()).startswith("| NumPy | 1 | 10.0 µs ± 0 % | 10.0 µs ± 0 % |")
    assert "500 ms (300 ms + 100 ms + 100 ms)" in rows["NumPy"]
    assert "| 100 MB |" in " ".join(rows["NumPy"].split())
    assert "+0.00, 0 changed" in rows["NumPy"]
    assert rows["ONNX Runtime int8"].count("INVALID") == 7
    assert "OpenVINO" not in rows
    assert "**INVALID: deep_mlp, ONNX Runtime, 1 thread: the worker was killed**" in page
    assert "Not measured: OpenVINO: no such processor" in page


def test_what_starts_but_cannot_be_timed_has_failed() -> None:
    (case,) = measured({"NumPy": found(values_s=2.0)})
    assert case.failed == "batch 1000 could not be timed: it crashed"
    assert len(case.starts) == 1


def test_p99_takes_enough_processes(tmp_path: Path) -> None:
    page = runtimes_page(read_run(stored(measured({"NumPy": found()}, rounds=1), tmp_path / "run.json")))
    assert "n/a (needs 3 processes)" in page


def test_processes_that_are_there_together_are_of_one_model_and_fit_into_memory() -> None:
    cases = plan_cases(None, None, 2)
    groups = make_groups(cases, random.Random(1), 3_000_000_000)
    assert sorted(case.name for group in groups for case in group) == sorted(case.name for case in cases)
    for group in groups:
        assert len({(case.model, case.threads) for case in group}) == 1
        assert sum(case.runtime.artifact == "keras" for case in group) <= 3
    assert len(make_groups(cases, random.Random(1), None)) == 8
    assert max(map(len, make_groups(cases, random.Random(1), 0))) == 1


def test_a_runtime_that_fails_is_not_tried_again() -> None:
    tried: list[str] = []

    def crash(case: Case, _folder: str) -> FakeProcess:
        tried.append(case.runtime.name)
        return FakeProcess(case, {"failed": "it crashed"})

    cases = plan_cases("deep_mlp", "NumPy", 1)
    progress = Progress(io.StringIO())
    measure(cases, "", 3, 1, quick=False, progress=progress, save=lambda: None, start=crash)
    assert tried == ["NumPy"]


def test_quick_runs_are_never_published(tmp_path: Path) -> None:
    run = read_run(stored(measured({"NumPy": found()}), tmp_path / "run.json"))
    quick = read_run(stored(measured({"NumPy": found()}), tmp_path / "quick.json", quick=True, started_at="2030-01-01"))
    assert KINDS["runtimes"].choose([run, quick]) == [run]
    assert "Quick run" in runtimes_page(quick)


def test_the_packages_of_all_runtimes_are_stored_by_the_names_that_install_them() -> None:
    found = runtime_packages()
    assert {"ai-edge-litert", "openvino", "joblib"} <= set(found)
    assert not [name for name in found if name.startswith(("tensorflow", "onnxruntime", "numpy", "scikit"))]


@pytest.mark.parametrize(
    "words", [["--rounds", "0"], ["--device", "gpu"], ["--runtimes", "TensorRT"], ["--models", "x"]]
)
def test_wrong_options_are_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtimes", *words]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_the_whole_command_on_a_tiny_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--models", "logistic_regression", "--dataset", "digits", "--quick", "--rounds", "1", "--device", "cpu:1"]
    assert main(["runtimes", *words, "--results", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("raw/*/runtimes/*.json")
    run = read_run(path)
    assert {record.runtime for record in rows_of(run)} >= {
        "scikit-learn predict_proba",
        "ONNX Runtime",
        "NumPy",
    }
    assert runtimes_page(run) in capsys.readouterr().out
