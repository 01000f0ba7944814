"""`duel`: its options, its exit statuses, and one tiny duel of real processes."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.commands import judging
from bench.commands.judging import exit_status
from bench.errors import ALARM, FAILED, FINE, UNTOLD, DensebenchError
from bench.host.lock import measuring_alone
from bench.records.cases import INJECT
from bench.records.record import read_run
from bench.records.trials import HEAD, TYPICAL, StoredTrial, trial_of
from bench.trials import processes, surveying
from bench.trials.environments import Environment
from tests.fake_trial import CALL, FIT, INFER, Machine, die

CASES = f"{FIT.name},{CALL.name}"


@pytest.fixture(autouse=True)
def a_lock_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests run side by side, and measure nothing."""
    monkeypatch.setattr(judging, "measuring_alone", lambda: measuring_alone(tmp_path / "lock"))


def duel(*words: str, results: Path, heads: Sequence[str] = (sys.executable,)) -> int:
    return main(["duel", sys.executable, *heads, "--dataset", "digits", "--results", str(results), *words])


def fake(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    monkeypatch.setattr(judging, "find_environment", lambda word, **_options: Environment(word, Path("/nowhere")))
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)
    monkeypatch.setattr(processes, "start", machine.start)


def only_trial(results: Path) -> StoredTrial:
    (path,) = results.glob("raw/*/trials/*.json")
    return trial_of(read_run(path))


@pytest.mark.parametrize(
    ("machine", "words", "status"),
    [
        (Machine(), (), FINE),
        (Machine(factor={(HEAD, "call"): 1.2}), (), ALARM),
        (Machine(factor={(HEAD, "call"): 0.8}), (), FINE),
        (Machine(), ("--budget", "0.001s"), UNTOLD),
    ],
)
def test_each_answer_has_its_exit_status(
    machine: Machine, words: tuple[str, ...], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch, machine)
    assert duel("--cases", CASES, *words, results=tmp_path) == status


def test_the_answer_comes_first_and_the_page_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(monkeypatch, Machine(factor={(HEAD, "call"): 1.2}))
    duel("--cases", CASES, results=tmp_path)
    output = capsys.readouterr().out
    assert "is slower than" in output
    assert (tmp_path / "tables" / "trials.md").read_text(encoding="utf-8").startswith("# Duels")


def test_rounds_are_added_with_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, Machine())
    duel("--cases", CASES, "--budget", "0.001s", results=tmp_path)
    (path,) = tmp_path.glob("raw/*/trials/*.json")
    assert duel("--cases", CASES, "--resume", str(path), results=tmp_path) == FINE
    assert only_trial(tmp_path).rows[0].effect.rounds > 1
    assert duel("--cases", FIT.name, "--resume", str(path), results=tmp_path) == 4


def test_a_control_is_a_copy_of_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[str] = []
    fake(monkeypatch, Machine())

    def find(word: str, *, copy: bool = False, **_options: object) -> Environment:
        copies.extend([word] if copy else [])
        return Environment(word, Path("/nowhere"))

    monkeypatch.setattr(judging, "find_environment", find)
    duel("--cases", CASES, "--control", results=tmp_path)
    assert copies == [sys.executable]
    assert [one.role for one in only_trial(tmp_path).heads] == [HEAD, "CONTROL"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--cases", "train[deep_mpl,trainer=fit]"], "unknown case 'train[deep_mpl,trainer=fit]'. Did you mean"),
        (["--cases", ","], "names no case"),
        (["--budget", "soon"], "--budget 'soon' is no duration"),
        (["--margin", "0"], "--margin '0' is no share"),
        (["--seed", "-1"], "--seed -1 is no seed"),
        (["--device", "gpu"], "duels run on cpu or cpu:N only"),
        (["--dataset", "fashion"], "unknown data set 'fashion'"),
        (["--resume", "/nowhere.json"], "--resume: /nowhere.json: No such file or directory"),
    ],
)
def test_bad_input_gets_one_clear_line_before_anything_is_measured(
    words: Sequence[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert duel(*words, results=tmp_path / "results") == 4
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_one_measurement_runs_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with measuring_alone(lock) as handle:
        assert fcntl.fcntl(handle, fcntl.F_GETFD) is not None
        said = rf"another measurement runs on this machine \(process {os.getpid()}\)"
        with pytest.raises(DensebenchError, match=said), measuring_alone(lock):
            pass
    with measuring_alone(lock):
        pass


def test_an_environment_that_failed_is_no_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, Machine(trouble=die(HEAD, *range(2, 99))))
    assert duel("--cases", CASES, results=tmp_path, heads=(sys.executable, sys.executable)) == FAILED
    trial = only_trial(tmp_path)
    assert exit_status(trial, trial.pairs) == FAILED


@pytest.mark.slow
def test_an_interpreter_duels_with_itself(tmp_path: Path) -> None:
    """Two rounds at most of real processes: all kinds of cases are there, and equal weights are proved."""
    assert duel("--budget", "1s", "--seed", "3", results=tmp_path) == UNTOLD
    trial = only_trial(tmp_path)
    cases = {row.case.partition("[")[0] for row in trial.rows}
    assert cases == {"train", "call", "predict", "import", "first", "memory"}
    assert {row.finding for row in trial.rows} >= {TYPICAL}
    one, other = (environment.surveys["deep_mlp"] for environment in trial.options.environments)
    assert one.weights == other.weights
    assert one.graph == other.graph
    assert all(0 < row.base < 1e10 for row in trial.rows)
    assert str(Path(sys.executable).parent) not in next(tmp_path.glob("raw/*/trials/*.json")).read_text(
        encoding="utf-8"
    )


@pytest.mark.slow
def test_an_injection_slows_the_steps_of_its_environment(tmp_path: Path) -> None:
    """Real processes: steps in the environment's own one, calls of its exported model in the base's."""
    slowed = f"{sys.executable} {INJECT}=slow:100%"
    duel("--cases", f"{FIT.name},{INFER.name}", "--budget", "1s", results=tmp_path, heads=(slowed,))
    rows = {row.case: row for row in only_trial(tmp_path).rows if row.finding == TYPICAL}
    assert rows.keys() == {FIT.name, INFER.name}
    for row in rows.values():
        assert 1.4 < row.head / row.base < 2.9
