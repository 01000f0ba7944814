"""`explain`: which swap carries a change, and how much of it, without processes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from bench.__main__ import main
from bench.commands import explain, judging
from bench.errors import ALARM, FINE, DensebenchError
from bench.host.lock import measuring_alone
from bench.records.explanations import changed, explanation_of, parts, shares
from bench.records.record import RunFileError, read_run
from bench.records.releases import group
from bench.records.run_file import PUBLISHED
from bench.records.schema.profiles import Profile, Script
from bench.records.schema.trials import TrialRecord
from bench.records.trials import BASE, HEAD, TYPICAL, StoredTrial, trial_of
from bench.report.flames import check_flames
from bench.report.html.sections.explanations import make_section
from bench.report.pages.causes import NOT_ASKED, causes_table, explanations_of, large_steps
from bench.report.pages.explanation import counts_line, part_words
from bench.stats.simultaneous import LOOKS
from bench.trials import processes, surveying
from bench.trials.environments import Environment
from bench.trials.explaining import standalone, swaps
from bench.trials.explaining.swaps import FLAGS, Swap, installed_versions, possible_swaps, taken_back, usable
from bench.trials.plans import word_parts
from tests.fake_trial import CALL, CASES, FIT, Machine

COMPILED = CASES["train[deep_mlp,trainer=compiled]"]
ENDS = ("tensorflow==2.17.0", "tensorflow==2.18.0")


def packages(folder: Path, **versions: str) -> Path:
    """An interpreter with these packages beside it."""
    for name, version in versions.items():
        (folder / "lib" / "python3.11" / "site-packages" / f"{name}-{version}.dist-info").mkdir(parents=True)
    return folder / "bin" / "python"


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = packages(tmp_path / "old", keras="3.4.0", numpy="1.26.4", tensorflow="2.17.0")
    new = packages(tmp_path / "new", keras_nightly="3.5.0.dev1", numpy="1.26.4", tensorflow="2.18.0")

    def find(word: str, **_options: object) -> Environment:
        return Environment(word, old if word == ENDS[0] else new)

    monkeypatch.setattr(judging, "measuring_alone", lambda: measuring_alone(tmp_path / "lock"))
    for module in (judging, explain):
        monkeypatch.setattr(module, "choose_python", lambda _words: {})
        monkeypatch.setattr(module, "find_environment", find)
    monkeypatch.setattr(judging, "missing_environments", lambda _words, **_options: [])
    monkeypatch.setattr(explain, "usable", lambda wanted, *_words: wanted)
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)


def run(machine: Machine, results: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(processes, "start", machine.start)
    options = ["--cases", f"{FIT.name},{CALL.name}", "--dataset", "digits", "--seed", "1", "--results", str(results)]
    return main(["explain", *ENDS, *words, *options])


def test_what_carries_a_change_is_named_with_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    factor = {(HEAD, "call"): 1.44, ("HEAD 2", "call"): 1.2}  # the first swap is Keras: half of the logarithm
    factor |= {(f"HEAD {number}", "call"): 1.44 for number in range(3, 8)}
    monkeypatch.setattr(standalone, "_run", lambda environment, _script: 1.5 if "2.18" in environment.word else 1.0)
    assert run(Machine(factor=factor, noise=0.002), tmp_path, monkeypatch) == ALARM
    printed = capsys.readouterr().out
    (path,) = tmp_path.glob("raw/*/explanations/*.json")
    trial = explanation_of(read_run(path))
    rows = changed(trial)
    assert {row.case for row in rows} == {CALL.name}
    first, *others = shares(trial, rows[0])
    assert [first.what, *sorted(one.what for one in others)] == ["keras==3.4.0", *FLAGS[:2]]
    assert first.low < 0.5 < first.high
    assert first.helps
    assert not any(one.helps for one in others)
    swapped_in = [one for one in trial.run.of(TrialRecord) if one.environment not in {BASE, HEAD} and one.rounds]
    assert {one.case for one in swapped_in} == {CALL.name}, "what has not changed is not swapped"
    assert min(number for one in swapped_in for number in one.rounds) >= LOOKS[0], "nor before it is known"
    assert "tensorflow==2.18.0 takes 44 % longer; keras==3.4.0 undoes 50 % (" in printed
    assert (tmp_path / "tables" / "explanations.md").is_file()
    (part, *_) = parts(trial, CALL.name)
    assert part.name == "Python of keras"
    assert part.sure
    assert part.share == pytest.approx(1.0, abs=0.1)
    assert "of it lies in Python of keras (keras/src/trainer:fit)." in printed
    assert "1 ms before, 1.5 ms after, a ratio of 1.500 (1.500 to 1.500 from run to run)" in printed
    script = (tmp_path / "tables" / "call-deep_mlp-batch-1.py").read_text(encoding="utf-8")
    assert f"uv run --no-project --python 3.11 --with {ENDS[1]} call-deep_mlp-batch-1.py" in script
    section = make_section(cast("Any", SimpleNamespace(explanations=[trial], bisections=[])))
    assert [panel.key for panel in section.panels] == ["swaps", "parts"]
    twice = make_section(cast("Any", SimpleNamespace(explanations=[trial, trial], bisections=[])))
    assert twice.panels == section.panels, "a change is told once, by the newest that has it"
    assert section.panels[1].picks == [f"{ENDS[0]} → {ENDS[1]}: {CALL.name}"]
    assert "of it lies in Python of keras" in section.panels[1].sentence
    (flame,) = (tmp_path / "pictures" / "flames").glob("*.svg")
    assert f"(../pictures/flames/{flame.name})" in printed
    assert "keras/src/trainer" in flame.read_text(encoding="utf-8")
    assert list(check_flames(tmp_path, [trial])) == []
    flame.write_text("<svg/>", encoding="utf-8")
    flame.with_name("other.svg").touch()
    assert ["it is not what" in line for line in check_flames(tmp_path, [trial])] == [False, True]


def test_nothing_needs_to_be_swapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(factor={(HEAD, "call"): 1.44})
    assert run(machine, tmp_path, monkeypatch, "--swaps", "none") == ALARM
    printed = capsys.readouterr().out
    assert set(machine.started) == {BASE, HEAD}
    assert re.search(r"takes 4\d % longer; nothing was swapped for it\.", printed)
    assert "of it lies in Python of keras" in printed


def test_a_change_that_no_swap_carries_is_said_to_be_unexplained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    factor = {(role, "train"): 0.8 for role in [HEAD, *(f"HEAD {number}" for number in range(2, 8))]}
    assert run(Machine(factor=factor), tmp_path, monkeypatch) == FINE
    assert "takes 20 % less time, and nothing that was swapped undoes that." in capsys.readouterr().out


def test_no_change_needs_no_explanation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Machine(), tmp_path, monkeypatch, "--swap", "numpy==1.26.0") == FINE
    printed = capsys.readouterr().out
    assert "there is nothing to explain, and nothing was swapped." in printed


def test_swaps_are_of_packages_that_differ_and_of_flags_that_are_not_set(tmp_path: Path) -> None:
    old = Environment(ENDS[0], packages(tmp_path / "a", keras="3.4.0", numpy="1.26.4"))
    new = Environment(
        f"{ENDS[1]} keras==3.6.0 TF_ENABLE_ONEDNN_OPTS=0", packages(tmp_path / "b", keras="3.6.0", numpy="1.26.4")
    )
    found = possible_swaps(old, new, [COMPILED])
    flag = FLAGS[0]
    assert [one.what for one in found] == ["no keras==3.6.0", f"no {flag}", "keras==3.4.0", *FLAGS[1:]]
    assert [one.word.removeprefix(ENDS[1]).strip() for one in found[:3]] == [
        flag,
        "keras==3.6.0",
        f"{flag} keras==3.4.0",
    ]
    calls = [one.what for one in possible_swaps(old, new, [CALL])]
    assert calls == ["no keras==3.6.0", f"no {flag}", "keras==3.4.0", FLAGS[1]], "flags of XLA change no calls"
    named = [one.what for one in possible_swaps(old, new, [CALL], ["numpy==2.0.0"], named=True)]
    assert named == ["no keras==3.6.0", f"no {flag}", "numpy==2.0.0"]
    assert installed_versions(old.python) == {"keras": "3.4.0", "numpy": "1.26.4"}
    with pytest.raises(DensebenchError, match="cannot be taken apart"):
        possible_swaps(old, Environment("tf218", old.python), [CALL])


def test_what_two_environments_name_otherwise_is_taken_back() -> None:
    old, new = "tensorflow==2.17.0 keras==3.4.0 onnx==1.17", "tensorflow==2.18.0 keras==3.6.0 TF_ENABLE_ONEDNN_OPTS=0"
    found = taken_back(Environment(old, Path("/python")), word_parts(new))
    assert [one.what for one in found] == ["keras==3.4.0", "onnx==1.17", "no TF_ENABLE_ONEDNN_OPTS=0"]
    assert found[2].word == "tensorflow==2.18.0 keras==3.6.0"
    assert taken_back(Environment("/an/interpreter", Path("/python")), word_parts(new)) == []


def profile(role: str, counts: dict[str, int], **parts_s: float) -> Profile:
    """A profile of three rounds of the compiled loop, with these parts."""
    rounds = tuple({name.replace("_", " "): value for name, value in parts_s.items()} for _ in range(3))
    return Profile(case=COMPILED.name, environment=role, rounds=(0, 1, 2), parts_s=rounds, counts=counts)


def step_to_2_18() -> StoredTrial:
    """The published duel in which the compiled loop takes 1.59 times as long."""
    duels = [trial_of(read_run(path)) for path in PUBLISHED.glob("raw/*/trials/*")]
    found = explanations_of(duels, "tensorflow-cpu==2.17.1", "tensorflow-cpu==2.18.1")
    return next(duel for duel in found if COMPILED.name in duel.options.counts)


def told(*profiles: Profile, **metadata: Any) -> StoredTrial:
    """That duel with these profiles."""
    run = step_to_2_18().run
    return trial_of(replace(run, metadata=msgspec.structs.replace(run.metadata, profiles=profiles, **metadata)))


def shares_of(trial: StoredTrial) -> dict[str, float]:
    return {one.name: round(one.share, 1) for one in parts(trial, COMPILED.name)}


def test_instructions_are_told_apart_where_both_sides_tell_them() -> None:
    old = profile(BASE, {"fusion": 3, "dot": 2}, XLA_fusion=4e-4, XLA_dot=5e-4, XLA_between_instructions=1e-4)
    new = profile(HEAD, {"fusion": 4, "dot": 2}, XLA_fusion=10e-4, XLA_dot=5e-4, XLA_between_instructions=1e-4)
    trial = told(old, new)
    assert shares_of(trial) == {"XLA fusion": 1.0, "XLA dot": 0.0, "XLA between instructions": 0.0}
    line = counts_line(trial, COMPILED.name)
    assert line == "The compiled program is another one, of 6 instructions: fusion 3 → 4."


@pytest.mark.parametrize("newer", [{"XLA_fusion": 10e-4, "XLA_dot": 5e-4}, {"XLA_between_instructions": 15e-4}])
def test_a_program_is_one_part_where_a_side_does_not_tell_its_instructions(newer: dict[str, float]) -> None:
    old = profile(BASE, {"fusion": 3}, XLA_between_instructions=9e-4, TensorFlow_around_the_program=1e-4)
    new = profile(HEAD, {"fusion": 3}, **newer, TensorFlow_around_the_program=1e-4)
    trial = told(old, new)
    assert shares_of(trial) == {"compiled code": 1.0, "TensorFlow around the program": 0.0}
    assert counts_line(trial, COMPILED.name).endswith("what runs them changed, not what is compiled.")
    assert counts_line(trial, FIT.name) == ""


def test_parts_are_of_the_time_that_was_judged_and_not_of_the_profiles_own() -> None:
    old, new = profile(BASE, {}, XLA_dot=1.0, XLA_fusion=1.0), profile(HEAD, {}, XLA_dot=1e-6, XLA_fusion=1e-6)
    first, second = parts(told(old, new), COMPILED.name)
    row = next(row for row in changed(step_to_2_18()) if (row.case, row.finding) == (COMPILED.name, TYPICAL))
    assert first.base_s + second.base_s == pytest.approx(row.base)
    assert (first.head_s + second.head_s) / row.base == pytest.approx(math.exp(row.effect.value or 0))


def test_the_function_that_is_named_changed_as_its_part_did() -> None:
    sides = [(BASE, 3e-4, {"keras/a:gone": 3e-4}), (HEAD, 4e-4, {"keras/a:come": 2.5e-4, "keras/a:also": 1.5e-4})]
    profiles = [
        msgspec.structs.replace(profile(role, {}, Python_of_keras=s), stacks_s=stacks) for role, s, stacks in sides
    ]
    trial = told(*profiles)
    row = next(row for row in changed(trial) if (row.case, row.finding) == (COMPILED.name, TYPICAL))
    assert part_words(trial, row).endswith("of it lies in Python of keras (keras/a:come).")


def test_what_takes_a_part_of_the_change_back_is_named_where_a_part_has_more_than_all_of_it() -> None:
    trial = told(profile(BASE, {}, XLA_dot=1e-4, XLA_fusion=3e-4), profile(HEAD, {}, XLA_dot=7e-4, XLA_fusion=1e-4))
    row = next(row for row in changed(trial) if (row.case, row.finding) == (COMPILED.name, TYPICAL))
    assert re.fullmatch(
        r"(\d+) % \(\1 to \1 %\) of it lies in XLA dot; XLA fusion takes (\d+) % \(\2 to \2 %\) back\.",
        part_words(trial, row),
    )


def test_large_steps_between_releases_have_a_cause_or_it_is_said_that_they_have_none() -> None:
    (releases,) = group([trial_of(read_run(path)) for path in PUBLISHED.glob("raw/*/releases/*")])
    steps = {(name, row.case) for name, _, _, row in large_steps(releases)}
    assert {("2.18", COMPILED.name), ("2.16", CALL.name), ("2.16", "predict[deep_mlp,batch=32]")} <= steps
    assert all(abs(row.effect.value or 0) > 0.09 for *_, row in large_steps(releases))
    assert f"| {NOT_ASKED} | {NOT_ASKED} |" in re.sub(" +", " ", causes_table(releases, []))
    profiles = (
        profile(BASE, {}, XLA_fusion=5e-4, XLA_dot=5e-4),
        profile(HEAD, {}, XLA_fusion=11e-4, XLA_dot=5e-4),
    )
    script = Script(case=COMPILED.name, text="print(1)", told_ms={BASE: (1.0, 1.0, 1.1), HEAD: (1.6, 1.5, 1.6)})
    table = causes_table(releases, [told(*profiles, scripts=(script,))])
    (line,) = (line for line in table.splitlines() if line.startswith("| 2.18") and COMPILED.name in line)
    assert re.search(r"\b(99|10\d) % \(\d+ to \d+ %\) of it lies in XLA fusion", line)
    assert "nothing that was swapped" in line
    assert "1.600 (1.455 to 1.600 from run to run)" in line
    newer = replace(told(*profiles, started_at="2099-01-01T00:00:00+00:00"), rows=())
    assert causes_table(releases, [newer, told(*profiles, scripts=(script,))]) == table, "what was looked into stays"


def test_what_cannot_be_installed_or_run_is_left_out_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(word: str, **_options: object) -> Environment:
        if "numpy" in word:
            raise DensebenchError("no such version")
        return Environment(word, Path("/python"))

    def probe(_command: Sequence[str], name: str, **_options: object) -> str:
        if "XLA" in name:
            raise DensebenchError("Unknown flag in XLA_FLAGS")
        return ""

    monkeypatch.setattr(swaps, "run_to_end", probe)
    told: list[str] = []
    wanted = [Swap(what, f"tensorflow==1 {what}") for what in ("keras==3", "numpy==9", "XLA_FLAGS=--x")]
    assert [one.what for one in usable(wanted, None, told.append, find)] == ["keras==3"]
    assert told == ["left out: numpy==9: no such version", "left out: XLA_FLAGS=--x: Unknown flag in XLA_FLAGS"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["tensorflow==1", "tensorflow==1"], "are the same environment"),
        (["a", "b"], "a"),
    ],
)
def test_bad_input_gets_one_clear_line(
    words: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    assert main(["explain", *words, "--dataset", "digits"]) == 4
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_trial_of_releases_is_no_explanation() -> None:
    path = next(iter(PUBLISHED.glob("raw/*/releases/*")))
    with pytest.raises(RunFileError, match="not the run file of an explanation"):
        explanation_of(read_run(path))
