"""Trials on fake processes: rounds, lost ones, what is not timed, what is refused, and when they end."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.errors import DensebenchError
from bench.progress import Progress
from bench.records.cases import INJECT
from bench.records.record import read_run
from bench.records.run_file import encode_run
from bench.records.trials import BASE, HEAD, MEMORY, OVERALL, START, TYPICAL, Row, StoredTrial, trial_of
from bench.stats.simultaneous import LOOKS, Effect
from bench.trials import engine, processes, surveying
from bench.trials.engine import run_trial, split
from bench.trials.narrowing import narrow
from bench.trials.rounds import TURNS
from bench.trials.trial import first_step
from tests.fake_trial import CALL, FIT, INFER, Machine, die, make_trial

if TYPE_CHECKING:
    from bench.records.cases import Case
    from bench.trials.trial import Trial


@pytest.fixture(autouse=True)
def no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)


def run(trial: Trial, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Run a trial on a machine; the number of rounds at each save."""
    saves: list[int] = []
    monkeypatch.setattr(processes, "start", machine.start)
    run_trial(trial, save=lambda: saves.append(len(trial.rounds)), progress=Progress(io.StringIO()))
    assert machine.open == 0
    return saves


def words(trial: Trial, role: str = HEAD) -> dict[tuple[str, str], str]:
    return {(row.case, row.finding): row.word for row in trial.rows() if row.environment == role}


def stored(trial: Trial, path: Path) -> StoredTrial:
    path.write_bytes(encode_run(*trial.content(complete=True)))
    return trial_of(read_run(path))


def test_equal_environments_are_the_same_and_the_trial_ends_as_soon_as_that_is_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trial = make_trial(FIT, CALL)
    saves = run(trial, Machine(), monkeypatch)
    assert set(words(trial).values()) == {"same"}
    assert saves == list(range(len(trial.rounds) + 1))
    assert len(trial.rounds) < 20


def test_what_is_slower_is_said_for_its_case_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(FIT, CALL)
    run(trial, Machine(factor={(HEAD, "call"): 1.06}), monkeypatch)
    found = words(trial)
    assert {found[CALL.name, finding] for finding in (TYPICAL, OVERALL)} == {"slower"}
    assert {found[FIT.name, finding] for finding in (TYPICAL, OVERALL)} == {"same"}


def test_stalls_are_seen_by_the_mean_and_not_by_the_typical_step(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(FIT)
    run(trial, Machine(stall={HEAD: 0.45}), monkeypatch)
    found = words(trial)
    assert (found[FIT.name, TYPICAL], found[FIT.name, OVERALL]) == ("same", "slower")


def test_several_environments_share_their_base_and_each_has_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    trial, machine = make_trial(FIT, heads=3), Machine(factor={("HEAD 3", "train"): 0.9})
    run(trial, machine, monkeypatch)
    assert words(trial, "HEAD 3")[FIT.name, TYPICAL] == "faster"
    assert words(trial, "HEAD 2")[FIT.name, TYPICAL] == "same"
    counts = {role: machine.started.count(role) for role in trial.environments}
    assert counts[BASE] == max(counts.values()) == len(trial.rounds) + 1, "one process per round, and the survey"


def row(case: str, finding: str, word: str, role: str = HEAD) -> Row:
    effect = Effect(word=word, value=0.0, low=-0.01, high=0.01, rounds=8, more_rounds=None)
    return Row(case, BASE, role, finding, "step", 1.0, 1.0, effect)


OPEN = "cannot tell"


@pytest.mark.parametrize(
    ("found", "roles", "cases"),
    [
        ([], [BASE, HEAD, "HEAD 2"], [FIT, CALL]),
        ([(FIT.name, TYPICAL, OPEN, HEAD)], [BASE, HEAD, "HEAD 2"], [FIT, CALL]),
        ([(FIT.name, TYPICAL, OPEN, HEAD), (CALL.name, OVERALL, "same", "HEAD 2")], [BASE, HEAD], [FIT]),
        ([(FIT.name, TYPICAL, OPEN, HEAD), (CALL.name, OVERALL, OPEN, "HEAD 2")], [BASE, HEAD, "HEAD 2"], [FIT, CALL]),
        ([(FIT.name, START, OPEN, HEAD), (CALL.name, TYPICAL, "slower", "HEAD 2")], [], []),
        ([("memory", MEMORY, OPEN, HEAD), (CALL.name, TYPICAL, "same", "HEAD 2")], [BASE, HEAD], [FIT, CALL]),
    ],
)
def test_what_is_settled_is_left_out_of_the_next_round(
    found: list[tuple[str, str, str, str]], roles: list[str], cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(FIT, CALL, heads=2, budget_s=0.0)
    run(trial, Machine(), monkeypatch)
    assert narrow(trial, [row(*one) for one in found], rounds_left=5) == bool(roles)
    assert (trial.open_pairs, trial.open_cases) == ([(BASE, role) for role in roles[1:]], cases)
    if roles:
        timed = {
            (one, name) for name, _, word, head in found if word == OPEN and name != "memory" for one in (BASE, head)
        }
        everything = {(role, case.name) for role in roles for case in (FIT, CALL)}
        assert trial.open_turns == (timed if found[1:] else everything)


def test_no_finding_is_left_out_before_all_that_may_be_asked_for_could_be_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trial = make_trial(FIT, CALL, budget_s=0.0)
    run(trial, Machine(), monkeypatch)
    found = [row(FIT.name, TYPICAL, "same")]
    assert not narrow(trial, found, rounds_left=5)
    trial.choice = 100
    assert narrow(trial, found, rounds_left=5), "a family of 100 is not judged after 8 rounds"
    assert trial.open_turns == {(BASE, FIT.name), (HEAD, FIT.name)}


@pytest.mark.parametrize(
    ("word", "rounds", "roles", "cases"),
    [
        (OPEN, 8, [BASE, HEAD], [FIT]),
        (OPEN, 18, [HEAD, "HEAD 2"], [CALL]),
        ("same", 8, [HEAD, "HEAD 2"], [CALL]),
        ("slower", 8, [HEAD, "HEAD 2"], [FIT, CALL]),
    ],
)
def test_what_waits_is_measured_where_something_changed_once_that_is_known_or_takes_long(
    word: str, rounds: int, roles: list[str], cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = {(HEAD, "HEAD 2"): [FIT.name, CALL.name]}
    trial = make_trial(FIT, CALL, heads=2, budget_s=0.0, pairs=[(BASE, HEAD), *waiting], waiting=waiting)
    run(trial, Machine(), monkeypatch)
    one = row(FIT.name, TYPICAL, word)
    found = [replace(one, effect=replace(one.effect, rounds=rounds)), row(CALL.name, TYPICAL, "slower")]
    assert narrow(trial, found, rounds_left=5)
    assert sorted({role for pair in trial.open_pairs for role in pair}) == roles
    assert trial.open_cases == cases
    assert not narrow(trial, [row(case.name, TYPICAL, "same") for case in (FIT, CALL)], rounds_left=5)


@pytest.mark.parametrize(("lacking", "goes_on"), [(1, True), (2, True), (3, False)])
def test_a_budget_is_not_ended_a_round_or_two_before_anything_is_known(
    lacking: int, *, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(FIT, CALL, budget_s=0.0)
    run(trial, Machine(), monkeypatch)
    one = row(FIT.name, TYPICAL, OPEN)
    found = replace(one, effect=replace(one.effect, low=None, high=None, more_rounds=lacking))
    assert narrow(trial, [found], rounds_left=0.5) == goes_on
    assert not narrow(trial, [found, row(CALL.name, TYPICAL, OPEN)], rounds_left=0.5), "something is known"


@pytest.mark.parametrize(("more", "goes_on"), [(3, True), (6, False), (None, False)])
def test_the_start_is_measured_further_where_the_rest_of_the_budget_would_settle_it(
    more: int | None, *, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(FIT, CALL, budget_s=0.0)
    run(trial, Machine(), monkeypatch)
    start, settled = row(first_step(FIT)[0], START, OPEN), row(CALL.name, TYPICAL, "same")
    start = replace(start, effect=replace(start.effect, more_rounds=more))
    assert narrow(trial, [start, settled], rounds_left=5) == goes_on
    assert trial.open_cases == ([FIT] if goes_on else [])
    assert not narrow(trial, [row(FIT.name, TYPICAL, OPEN), start], rounds_left=0.5)


def test_what_the_last_analysis_leaves_open_ends_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(FIT)
    run(trial, Machine(noise=0.3), monkeypatch)
    assert len(trial.rounds) == LOOKS[-1]
    assert words(trial)[FIT.name, TYPICAL] == OPEN


def test_a_case_that_is_settled_first_keeps_its_rounds_and_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trial = make_trial(FIT, CALL)
    run(trial, Machine(noise=0.004, factor={(HEAD, "call"): 1.2, (HEAD, "train"): 1.035}), monkeypatch)
    records = {one.case: one for one in trial.records() if one.environment == HEAD}
    assert len(records[CALL.name].rounds) == len(records["memory[process]"].rounds) < len(records[FIT.name].rounds)
    assert len(records["import[tensorflow]"].rounds) == len(trial.rounds)
    assert stored(trial, tmp_path / "a.json").options.environments[1].missing == {}


def test_equal_graphs_are_proved_and_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(FIT, INFER)
    run(trial, Machine(), monkeypatch)
    assert trial.same_graph == [INFER]
    assert INFER.name not in {row.case for row in trial.rows()}
    other = make_trial(FIT, INFER)
    run(other, Machine(graphs={HEAD: "another"}), monkeypatch)
    assert other.same_graph == []
    assert words(other)[INFER.name, TYPICAL] == "same"
    assert other.together == [INFER], "different graphs on one runtime"
    planted = make_trial(FIT, INFER, budget_s=0.0, variables={INJECT: "slow:5%"})
    run(planted, Machine(), monkeypatch)
    assert planted.same_graph == [], "what is injected is in no graph"
    assert planted.together == [INFER]


def test_what_is_only_slowed_is_not_surveyed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for injection, surveys in (("slow:5%", 1), ("labels:50%", 2)):
        machine, checked = Machine(), list[str]()
        monkeypatch.setattr(surveying, "check_identity", lambda one, _told, checked=checked: checked.append(one.word))
        trial = make_trial(FIT, budget_s=0.0, variables={INJECT: injection})
        run(trial, machine, monkeypatch)
        assert len(machine.started) == surveys + 2, "a survey each, and a process each in the only round"
        assert checked == [f"tensorflow=={role}" for role in (BASE, HEAD)[:surveys]]
        assert trial.surveyed[HEAD].surveys.keys() == trial.surveyed[BASE].surveys.keys()


def test_different_graphs_on_one_runtime_are_timed_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process is off by, here 20 %, is off on both sides."""
    trial = make_trial(FIT, INFER, budget_s=0.0)
    run(trial, Machine(noise=0.2, graphs={HEAD: "another"}, factor={(HEAD, "infer"): 1.1}), monkeypatch)
    ratios = {row.case: row.effect.value for row in trial.rows() if row.finding == TYPICAL}
    assert ratios[INFER.name] == pytest.approx(math.log(1.1), abs=0.02)
    assert abs(ratios[FIT.name] or 0.0) > 0.02


def test_a_process_that_dies_costs_its_round_and_no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trial = make_trial(FIT, heads=2)
    run(trial, Machine(trouble=die(HEAD, 4)), monkeypatch)
    assert [sorted(one.lost) for one in trial.rounds if one.lost] == [[HEAD]]
    record = next(one for one in stored(trial, tmp_path / "a.json").run.records if one.case == FIT.name)
    assert record.values_s
    assert words(trial)[FIT.name, TYPICAL] == "same"
    assert "HEAD: the worker was killed" in stored(trial, tmp_path / "a.json").options.lost[0]


def test_an_environment_that_keeps_dying_is_given_up_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(FIT, heads=2)
    run(trial, Machine(trouble=die(HEAD, *range(2, 99))), monkeypatch)
    assert trial.surveyed[HEAD].failed == "the worker was killed by signal 9"
    assert words(trial, "HEAD 2")[FIT.name, TYPICAL] == "same"
    with pytest.raises(DensebenchError, match="nothing is left to compare: BASE: the worker"):
        run(make_trial(FIT), Machine(trouble=die(BASE, *range(2, 99))), monkeypatch)


def test_a_case_that_one_environment_lacks_is_not_judged_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(role: str, _number: int, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if role != HEAD or request["do"] != "begin":
            return None
        told = {FIT.name: {"first_s": 1.0}, CALL.name: {"unavailable": "no such thing"}}
        return {"import_s": 1.0, "peak_bytes": 1, "cases": told}

    trial = make_trial(FIT, CALL, budget_s=0.0)
    run(trial, Machine(trouble=lack), monkeypatch)
    assert CALL.name not in {case for case, _ in words(trial)}
    assert trial.content(complete=True)[0].trial.environments[1].missing == {CALL.name: "no such thing"}  # type: ignore[union-attr]


def test_a_budget_ends_a_trial_after_its_first_round_at_the_earliest(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(FIT, budget_s=0.0)
    run(trial, Machine(), monkeypatch)
    assert len(trial.rounds) == 1
    assert set(words(trial).values()) == {"cannot tell"}


def test_an_environment_that_is_not_what_it_says_stops_the_trial_before_its_first_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_words: Any) -> None:
        raise DensebenchError("tensorflow is owned by two distributions")

    monkeypatch.setattr(surveying, "check_identity", refuse)
    trial, machine = make_trial(FIT), Machine()
    with pytest.raises(DensebenchError, match="owned by two"):
        run(trial, machine, monkeypatch)
    assert trial.rounds == []


def test_rounds_are_added_to_a_stored_trial_and_to_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = make_trial(FIT, budget_s=0.0)
    run(first, Machine(), monkeypatch)
    before = stored(first, tmp_path / "a.json")
    second = make_trial(FIT, budget_s=0.0, before=before)
    run(second, Machine(), monkeypatch)
    numbers = [one.rounds for one in stored(second, tmp_path / "b.json").run.records if one.case == FIT.name]  # type: ignore[union-attr]
    assert numbers == [(0, 1), (0, 1)]
    other = make_trial(FIT, budget_s=0.0, before=before)
    with pytest.raises(DensebenchError, match="another one: its models of HEAD"):
        run(other, Machine(weights={HEAD: "others"}), monkeypatch)
    with pytest.raises(DensebenchError, match="its cases"):
        run(make_trial(CALL, budget_s=0.0, before=before), Machine(), monkeypatch)


def test_where_memory_lacks_each_part_of_a_round_has_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "free_memory_bytes", lambda: 2 * engine.PROCESS_BYTES)
    trial, machine = make_trial(FIT, heads=3), Machine(factor={("HEAD 2", "train"): 1.1})
    run(trial, machine, monkeypatch)
    assert {len(one.told) for one in trial.rounds} == {2}
    assert all(BASE in one.told for one in trial.rounds)
    assert words(trial, "HEAD 2")[FIT.name, TYPICAL] == "slower"
    assert words(trial, "HEAD 3")[FIT.name, TYPICAL] == "same"


@pytest.mark.parametrize(
    ("at_once", "groups"),
    [(9, ["ABCD"]), (3, ["ABC", "CDA"]), (2, ["AB", "BC", "CD", "AD"]), (0, ["AB", "BC", "CD", "AD"])],
)
def test_each_pair_is_together_in_a_group(at_once: int, groups: list[str]) -> None:
    assert split([("A", "B"), ("B", "C"), ("C", "D"), ("A", "D")], at_once) == [list(group) for group in groups]


def test_neighbours_are_compared_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is slower from the first head on is told of the first step alone, and of the ends."""
    steps = [(BASE, HEAD), (HEAD, "HEAD 2"), ("HEAD 2", "HEAD 3")]
    ends = (BASE, "HEAD 3")
    trial = make_trial(FIT, heads=3, pairs=[*steps, ends])
    run(trial, Machine(factor={(role, "train"): 1.1 for role in (HEAD, "HEAD 2", "HEAD 3")}), monkeypatch)
    found = stored(trial, tmp_path / "a.json")
    typical = {pair: row.word for pair in found.pairs for row in found.rows_of(pair) if row.finding == TYPICAL}
    assert typical == {steps[0]: "slower", steps[1]: "same", steps[2]: "same", ends: "slower"}
    (other,) = found.judged([(HEAD, "HEAD 3")]).pairs
    assert other == (HEAD, "HEAD 3")
    assert {row.word for row in found.judged([other]).rows if row.finding == TYPICAL} == {"same"}


def test_orders_are_drawn_for_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(role: str, _number: int, request: Mapping[str, Any]) -> None:
        asked.extend([role] if request["do"] == "turn" else [])

    trial = make_trial(FIT, heads=2, budget_s=0.0)
    run(trial, Machine(trouble=note), monkeypatch)
    turns = [tuple(asked[place : place + 3]) for place in range(3, len(asked), 3)]
    assert len(turns) == TURNS
    assert {tuple(sorted(turn)) for turn in turns} == {(BASE, HEAD, "HEAD 2")}
    assert len(set(turns)) > 2
