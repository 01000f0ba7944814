"""`releases`: what changed from one release to the next, by environments that are never started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.commands import judging, releases
from bench.errors import ALARM, FINE, UNTOLD, DensebenchError
from bench.host.lock import measuring_alone
from bench.progress import Progress
from bench.records.known_releases import known_releases
from bench.records.record import read_run
from bench.records.releases import group, plan_pairs, steps
from bench.records.trials import BASE, CONTROL, StoredTrial, trial_of
from bench.trials import processes, surveying
from bench.trials.cases import select_cases
from bench.trials.environments import Environment
from tests.fake_trial import CALL, FIT, Machine

CASES = f"{FIT.name},{CALL.name}"
THREE = ("--releases", "2.19,2.20,2.21")


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(judging, "measuring_alone", lambda: measuring_alone(tmp_path / "lock"))
    monkeypatch.setattr(judging, "choose_python", lambda _words: {})
    monkeypatch.setattr(judging, "missing_environments", lambda _words, **_options: [])
    monkeypatch.setattr(judging, "find_environment", lambda word, **_options: Environment(word, Path("/nowhere")))
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)


def run(machine: Machine, results: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str] = THREE) -> int:
    monkeypatch.setattr(processes, "start", machine.start)
    options = ["--cases", CASES, "--dataset", "digits", "--seed", "1", "--results", str(results)]
    return main(["releases", *words, *options])


def stored(results: Path) -> list[StoredTrial]:
    return [trial_of(read_run(path)) for path in sorted(results.glob("raw/*/releases/*.json"))]


def slower_from(role: str, *later: str) -> Machine:
    return Machine(factor={(one, "call"): 1.2 for one in (role, *later)})


def test_a_change_is_told_at_its_release_and_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(slower_from("2.20", "2.21"), tmp_path, monkeypatch) == ALARM
    printed = capsys.readouterr().out
    assert "**TensorFlow 2.21 against BASE is slower or larger in call[deep_mlp,batch=1] typical 1." in printed
    assert "- **2.20** (against BASE): slower or larger: call[deep_mlp,batch=1] typical 1." in printed
    assert "- no change seen: 2.21" in printed
    assert "The control, a copy of the base, raised no alarm" in printed
    assert "Files load in every later one: " in printed.rpartition("## What ran")[2], (
        "and ends with which files survive"
    )
    (line,) = [one for one in printed.splitlines() if one.startswith("| call[deep_mlp,batch=1] | typical   | ▲")]
    assert [cell.strip()[:1] for cell in line.split("|")[3:-1]] == ["▲", "=", "▲"]
    page = (tmp_path / "tables" / "releases.md").read_text(encoding="utf-8")
    assert page.strip() in printed
    (trial,) = stored(tmp_path)
    assert [one.role for one in trial.options.environments] == [BASE, "2.20", "2.21", CONTROL]
    assert [one.word for one in trial.options.environments][1] == "tensorflow-cpu==2.20.0"


def test_releases_that_are_alike_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(Machine(), tmp_path, monkeypatch) == FINE


def test_a_control_that_differs_makes_the_machine_unfit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Machine(factor={(CONTROL, "call"): 1.2}), tmp_path, monkeypatch) == UNTOLD
    assert "this machine is not fit to judge" in capsys.readouterr().out


def test_rounds_are_added_to_the_newest_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(Machine(), tmp_path, monkeypatch, [*THREE, "--budget", "0.001s"])
    (before,) = stored(tmp_path)
    run(Machine(), tmp_path, monkeypatch, ["--resume"])
    (after,) = stored(tmp_path)
    assert len(after.run.records[0].values_s) > len(before.run.records[0].values_s)
    assert [one.word for one in after.options.environments] == [one.word for one in before.options.environments]
    assert after.run.command == before.run.command, "which says how to measure it anew"


def test_what_is_added_is_measured_beside_the_oldest_and_the_newest_and_joins_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(Machine(), tmp_path, monkeypatch)
    machine = slower_from("2.22.0rc0")
    capsys.readouterr()
    assert run(machine, tmp_path, monkeypatch, ["--add", "tensorflow-cpu==2.22.0rc0"]) == ALARM
    assert set(machine.started) == {BASE, "2.21.0", "2.22.0rc0", CONTROL}
    assert "- **2.22.0rc0** (against 2.21" in capsys.readouterr().out
    asked = {one.run.metadata.command.partition("--budget=")[2].split()[0] for one in stored(tmp_path)}
    assert asked == {releases.BUDGET, releases.ADDED_BUDGET}


@pytest.mark.parametrize(
    ("first", "status", "told"), [("2.20", FINE, "is nowhere slower than"), (BASE, ALARM, "is slower than")]
)
def test_any_pair_can_be_asked_for(
    first: str, status: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(slower_from("2.20", "2.21"), tmp_path, monkeypatch)
    printed: list[str] = []
    monkeypatch.setattr(Progress, "done", lambda _self, text: printed.append(text))
    assert run(Machine(), tmp_path, monkeypatch, ("--from", first, "--to", "2.21")) == status
    assert told in printed[0]
    assert len(stored(tmp_path)) == 1, "nothing was measured"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--releases", "2.3"), "unknown release '2.3'"),
        (("--releases", "2.21"), "is one release: two or more are compared"),
        (("--from", "2.20"), "--from and --to go together"),
        (("--from", "2.3", "--to", "2.21"), "'2.3' was not measured. Stored: "),
        (("--add", "tensorflow-cpu==2.22.0rc0"), "no trial of releases is stored in"),
        (("--resume",), "no trial of releases is stored in"),
    ],
)
def test_bad_input_gets_one_clear_line(
    words: Sequence[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(Machine(), tmp_path, monkeypatch, words) == 4
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_newer_release_gets_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[tuple[str, str]] = []

    def make(name: str, release: str) -> int:
        made.append((name, release))
        return 0

    monkeypatch.setattr(releases, "newest_version", lambda _package: "2.99.1")
    monkeypatch.setattr(releases, "make", make)
    monkeypatch.setattr(releases, "known_releases", lambda: known_releases()[-2:])
    run(Machine(), tmp_path, monkeypatch, ())
    assert made == [("tf299", "2.99")]
    assert "TensorFlow 2.99.1 is out: bench/locks/tf299.txt was made" in capsys.readouterr().out


def test_a_registry_that_cannot_be_reached_is_said_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(_package: str) -> str:
        raise DensebenchError("no answer")

    monkeypatch.setattr(releases, "newest_version", silent)
    monkeypatch.setattr(releases, "known_releases", lambda: known_releases()[-2:])
    assert run(Machine(), tmp_path, monkeypatch, ()) == FINE
    assert "whether there is a newer release could not be looked up: no answer" in capsys.readouterr().out


def test_pairs_are_neighbours_and_the_ends_once() -> None:
    assert plan_pairs(["a", "b", "c"]) == [("a", "b"), ("b", "c"), ("a", "c")]
    assert plan_pairs(["a", "b"]) == [("a", "b")]


def test_its_cases_are_those_of_two_models() -> None:
    assert {case.recipe for case in select_cases(releases.CASES, 1)} == {"deep_mlp", "dropout_mlp"}


def test_only_what_follows_the_newest_is_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(Machine(), tmp_path, monkeypatch)
    run(Machine(), tmp_path, monkeypatch, ["--add", "tensorflow-cpu==2.22.0rc0"])
    main_trial, added = sorted(stored(tmp_path), key=lambda one: steps(one)[0][0] != BASE)
    (joined,) = group([added, main_trial])
    assert (joined.main.run.file, [one.run.file for one in joined.added]) == (main_trial.run.file, [added.run.file])
    assert [steps(one) for one in joined.trials] == [[(BASE, "2.20"), ("2.20", "2.21")], [("2.21.0", "2.22.0rc0")]]
    assert group([added]) == []
    run(Machine(), tmp_path, monkeypatch, ["--add", "tf-nightly-cpu==2.23.0.dev20270101"])
    (joined,) = group(stored(tmp_path))
    assert [len(one.added) for one in (joined, joined.released)] == [2, 1], "a nightly is no release"
