"""Ctrl-C: each measuring command keeps what was complete, and its last line says so and how to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.__main__ import main
from bench.commands import devices, judging
from bench.commands.runtimes import command as runtimes
from bench.commands.runtimes import measure as runtimes_measure
from bench.commands.trainers import command as trainers_command
from bench.commands.trainers import measure as trainers_measure
from bench.commands.trainers.measure import REPETITIONS
from bench.commands.trainers.variants import VARIANTS
from bench.errors import FAILED
from bench.host.lock import measuring_alone
from bench.records import run_file
from bench.records.cases import INJECT
from bench.records.record import read_run
from bench.records.schema.runtimes import StartRecord
from bench.records.schema.trials import TrialRecord
from bench.records.trials import BASE, HEAD
from bench.trials import processes, surveying
from bench.trials.environments import Environment
from tests.commands.test_runtimes import FakeProcess
from tests.commands.test_trainers import FakeWorker
from tests.fake_trial import FIT, Machine

DIGITS = ["--dataset", "digits"]


def stop(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The last line of a command that is interrupted."""
    assert main([str(word) for word in words]) == 130
    output, errors = capsys.readouterr()
    assert errors == ""
    return output.splitlines()[-1]


def test_a_duel_keeps_its_rounds_and_names_the_file_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trouble(role: str, number: int, request: Mapping[str, Any]) -> None:
        if (role, number, request["do"]) == (HEAD, 4, "turn"):
            raise KeyboardInterrupt

    machine = Machine(trouble=trouble)
    monkeypatch.setattr(judging, "find_environment", lambda word, **_options: Environment(word, Path("/nowhere")))
    monkeypatch.setattr(judging, "measuring_alone", lambda: measuring_alone(tmp_path / "lock"))
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)
    monkeypatch.setattr(processes, "start", machine.start)
    results = tmp_path / "results"
    line = stop(capsys, "duel", "/a/python", "/b/python", "--cases", FIT.name, *DIGITS, "--results", results)
    (path,) = results.glob("raw/*/trials/*.json")
    assert line == f"Stopped. Kept: 2 rounds in {path}; the same command goes on with `--resume {path}`."
    run = read_run(path)
    assert not run.complete
    assert {record.rounds for record in run.of(TrialRecord)} == {(0, 1)}


def no_environments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: Machine) -> None:
    def find(word: str, **_options: object) -> Environment:
        injection = word.partition(f"{INJECT}=")[2]
        return Environment(word, Path("/nowhere"), {INJECT: injection} if injection else {})

    monkeypatch.setattr(judging, "choose_python", lambda _words: {})
    monkeypatch.setattr(judging, "missing_environments", lambda _words, **_options: [])
    monkeypatch.setattr(judging, "find_environment", find)
    monkeypatch.setattr(judging, "measuring_alone", lambda: measuring_alone(tmp_path / "lock"))
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)
    monkeypatch.setattr(processes, "start", machine.start)


def press_ctrl_c_at(wanted: int, *, trial: int = 1, who: str = HEAD) -> Machine:
    """A machine on which Ctrl-C is pressed in a turn of a role, in its process of this number within a trial."""
    seen = {"surveys": 0, "processes": 0}

    def trouble(role: str, _number: int, request: Mapping[str, Any]) -> None:
        if role == BASE and request["do"] == "survey":
            seen.update(surveys=seen["surveys"] + 1, processes=0)
        if role == who and request["do"] == "begin":
            seen["processes"] += 1
        if (role, request["do"]) == (who, "turn") and seen == {"surveys": trial, "processes": wanted}:
            raise KeyboardInterrupt

    return Machine(trouble=trouble)


def test_a_bisection_keeps_the_trial_that_was_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_environments(monkeypatch, tmp_path, press_ctrl_c_at(4))
    ends = ["--good", "2.15", "--bad", "2.20", "--cases", FIT.name]
    results = tmp_path / "results"
    line = stop(capsys, "bisect", *ends, *DIGITS, "--results", results)
    (path,) = results.glob("raw/*/bisections/*.json")
    assert line == f"Stopped. Kept: 2 rounds in {path}; the same command begins the search anew."


def test_a_self_test_keeps_the_trials_that_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_environments(monkeypatch, tmp_path, press_ctrl_c_at(3, trial=3, who=BASE))
    results = tmp_path / "results"
    line = stop(capsys, "selftest", "--cases", FIT.name, *DIGITS, "--total", "9h", "--results", results)
    paths = sorted(results.glob("raw/*/selftest/*.json"))
    assert line.endswith("the same command goes on with --resume.")
    complete = [read_run(path).complete for path in paths]
    assert complete.count(False) == 1
    assert len(complete) > 1


RUNTIMES = ["--models", "deep_mlp", "--runtimes", "NumPy", "--device", "cpu:1", *DIGITS]
STARTED = {
    "cold": {"cold_s": 0.5, "import_s": 0.3, "load_s": 0.1, "first_s": 0.1, "resident_bytes": 1},
    "certificate": {"faults": []},
    "rows": {"1": {"call_s": 1e-5}},
}
"""A runtime's answer."""


def test_runtimes_keep_the_rounds_that_were_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = iter([True])

    def start(case: Any, _folder: str) -> FakeProcess:
        if next(started, False):
            return FakeProcess(case, STARTED)
        raise KeyboardInterrupt

    monkeypatch.setattr(runtimes, "prepare_all", lambda *_words: None)
    monkeypatch.setattr(runtimes_measure, "start_worker", start)
    words = [*RUNTIMES, "--results", str(tmp_path)]
    line = stop(capsys, "runtimes", *words)
    (path,) = tmp_path.glob("raw/*/runtimes/*.json")
    assert line == f"Stopped. Kept: 1 of 5 rounds, in {path}; the same command begins anew."
    assert not read_run(path).complete
    assert stop(capsys, "runtimes", *words) == "Stopped. No round was complete, so nothing is kept."


def trainers(monkeypatch: pytest.MonkeyPatch, stop_at: int) -> None:
    """Fake workers, of whose repetitions one is interrupted."""
    count = iter(range(10_000))

    def trouble(request: Mapping[str, Any]) -> None:
        if request["do"] == "repeat" and next(count) == stop_at:
            raise KeyboardInterrupt

    @contextmanager
    def workers(*_words: Any) -> Iterator[dict[str, Any]]:
        yield {variant.backend: FakeWorker([], trouble) for variant in VARIANTS.values()}

    images = SimpleNamespace(name="fashion_mnist", sha256="0", source="a test")
    monkeypatch.setattr(trainers_command, "load_dataset", lambda *_words: images)
    monkeypatch.setattr(trainers_command, "open_workers", workers)
    monkeypatch.setattr(trainers_command, "mark_missing", lambda _cases: None)
    monkeypatch.setattr(trainers_measure, "SETTLE_S", 0.0)


def test_trainers_keep_the_blocks_that_were_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = len(trainers_measure.plan_cases())
    trainers(monkeypatch, stop_at=REPETITIONS * rows + 3)
    line = stop(capsys, "trainers", "--results", tmp_path)
    (path,) = tmp_path.glob("raw/*/trainers/*.json")
    assert line == f"Stopped. Kept: 1 of 5 blocks, in {path}; the same command begins anew."
    assert {len(record.values_s) for record in read_run(path).records} == {REPETITIONS}


@pytest.fixture
def rescue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder, which has room, while that of the results has none."""

    def full(path: Path, content: bytes) -> None:
        if "raw" in path.parts:
            raise OSError(28, "No space left on device", str(path))
        path.write_bytes(content)

    folder = tmp_path / "rescue"
    folder.mkdir()
    monkeypatch.setattr(run_file, "write_atomically", full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    return folder


def test_what_trainers_cannot_save_lies_in_the_temporary_folder(
    tmp_path: Path, rescue: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainers(monkeypatch, stop_at=-1)
    assert main(["trainers", "--results", str(tmp_path)]) == FAILED
    (path,) = rescue.glob("*.json")
    output = capsys.readouterr().out
    assert output.count("NOT SAVED, will try again") == 6
    assert f"instead:\n  {path}\n" in output
    assert {len(record.values_s) for record in read_run(path).records} == {5 * REPETITIONS}


def test_what_runtimes_cannot_save_lies_in_the_temporary_folder(
    tmp_path: Path, rescue: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtimes, "prepare_all", lambda *_words: None)
    monkeypatch.setattr(runtimes_measure, "start_worker", lambda case, _folder: FakeProcess(case, STARTED))
    assert main(["runtimes", *RUNTIMES, "--results", str(tmp_path)]) == FAILED
    (path,) = rescue.glob("*.json")
    output = capsys.readouterr().out
    assert output.count("NOT SAVED, will try again") == 6
    assert f"instead:\n  {path}\n" in output
    assert {len(record.values_s) for record in read_run(path).of(StartRecord)} == {5}


def test_devices_name_the_runs_that_are_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = iter([0])

    def start(_command: Sequence[str]) -> int:
        if (status := next(statuses, None)) is not None:
            return status
        raise KeyboardInterrupt

    monkeypatch.setattr(devices, "_start", start)
    monkeypatch.setattr(devices, "select_devices", lambda _text: ["cpu:1", "cpu"])
    line = stop(capsys, "devices", "--results", "nowhere")
    assert line.startswith("Stopped. Kept: 1 of 2 runs")
    assert line.endswith("Left: --backend tensorflow --device cpu.")
