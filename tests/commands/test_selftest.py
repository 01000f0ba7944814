"""`selftest`: trials of an environment against itself, and what is injected, without processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from bench.__main__ import main
from bench.commands import judging
from bench.errors import ALARM, FINE
from bench.host.lock import measuring_alone
from bench.records.cases import INJECT
from bench.records.other_rules import RULES
from bench.records.record import read_run
from bench.records.selftests import (
    NOTHING,
    alike,
    by_injection,
    false_alarms,
    newest_selftest,
    resampled,
    selftest_trial,
)
from bench.records.trials import BASE, CONTROL, HEAD, StoredTrial
from bench.report.answers import trust_answer
from bench.report.pages.selftest import OURS, rates, selftest_page
from bench.trials import processes, surveying
from bench.trials.environments import Environment
from tests.fake_trial import CALL, FIT, Machine

CASES = f"{FIT.name},{CALL.name}"
STILL = Machine()


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def find(word: str, **_options: object) -> Environment:
        injection = word.partition(f"{INJECT}=")[2]
        return Environment(word, Path("/nowhere"), {INJECT: injection} if injection else {})

    monkeypatch.setattr(judging, "measuring_alone", lambda: measuring_alone(tmp_path / "lock"))
    monkeypatch.setattr(judging, "choose_python", lambda _words: {})
    monkeypatch.setattr(judging, "missing_environments", lambda _words, **_options: [])
    monkeypatch.setattr(judging, "find_environment", find)
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)


def run(machine: Machine, results: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str]) -> int:
    monkeypatch.setattr(processes, "start", machine.start)
    options = ["--cases", CASES, "--dataset", "digits", "--seed", "1", "--total", "9h", "--results", str(results)]
    return main(["selftest", "tensorflow-cpu==2.21.0", *words, *options])


def stored(results: Path) -> list[StoredTrial]:
    return newest_selftest([selftest_trial(read_run(path)) for path in results.glob("raw/*/selftest/*.json")])


def test_what_was_injected_is_called_and_the_control_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(STILL, tmp_path, monkeypatch, ["--trials", "3"]) == FINE
    printed = capsys.readouterr().out
    trials = stored(tmp_path)
    assert [one.role for one in trials[0].options.environments] == [BASE, HEAD, CONTROL]
    assert (false_alarms(trials).count, false_alarms(trials).of) == (0, 3)
    found = rates(trials, "slow:5%")
    assert (found[OURS].count, found[OURS].of) == (6, 6)
    assert set(found) == {OURS, *RULES}
    assert "**False alarms between copies of one environment: 0 of 3 (0–71 %) trials**" in printed
    assert "All trials are done." in printed
    assert (tmp_path / "tables" / "selftest.md").read_text(encoding="utf-8").strip() in printed
    answer = trust_answer(trials)
    assert "**0 of 3 trials of two copies of one environment raised a false alarm**, all cases at once" in answer
    assert "**6 of 6 cases that were really 5 % slower were called `slower`**" in answer


def test_a_self_test_goes_on_until_there_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(STILL, tmp_path, monkeypatch, ["--trials", "1"])
    assert run(STILL, tmp_path, monkeypatch, ["--trials", "2", "--resume"]) == FINE
    assert len(stored(tmp_path)) == 2
    assert len({one.options.seed for one in stored(tmp_path)}) == 2
    capsys.readouterr()
    assert run(STILL, tmp_path, monkeypatch, ["--trials", "3", "--resume", "--inject", "stall:20%"]) == 4
    assert "--resume: the newest self-test was another one: its injections" in capsys.readouterr().err


def test_trials_of_another_machine_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for series, node in (("20260101T000000Z", "one"), ("20260102T000000Z", "other")):
        monkeypatch.setattr("bench.commands.selftest.node_identity", lambda node=node: node)
        monkeypatch.setattr("bench.trials.trial.node_identity", lambda node=node: node)
        run(STILL, tmp_path / series, monkeypatch, ["--trials", "2"])
    paths = sorted(tmp_path.glob("*/raw/*/selftest/*.json"))
    trials = [selftest_trial(read_run(path)) for path in paths]
    known = [
        StoredTrial(one.run, msgspec.structs.replace(one.options, series=path.relative_to(tmp_path).parts[0]), one.rows)
        for path, one in zip(paths, trials, strict=True)
    ]
    assert [(one.options.series[7], one.options.number) for one in alike(known)] == [
        ("1", 0),
        ("1", 1),
        ("2", 0),
        ("2", 1),
    ]
    assert len(newest_selftest(known)) == 2
    assert "(2 machines)" in selftest_page(alike(known))

    def with_options(**options: object) -> StoredTrial:
        changed = msgspec.structs.replace(trials[0].options, series="20260101", **options)
        return StoredTrial(trials[0].run, changed, trials[0].rows)

    assert len(alike([*known, with_options(margins={"typical": 0.01})])) == 4
    assert len(alike([*known, with_options(budget_s=1.0)])) == 5
    assert "at most 1.00 s or 5 min 0 s a trial" in selftest_page(alike([*known, with_options(budget_s=1.0)]))


def test_copies_that_differ_are_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(factor={(CONTROL, "call"): 1.1})
    assert run(machine, tmp_path, monkeypatch, ["--trials", "2"]) == ALARM
    (_, copies) = by_injection(stored(tmp_path)).popitem()
    assert false_alarms(stored(tmp_path)).count == 2
    assert copies
    assert f"{CALL.name} typical slower in" in selftest_page(stored(tmp_path))


def test_trials_are_drawn_anew_from_the_stored_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(STILL, tmp_path, monkeypatch, ["--trials", "2"])
    found = resampled(stored(tmp_path))
    assert found
    assert found.called["slow:5%", FIT.name].count > 0.95 * found.called["slow:5%", FIT.name].of
    assert found.called[NOTHING, FIT.name].count == 0
    assert found.alarms.count == 0
    assert resampled([]) is None


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--trials", "0"], "--trials 0 and --total 9h leave no time for one trial"),
        (["--budget", "10h"], "leave no time for one trial"),
        (["--resume"], "--resume: no self-test is stored"),
        (["--inject", "fast:5%"], "DENSEBENCH_INJECT='fast:5%' is none of slow:5%"),
    ],
)
def test_bad_input_gets_one_clear_line(
    words: Sequence[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if words[0] == "--inject":
        monkeypatch.undo()
    assert run(Machine(), tmp_path, monkeypatch, words) == 4
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
