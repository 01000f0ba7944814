"""`bisect`: where a case changed, by environments that are never started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.__main__ import main
from bench.commands import bisect, judging
from bench.errors import ALARM, FINE, UNTOLD, DensebenchError
from bench.host.lock import measuring_alone
from bench.records.known_releases import known_releases
from bench.trials import candidates, processes, surveying
from bench.trials.candidates import Candidates, candidates_between, mixtures, nightlies_between
from bench.trials.environments import Environment
from tests.fake_trial import FIT, Machine, Process

if TYPE_CHECKING:
    from bench.trials.trial import Trial

RELEASES = [release.requirement for release in known_releases()]


class WordMachine(Machine):
    """A machine on which what an environment is called decides how long it takes."""

    slow: frozenset[str] = frozenset()

    def start(self, trial: Trial, _group: Any, role: str, seed: int, _core: int, **_options: Any) -> Process:
        """A process of an environment."""
        slow = trial.environments[role].word in self.slow
        self.factor = {**self.factor, (role, "train"): 1.1 if slow else 1.0}
        return super().start(trial, _group, role, seed, _core)


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(judging, "measuring_alone", lambda: measuring_alone(tmp_path / "lock"))
    monkeypatch.setattr(judging, "choose_python", lambda _words: {})
    monkeypatch.setattr(judging, "missing_environments", lambda _words, **_options: [])
    monkeypatch.setattr(judging, "find_environment", lambda word, **_options: Environment(word, Path("/nowhere")))
    monkeypatch.setattr(bisect, "nightlies_between", lambda *_ends: Candidates("nothing between", [], [], "none kept"))
    monkeypatch.setattr(candidates, "find_program", lambda name: [name])
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)


def run(slow: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    machine = WordMachine()
    machine.slow = frozenset(slow)
    monkeypatch.setattr(processes, "start", machine.start)
    options = ["--cases", FIT.name, "--dataset", "digits", "--seed", "1", "--results", str(tmp_path)]
    return main(["bisect", *words, *options])


@pytest.mark.parametrize("place", range(1, len(RELEASES)))
def test_the_release_that_changed_a_case_is_found_wherever_it_is(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = ("--good", "2.12", "--bad", known_releases()[-1].name)
    assert run(RELEASES[place:], tmp_path, monkeypatch, *ends) == ALARM
    printed = capsys.readouterr().out
    assert f"**It became slower between `{RELEASES[place - 1]}` and `{RELEASES[place]}`**: 1." in printed
    assert len(list(tmp_path.glob("raw/*/bisections/*.json"))) <= 4
    assert "No nightly is tried: none kept." in printed
    page = (tmp_path / "tables" / "bisections.md").read_text(encoding="utf-8")
    assert f"between `{RELEASES[place - 1]}` and `{RELEASES[place]}`" in page


def test_what_did_not_change_is_said_after_one_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([], tmp_path, monkeypatch, "--good", "2.15", "--bad", "2.21") == FINE
    assert "is the same as" in capsys.readouterr().out
    assert len(list(tmp_path.glob("raw/*/bisections/*.json"))) == 1


def test_what_cannot_be_told_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([], tmp_path, monkeypatch, "--good", "2.15", "--bad", "2.21", "--budget", "0.001s") == UNTOLD


def test_a_release_that_cannot_be_measured_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    middle = RELEASES[len(RELEASES) // 2]

    def find(word: str, **_options: object) -> Environment:
        if word == middle:
            raise DensebenchError(f"{word!r}: no wheel")
        return Environment(word, Path("/nowhere"))

    monkeypatch.setattr(judging, "find_environment", find)
    ends = ("--good", "2.12", "--bad", known_releases()[-1].name)
    assert run(RELEASES[len(RELEASES) // 2 :], tmp_path, monkeypatch, *ends) == ALARM
    printed = capsys.readouterr().out
    assert f"is left out: {middle!r}: no wheel" in printed
    place = len(RELEASES) // 2
    assert f"between `{RELEASES[place - 1]}` and `{RELEASES[place + 1]}`" in printed


def test_the_package_that_carries_a_change_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = "tensorflow-cpu==2.20.0 keras==3.10.0 A=1", "tensorflow-cpu==2.21.0 keras==3.12.0 A=0"
    slow = [word for word in mixtures(good, bad).words if "keras==3.12.0" in word]
    assert run(slow, tmp_path, monkeypatch, "--good", good, "--bad", bad) == ALARM
    answer = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("**It became slower"))
    assert "keras==3.10.0" in answer.split(" and ")[0]
    assert "keras==3.12.0" in answer.split(" and ")[1]


def test_mixtures_take_over_one_difference_after_the_other() -> None:
    found = mixtures("tensorflow-cpu==2.20.0 keras==3.10.0", "tensorflow-cpu==2.21.0 keras==3.12.0 A=0")
    assert found.names == ["the first", "+ A=0", "+ keras==3.12.0", "+ tensorflow-cpu==2.21.0"]
    assert found.words[1] == "tensorflow-cpu==2.20.0 keras==3.10.0 A=0"
    assert set(found.words[2].split()) == {"tensorflow-cpu==2.20.0", "keras==3.12.0", "A=0"}
    assert mixtures("tensorflow-cpu==2.20.0", "tensorflow-cpu==2.20.0 A=0").reason == "they differ in A alone"
    nightly = mixtures("tensorflow-cpu==2.21.0 keras==3.15.1", "tf-nightly-cpu==2.22.0.dev1 keras-nightly==3.16.0.dev1")
    assert list(nightly.words[1:-1]) == ["tensorflow-cpu==2.21.0 keras-nightly==3.16.0.dev1"], "one of each family"


LISTED = "Available versions: 2.22.0.dev20260905, 2.22.0.dev20260101, 2.21.0.dev20251201"


def test_nightlies_lie_between_releases_in_their_order() -> None:
    found = nightlies_between("tensorflow-cpu==2.21.0", "tensorflow-cpu==2.22.0rc0", run=lambda _words: LISTED)
    assert found.names == ["2.21.0", "2.22.0.dev20260101", "2.22.0.dev20260905", "2.22.0rc0"]
    assert found.words[1] == "tf-nightly-cpu==2.22.0.dev20260101"
    full = nightlies_between("tensorflow-cpu==2.21.0", "tf-nightly==2.22.0.dev20260905", run=lambda _words: LISTED)
    assert full.words[1:-1] == ["tf-nightly==2.22.0.dev20260101"]
    backwards = nightlies_between("tensorflow-cpu==2.21.0", "tensorflow-cpu==2.20.0", run=lambda _words: LISTED)
    assert backwards.words == ["tensorflow-cpu==2.21.0", "tf-nightly-cpu==2.21.0.dev20251201", "tensorflow-cpu==2.20.0"]


def test_where_the_registry_keeps_no_nightly_that_is_the_reason() -> None:
    found = nightlies_between("tensorflow-cpu==2.15.0", "tensorflow-cpu==2.16.0", run=lambda _words: LISTED)
    assert found.reason == (
        "the registry keeps tf-nightly-cpu from 2.21.0.dev20251201 to 2.22.0.dev20260905, and none between these two"
    )
    silent = nightlies_between("tensorflow-cpu==2.15.0", "tensorflow-cpu==2.16.0", run=lambda _words: "")
    assert "does not tell" in silent.reason


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--good", "2.15", "--bad", "2.15"), "are the same environment"),
        (("--good", "2.15", "--bad", "/usr/bin/python3"), "cannot be taken apart"),
    ],
)
def test_bad_input_gets_one_clear_line(
    words: Sequence[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([], tmp_path, monkeypatch, *words) == 4
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_more_than_one_case_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bisect", "--good", "2.15", "--bad", "2.16", "--cases", "train[deep_mlp*"]) == 4
    assert "must name one case, and names 2" in capsys.readouterr().err


def test_releases_are_searched_either_way() -> None:
    assert list(candidates_between(RELEASES[0], RELEASES[2]).words) == RELEASES[:3]
    assert list(candidates_between(RELEASES[2], RELEASES[0]).words) == RELEASES[2::-1]


def test_releases_lie_between_ends_that_are_none_of_the_known_ones() -> None:
    candidate = candidates_between(RELEASES[-2], "tensorflow-cpu==99.0.0rc0")
    assert (candidate.kind, list(candidate.words)) == ("releases", [*RELEASES[-2:], "tensorflow-cpu==99.0.0rc0"])
    full = candidates_between("tensorflow==2.11.1", RELEASES[1].replace("-cpu", ""))
    assert list(full.words[1:-1]) == [RELEASES[0].replace("-cpu", "")]


def test_nightlies_are_searched_where_no_release_lies_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "nightlies_between", lambda *ends: Candidates("nightlies", ends, ends))
    for ends in (
        RELEASES[-2:],
        [RELEASES[-1], "tensorflow-cpu==99.0.0rc0"],
        ["tf-nightly==99.0.0.dev1", "tf-nightly==99.0.0.dev5"],
    ):
        assert candidates_between(*ends).kind == "nightlies"
    assert candidates_between(f"{RELEASES[0]} A=1", RELEASES[1]).kind == "packages and variables"
