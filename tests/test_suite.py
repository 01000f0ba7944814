"""The suite as its users run it: the whole command in a process of its own, sound and with planted faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import FAILED, INTERRUPTED
from bench.records.record import Run, read_run
from bench.records.schema.suite import InferRecord, TrainRecord
from models import RECIPES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "pytest", "bench/", "--benchmark-only"]
TINY = ["--dataset", "digits", "--quick"]
LIMIT_S = 240


def bench(*words: str, results: Path, fault: str | None = None) -> subprocess.CompletedProcess[str]:
    plugin = ["-p", "tests.faults"] if fault else []
    environment = {**os.environ, "DENSEBENCH_TEST_FAULT": fault or "", "TMPDIR": str(results.parent)}
    return subprocess.run(
        [*COMMAND, *plugin, "--results", str(results), *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def only_run(results: Path) -> Run:
    (path,) = results.glob("raw/*/*.json")
    return read_run(path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    results = tmp_path_factory.mktemp("sound") / "results"
    return bench(*TINY, "--seeds", "2", results=results), results


def test_one_command_trains_exports_times_and_prints_the_table(
    sound: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    answer, results = sound
    assert answer.returncode == 0, answer.stdout + answer.stderr
    run = only_run(results)
    assert (run.complete, run.missing, run.quick, run.dataset) == (True, (), True, "digits")
    rows = [line for line in answer.stdout.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" ")[1] for row in rows] == list(RECIPES)
    assert all("(quick)" in row and "0 changed" in row for row in rows)
    for path in answer.stdout.split("Wrote:")[1].split("=====")[0].split():
        assert Path(path).is_file()


def test_every_row_of_a_run_carries_its_identity_and_its_extra_info(
    sound: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    run = only_run(sound[1])
    for train in run.of(TrainRecord):
        assert (len(train.values_s), len(train.test_accuracies), train.test_images) == (2, 2, 360)
        assert train.dataset_sha256
        assert train.interference
    for calls in run.of(InferRecord):
        assert calls.parity
        assert (calls.parity.images, calls.providers, calls.spinning) == (360, ("CPUExecutionProvider",), True)
        assert calls.interference
    batch_one = [record for record in run.records if record.stage == "infer" and record.batch_size == 1]
    for record in batch_one:  # three processes, two laps
        assert [visit.calls for visit in record.visits] == [50] * 6
        assert set(record.by_process) == {0, 1, 2}
        assert len(record.cold_cache_s) == 12


def test_pytest_benchmark_reads_a_run_file(sound: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    (path,) = sound[1].glob("raw/*/*.json")
    words = [sys.executable, "-m", "pytest_benchmark", "compare", str(path), "--columns=median,rounds"]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "infer[deep_mlp,batch=1,threads=1]" in answer.stdout
    assert "train[deep_mlp,trainer=" in answer.stdout


def test_a_run_file_names_neither_this_host_nor_its_folders(
    sound: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    (path,) = sound[1].glob("raw/*/*.json")
    text = path.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["--models", "deep_mpl"], "unknown model 'deep_mpl'. Did you mean 'deep_mlp'"),
        (["--models", ","], "names no model"),
        (["--dataset", "fashion"], "unknown data set 'fashion'. Did you mean 'fashion_mnist'"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--device", "cpu:999"], "asks for 999 threads"),
        (["--trainer", "jax"], "unknown trainer 'jax'. Known: compiled, fit."),
        (["--modles", "deep_mlp"], "did you mean: --models (--modles)"),
        (["--seeds", "0"], "--seeds '0' is not a number of trainings"),
        (["--seeds", "many"], "--seeds 'many' is not a number of trainings"),
        (["--dataset", "mnist", "--data-dir", "/nowhere"], "--data-dir names '/nowhere'"),
    ],
)
def test_bad_input_gets_one_clear_line(words: list[str], warning: str, tmp_path: Path) -> None:
    answer = bench(*words, results=tmp_path / "results")
    assert answer.returncode == pytest.ExitCode.USAGE_ERROR
    assert warning in answer.stderr
    assert "Traceback" not in answer.stderr + answer.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_stops_the_run(tmp_path: Path) -> None:
    answer = bench(*TINY, "--device", "gpu", results=tmp_path / "results")
    assert answer.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no GPU is visible" in answer.stderr


def test_results_that_cannot_be_written_are_found_before_the_first_measurement(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file", encoding="utf-8")
    answer = bench(*TINY, results=tmp_path / "results")
    assert answer.returncode == pytest.ExitCode.USAGE_ERROR
    assert "results cannot be written to" in answer.stderr
    assert "train[" not in answer.stdout


@pytest.mark.parametrize(
    ("fault", "reason", "stages"),
    [
        ("diverge", "the loss is nan", {"train", "infer"}),
        ("export", "predictions changed", {"infer"}),
    ],
)
def test_one_bad_model_is_invalid_and_the_others_are_measured(
    fault: str, reason: str, stages: set[str], tmp_path: Path
) -> None:
    words = ["--models", "logistic_regression,single_dense", "--device", "cpu:1"]
    answer = bench(*TINY, *words, results=tmp_path / "results", fault=fault)
    assert answer.returncode == pytest.ExitCode.TESTS_FAILED, answer.stdout
    run = only_run(tmp_path / "results")
    assert run.complete
    assert run.missing == ()
    invalid = [record for record in run.records if record.faults]
    assert {record.recipe for record in invalid} == {"single_dense"}
    assert {record.stage for record in invalid} == stages
    assert all(any(reason in fault for fault in record.faults) for record in invalid)
    assert not any(record.values_s for record in invalid if record.stage == "infer")
    (row,) = [line for line in answer.stdout.splitlines() if line.startswith("| single_dense")]
    assert "INVALID" in row


def test_a_training_below_its_floor_is_no_result(tmp_path: Path) -> None:
    words = ["--dataset", "digits", "--seeds", "1", "--models", "logistic_regression", "-k", "train or batch32"]
    answer = bench(*words, results=tmp_path / "results", fault="floor")
    assert answer.returncode == pytest.ExitCode.TESTS_FAILED, answer.stdout
    assert all(
        "below the recipe's floor of 0.9999" in record.faults[0] for record in only_run(tmp_path / "results").records
    )


def test_a_full_disk_loses_nothing_that_was_measured(tmp_path: Path) -> None:
    words = ["--models", "logistic_regression", "-k", "train or batch1-"]
    answer = bench(*TINY, *words, results=tmp_path / "results", fault="disk")
    assert answer.returncode == FAILED
    assert "No space left on device" in answer.stdout
    assert not only_run(tmp_path / "results").complete
    (rescued,) = tmp_path.glob("*.json")
    assert str(rescued) in answer.stdout
    run = read_run(rescued)
    assert run.complete
    assert "train[logistic_regression,trainer=scikit-learn]" in {record.case for record in run.records}


@pytest.mark.parametrize(("fault", "status"), [("ctrl-c", INTERRUPTED), ("kill", -signal.SIGKILL)])
def test_what_was_complete_outlives_the_process(fault: str, status: int, tmp_path: Path) -> None:
    words = ["--dataset", "digits", "--seeds", "3", "--models", "logistic_regression", "--device", "cpu:1"]
    answer = bench(*words, results=tmp_path / "results", fault=fault)
    assert answer.returncode == status, answer.stdout
    run = only_run(tmp_path / "results")
    assert not run.complete
    assert [record.case for record in run.records] == ["train[logistic_regression,trainer=scikit-learn]"]
    assert len(run.records[0].values_s) == 3
    assert len(run.missing) == 3
    if fault == "ctrl-c":
        assert "Ended early: 1 of 4 cases are complete." in answer.stdout
        assert not list((tmp_path / "results").rglob("*.tmp"))


def test_two_runs_at_once_keep_their_own_files(tmp_path: Path) -> None:
    words = [*COMMAND, *TINY, "--models", "logistic_regression", "-k", "train", "--results", str(tmp_path)]
    processes = [subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=LIMIT_S) for process in processes] == [0, 0]
    paths = list(tmp_path.glob("raw/*/*.json"))
    assert len(paths) == 2
    assert all(json.loads(path.read_text(encoding="utf-8"))["densebench"]["complete"] for path in paths)


def test_without_timing_everything_runs_and_nothing_is_recorded(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pytest", "bench/", "--benchmark-disable", *TINY, "--models", "logistic_regression"]
    words += ["-k", "train or batch1-", "--results", str(tmp_path)]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert answer.returncode == 0, answer.stdout
    assert not list(tmp_path.glob("raw/*/*.json"))
