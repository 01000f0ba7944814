"""The search for the release in which a case changed, on releases whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.commands import bisect as bisection
from bench.commands.bisect import exit_status
from bench.errors import DensebenchError
from bench.records.bisections import Found, Step
from bench.records.known_releases import Release, find_release, known_releases, releases_between
from bench.records.record import RunReader
from bench.report.pages.bisection import answer, bisection_page
from bench.trials.duels.search import search
from bench.trials.duels.sides import Side
from tests.fake_duel import INFER, TRAIN, FakeArena
from tests.fake_runs import PACKAGES

ROOT = Path(__file__).parents[2]
RELEASES = [Release(2, minor) for minor in range(15, 22)]


@dataclass
class Truth:
    """How long a case takes on each release; some say nothing.

    A duel says ``slower`` where HEAD takes more than 3 % longer.
    """

    slow: Mapping[int, float]
    silent: Mapping[int, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def fight(self, base: Release, head: Release) -> Step:
        self.log.append(f"{base.minor} {head.minor}")
        if head.minor in self.silent:
            return Step(base, head, self.silent[head.minor], "–", "for a reason")
        ratio = self.slow[head.minor] / self.slow[base.minor]
        word = "slower" if ratio > 1.03 else "faster" if ratio < 0.97 else "same"
        return Step(base, head, word, f"{ratio:.3f}")


def from_release(minor: int, factor: float = 1.1) -> dict[int, float]:
    return {one.minor: factor if one.minor >= minor else 1.0 for one in RELEASES}


@pytest.mark.parametrize("changed", range(16, 22))
def test_the_release_that_changed_a_case_is_found_wherever_it_is(changed: int) -> None:
    truth = Truth(from_release(changed))
    found = search(RELEASES, truth.fight)
    assert (found.before, found.after, found.between) == (Release(2, changed - 1), Release(2, changed), ())
    assert exit_status(found) == 1
    assert len(truth.log) <= 5
    assert len(truth.log) == len(set(truth.log))


def test_no_change_ends_after_one_duel() -> None:
    found = search(RELEASES, Truth(from_release(22)).fight)
    assert (len(found.steps), found.after, exit_status(found)) == (1, None, 0)
    assert "did not change between 2.15 and 2.21: 1.000" in answer(found)


def test_ends_that_cannot_be_told_apart_are_no_answer() -> None:
    found = search(RELEASES, Truth(from_release(18), {21: "cannot tell"}).fight)
    assert (found.after, found.error, exit_status(found)) == (None, 0.0, 2)
    assert "cannot be searched: nobody can tell whether 2.15 and 2.21 differ (for a reason)" in answer(found)


def test_a_silent_release_far_from_the_change_costs_nothing_but_its_duel() -> None:
    found = search(RELEASES, Truth(from_release(17), {18: "failed"}).fight)
    assert (found.before, found.after, found.between) == (Release(2, 16), Release(2, 17), ())


@pytest.mark.parametrize("word", ["cannot tell", "missing", "failed"])
def test_silent_releases_around_the_change_make_a_range(word: str) -> None:
    found = search(RELEASES, Truth(from_release(18), {18: word, 17: word}).fight)
    assert (found.before, found.after) == (Release(2, 16), Release(2, 19))
    assert found.between == (Release(2, 17), Release(2, 18))
    assert exit_status(found) == (3 if word == "failed" else 2)
    page = bisection_page("train[deep_mlp]", found)
    assert "became slower in 2.19 or in one of 2.17, 2.18 (2.16 was still as 2.15)" in page
    assert "skipped 2.18: for a reason" in page


def test_the_neighbours_say_whether_the_change_came_in_one_piece() -> None:
    slow = {15: 1.0, 16: 1.0, 17: 1.02, 18: 1.04, 19: 1.06, 20: 1.08, 21: 1.1}
    found = search(RELEASES, Truth(slow).fight)
    assert (found.before, found.after) == (Release(2, 17), Release(2, 18))
    assert found.last is not None
    assert "the verdict is `same`: the change came in more than one step" in answer(found)
    whole = search(RELEASES, Truth(from_release(18)).fight)
    assert "more than one step" not in answer(whole)


def test_neighbours_that_cannot_be_told_apart_do_not_confirm_the_change() -> None:
    truth = Truth(from_release(18))

    def fight(base: Release, head: Release) -> Step:
        step = truth.fight(base, head)
        return step if base.minor == 15 else Step(base, head, "cannot tell", "1.1", "too much noise")

    page = bisection_page("train[deep_mlp]", search(RELEASES, fight))
    assert "became slower in 2.18" in page
    assert "Their own duel does not confirm it: too much noise." in page
    assert "skipped" not in page


def test_a_change_to_the_other_side_comes_before_the_one_that_is_sought() -> None:
    slow = {15: 1.0, 16: 1.0, 17: 0.8, 18: 0.8, 19: 0.8, 20: 1.2, 21: 1.2}
    found = search(RELEASES, Truth(slow).fight)
    assert (found.before, found.after) == (Release(2, 19), Release(2, 20))


def test_a_search_backwards_finds_the_same_place() -> None:
    found = search(RELEASES[::-1], Truth(from_release(18)).fight)
    assert found.steps[0].word == "faster"
    assert (found.before, found.after) == (Release(2, 18), Release(2, 17))


def test_the_errors_of_all_steps_that_count_add_up() -> None:
    base, head = RELEASES[0], RELEASES[-1]
    used = (*[Step(base, head, "slower", "")] * 2, *[Step(base, head, "same", "")] * 3)
    found = Found(used, RELEASES[0], RELEASES[1], (), used[0], used)
    assert found.error == pytest.approx(0.17)
    assert "Right with at least 83 %" in bisection_page("train[deep_mlp]", found)


# Releases.


def test_the_lock_files_are_the_releases() -> None:
    assert [release.environment for release in known_releases()] == [f"tf2{minor}" for minor in range(12, 22)]
    assert find_release("tf219") == find_release("2.19") == Release(2, 19)
    assert [release.minor for release in releases_between("2.21", "2.19")] == [21, 20, 19]


@pytest.mark.parametrize(
    ("ends", "warning"), [(("2.19", "tf219"), "are the same release"), (("2.1", "2.19"), "unknown release '2.1'")]
)
def test_anything_else_is_no_range(ends: tuple[str, str], warning: str) -> None:
    with pytest.raises(DensebenchError, match=warning):
        releases_between(*ends)


# The command.


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Environments of which 2.17 cannot be made; from 2.19 on, the case takes 20 % longer and learns less."""
    duels: list[str] = []

    class FakeProcessArena(FakeArena):
        def __init__(self, sides: Mapping[str, Side], *_words: Any, **_options: Any) -> None:
            base, head = (sides[side].word >= "tf219" for side in ("BASE", "HEAD"))
            slower = 1.2 if head and not base else 1.0
            super().__init__({TRAIN.name: slower, INFER.name: slower}, loss=0.05 if slower > 1 else 0.0)
            self.packages = {"BASE": PACKAGES, "HEAD": PACKAGES}
            duels.append(f"{sides['BASE'].word} {sides['HEAD'].word}")

        def close(self) -> None:
            pass

    def find(word: str) -> Side:
        if word == "tf217":
            raise DensebenchError("side 'tf217': it does not install")
        return Side(word, Path("/nowhere"))

    monkeypatch.setattr(bisection, "ProcessArena", FakeProcessArena)
    monkeypatch.setattr(bisection, "find_side", find)
    return duels


def bisect(results: Path, *words: str) -> int:
    options = ["--dataset", "digits", "--results", str(results), *words]
    return main(["bisect", "--good", "2.15", "--bad", "2.20", *options])


@pytest.mark.parametrize("look_for", ["time", "accuracy"])
def test_each_duel_is_stored_and_the_answer_is_shown(
    look_for: str, fake: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bisect(tmp_path, "--case", TRAIN.name, "--look-for", look_for) == 1
    shown = capsys.readouterr().out
    word = "slower" if look_for == "time" else "worse"
    assert f"**train[deep_mlp,trainer=fit] became {word} in 2.19 (2.18 was still as 2.15)" in shown
    assert fake == ["tf215 tf220", "tf215 tf218", "tf215 tf219", "tf218 tf219"]
    runs, warnings = RunReader().read_folder(tmp_path, "duels")
    assert (len(runs), warnings) == (4, [])


def test_a_release_without_an_environment_is_skipped_and_named(
    fake: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bisect", "--good", "2.16", "--bad", "2.19", "--case", INFER.name, "--dataset", "digits"]
    assert main([*words, "--results", str(tmp_path)]) == 1
    assert fake[0] == "tf216 tf219"
    assert main(["bisect", "--good", "2.16", "--bad", "2.17", *words[5:], "--results", str(tmp_path)]) == 3
    assert "skipped 2.17: side 'tf217': it does not install" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["--case", "train*"], "must name one case"),
        (["--case", INFER.name, "--look-for", "accuracy"], "its accuracy must be measured"),
        (["--case", TRAIN.name, "--budget", "soon"], "is no duration"),
    ],
)
def test_bad_options_get_one_line(
    words: list[str], warning: str, fake: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bisect(tmp_path, *words) == 4
    assert warning in capsys.readouterr().err
    assert fake == []
