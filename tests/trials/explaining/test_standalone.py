"""Scripts without densebench: for which cases there are some, that they are short, and that they run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.errors import DensebenchError
from bench.records.cases import Case
from bench.trials.cases import known_cases
from bench.trials.environments import Environment
from bench.trials.explaining import standalone
from bench.trials.explaining.standalone import MOST_LINES, bare_source, file_name, make_script, run_line, run_scripts
from models import RECIPES
from tests.fake_trial import CALL, FIT, INFER, make_trial

CASES = known_cases(1)
WORDS = ("tensorflow-cpu==2.17.1", "tensorflow-cpu==2.18.1 XLA_FLAGS=--xla_cpu_use_thunk_runtime=false")


@pytest.mark.parametrize("case", [one for one in CASES.values() if one.stage != "infer"], ids=lambda one: one.name)
def test_a_script_is_short_plain_python_and_names_how_it_is_run(case: Case) -> None:
    text = make_script(case, WORDS, "3.11", "script.py")
    adam = RECIPES[case.recipe].training.optimizer == "adam"
    assert bool(text) == (case.trainer != "compiled" or adam)
    if text:
        assert len(text.splitlines()) <= MOST_LINES
        assert "bench" not in text.replace("densebench", "")
        compile(text, "script.py", "exec")
        assert all(run_line(word, "3.11", "script.py") in text for word in WORDS)
        assert case.name in text


def test_there_is_no_script_for_what_is_no_requirement_and_no_case_of_the_ladder() -> None:
    assert make_script(CALL, ["./an/interpreter", WORDS[0]], "3.11", "x.py") == ""
    assert make_script(INFER, WORDS, "3.11", "x.py") == ""
    assert make_script(Case("call[mine,batch=1]", "call", "mine", "fit", 1, 1), WORDS, "3.11", "x.py") == ""


def test_the_line_that_runs_a_script_has_the_variables_and_the_requirements() -> None:
    assert run_line(WORDS[1], "3.11", "x.py") == (
        "XLA_FLAGS=--xla_cpu_use_thunk_runtime=false "
        "uv run --no-project --python 3.11 --with tensorflow-cpu==2.18.1 x.py"
    )
    assert file_name("train[deep_mlp,trainer=fit]") == "train-deep_mlp-trainer-fit.py"


def test_a_function_is_shown_without_its_docstring_and_its_annotations() -> None:
    assert bare_source(RECIPES["single_dense"].build).startswith("def build(keras):\n    return keras.Sequential(")


def test_a_script_is_run_in_both_environments_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(CALL, FIT)
    trial.folder, order = tmp_path, list[str]()
    trial.environments = {role: Environment(word, Path()) for role, word in zip(("BASE", "HEAD"), WORDS, strict=True)}

    def run(environment: Environment, script: Path) -> float:
        order.append(environment.word)
        assert script.read_text(encoding="utf-8").startswith('"""call[deep_mlp,batch=1]')
        return 2.0

    monkeypatch.setattr(standalone, "_run", run)
    trial.surveyed = {"HEAD": trial_python("3.11.7")}  # type: ignore[dict-item]  # of which the version alone is read
    (script,) = run_scripts(trial, [CALL])
    assert order == [WORDS[place] for place in (0, 1, 1, 0, 0, 1)]
    assert script.told_ms == {"BASE": (2.0, 2.0, 2.0), "HEAD": (2.0, 2.0, 2.0)}


def trial_python(version: str) -> object:
    """What is surveyed of an environment: its version of Python."""
    return type("Facts", (), {"python": version})()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("print('x')", "which ends in no number"),
        ("raise ValueError('no')", "ValueError: no"),
        ("", "ends in no number"),
    ],
)
def test_a_script_that_fails_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8")
    with pytest.raises(DensebenchError, match=complaint):
        standalone._run(Environment("this", Path(sys.executable)), script)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["call[deep_mlp,batch=1]", "train[dropout_mlp,trainer=compiled]"])
def test_a_script_runs_and_tells_milliseconds(name: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(make_script(CASES[name], WORDS, "3.11", script.name), encoding="utf-8")
    assert 0.01 < standalone._run(Environment("this", Path(sys.executable)), script) < 100
