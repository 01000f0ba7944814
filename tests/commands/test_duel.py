"""The command itself: its options, and one tiny duel end to end."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.records.duels import read_duel
from tests.fake_duel import METADATA

CASE = "infer[logistic_regression,batch=1,threads=1]"


def duel(*words: str, results: Path, python: str = sys.executable) -> int:
    return main(["duel", python, python, "--dataset", "digits", "--device", "cpu:1", "--results", str(results), *words])


def only_run(results: Path) -> Path:
    (path,) = results.glob("raw/*/duels/*.json")
    return path


# A tiny duel of real processes.


@pytest.fixture(scope="module", autouse=True)
def looks() -> Iterator[None]:
    """A clock on which a second goes by with each look, so that a budget of four seconds is one block."""
    seconds = itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.commands.duel.monotonic", lambda: float(next(seconds)))
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A duel of this interpreter against itself, with a margin that no noise lets it settle."""
    results = tmp_path_factory.mktemp("duel")
    assert duel("--cases", CASE, "--budget", "4s", "--seed", "3", "--margin", "0.001%", results=results) == 2
    return results


@pytest.mark.slow
def test_an_interpreter_duels_with_itself(finished: Path) -> None:
    metadata, (row,) = read_duel(only_run(finished))
    assert row.case.name == CASE
    assert row.measurable
    assert len(row.blocks) == 1
    assert len(row.blocks[0].base_s) == len(row.blocks[0].head_s) == 40
    assert row.blocks[0].seed == 3
    assert metadata["packages_by_side"]["BASE"] == metadata["packages_by_side"]["HEAD"]
    assert metadata["complete"]


@pytest.mark.slow
def test_the_run_file_names_no_folder_of_this_machine(finished: Path) -> None:
    text = only_run(finished).read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert sys.prefix not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["--cases", "train[logistic_regression]"], "cases"),
        (["--cases", CASE, "--seed", "4"], "seed 3, now 4"),
        (["--cases", CASE, "--device", "cpu"], "device 'cpu:1', now 'cpu'"),
        (["--cases", CASE, "--inject", "infer:5%"], "plant None, now 'infer:5%'"),
    ],
)
def test_another_duel_is_not_gone_on_with(
    words: list[str], warning: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = only_run(finished).read_bytes()
    if words[-1] == "cpu" and METADATA["threads"] == 1:
        pytest.skip("this machine has one CPU")
    assert duel("--resume", str(only_run(finished)), *words, results=finished) == 4
    assert "that duel is another one" in (told := capsys.readouterr().err)
    assert warning in told
    assert only_run(finished).read_bytes() == before


@pytest.mark.slow
def test_a_duel_goes_on_from_its_file(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(only_run(finished).read_bytes())
    _, (before,) = read_duel(path)
    words = ["--cases", CASE, "--budget", "4s", "--margin", "0.001%", "--resume", str(path)]
    assert duel(*words, results=tmp_path) == 2
    _, (after,) = read_duel(path)
    assert after.blocks[:1] == before.blocks
    assert len(after.blocks) == 2


# Options.


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["--cases", "train[deep_mpl]"], "unknown case"),
        (["--budget", "soon"], "is no duration"),
        (["--margin", "0"], "--margin '0' is no share"),
        (["--accuracy-margin", "2"], "--accuracy-margin '2' is no share"),
        (["--fail-on", "slow"], "unknown verdict 'slow'. Did you mean 'slower'"),
        (["--device", "gpu"], "on cpu or cpu:N only"),
        (["--inject", "sleep:5%"], "--inject 'sleep:5%' is none of"),
        (["--seed", "-1"], "--seed -1 is no seed"),
        (["--dataset", "fashion"], "unknown data set"),
        (["--resume", "/nowhere.json"], "/nowhere.json: No such file"),
    ],
)
def test_bad_input_gets_one_clear_line_before_anything_is_measured(
    words: list[str], warning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert duel(*words, results=tmp_path / "results") == 4
    assert warning in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_side_that_is_no_interpreter_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert duel(results=tmp_path / "results", python="/nowhere/python") == 4
    assert "/nowhere/python is no Python interpreter" in capsys.readouterr().err
