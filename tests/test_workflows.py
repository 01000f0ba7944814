"""The action and the workflows: what they name exists, and each of their scripts is run as the shell would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.__main__ import parse
from bench.trials.newest import main, newest

ROOT = Path(__file__).parent.parent
ACTION = ROOT / ".github" / "actions" / "duel" / "action.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STUB = """#!/bin/bash
printf '%s\\n' "$(basename "$0")" "$@" --- >> "$LOG"
case "$*" in *"-m bench "*) exit "${STATUS:-0}" ;; *newest*) printf 'base=a==1\\nhead=b==2\\n' ;; esac
"""
"""Stands for every program: notes how it was called, and ends as a duel is to end."""


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps_of(path: Path) -> list[dict[str, Any]]:
    content = load(path)
    if "runs" in content:
        return list(content["runs"]["steps"])
    return [step for job in content["jobs"].values() for step in job["steps"]]


def expressions(path: Path) -> set[str]:
    """What stands in ``${{ }}``, and in conditions."""
    text = path.read_text(encoding="utf-8")
    return {one.strip() for one in re.findall(r"\$\{\{(.*?)\}\}", text)} | {
        str(step["if"]) for step in steps_of(path) if "if" in step
    }


class Shell:
    """A runner's shell, with programs that only note how they were called.

    Args:
        folder: its working directory.
        status: how a duel ends.
    """

    def __init__(self, folder: Path, status: int = 0) -> None:
        self.folder, self.log, self.output = folder, folder / "log", folder / "output"
        (folder / "bin").mkdir()
        (folder / "temp" / "densebench-venv" / "bin").mkdir(parents=True)
        for name in ("python", "uv", "tox", "gh"):
            self._stub(folder / "bin" / name)
        self._stub(folder / "temp" / "densebench-venv" / "bin" / "python")
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_OUTPUT": str(self.output),
            "LOG": str(self.log),
            "STATUS": str(status),
        }

    @staticmethod
    def _stub(path: Path) -> None:
        path.write_text(STUB, encoding="utf-8")
        path.chmod(0o755)

    def run(self, script: str, **variables: str) -> int:
        """Run a script as GitHub does; its exit status."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=self.folder, env=self.environment | variables, check=False)
        return done.returncode

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return [call.splitlines() for call in text.split("---\n") if call.strip()]

    @property
    def outputs(self) -> dict[str, str]:
        """What the scripts told GitHub."""
        text = self.output.read_text(encoding="utf-8") if self.output.exists() else ""
        return dict(line.split("=", 1) for line in text.splitlines())


def script_of(path: Path, name: str) -> str:
    """The script of the step with this id."""
    return next(str(step["run"]) for step in steps_of(path) if step.get("id") == name)


def duel(tmp_path: Path, status: int = 0, **inputs: str) -> tuple[int, Shell]:
    """The action's duel with these inputs."""
    given = {
        name.upper().replace("-", "_"): str(one.get("default", "")) for name, one in load(ACTION)["inputs"].items()
    }
    shell = Shell(tmp_path, status)
    variables = given | {"BASE": "a==1", "HEAD": "a==2", "ROOT": str(ROOT)} | inputs
    return shell.run(script_of(ACTION, "duel"), **variables), shell


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.stem)
def test_every_input_output_and_step_that_is_named_exists(path: Path) -> None:
    content, ids = load(path), {step["id"] for step in steps_of(path) if "id" in step}
    for text in expressions(path):
        for name in re.findall(r"inputs\.([\w-]+)", text):
            assert name in content["inputs"]
        for step, output in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", text):
            assert step in ids
            assert f"{output}=" in script_of(path, step) or "bench.trials.newest" in script_of(path, step)
        for name in re.findall(r"matrix\.([\w-]+)", text):
            assert any(name in job["strategy"]["matrix"] for job in content["jobs"].values())


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.stem)
def test_no_script_has_an_expression_in_it(path: Path) -> None:
    scripts = [step["run"] for step in steps_of(path) if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script], "what an input holds would be run as code"


def test_every_script_runs_and_ends_well(tmp_path: Path) -> None:
    for number, path in enumerate([ACTION, *WORKFLOWS]):
        folder = tmp_path / str(number)
        folder.mkdir()
        shell = Shell(folder)
        for step in steps_of(path):
            if "run" in step:
                variables = dict.fromkeys(step.get("env", {}), "worse") | {"ROOT": str(ROOT)}
                assert shell.run(step["run"], **variables) == 0, step


@pytest.mark.parametrize(
    ("status", "fail_on", "ends", "verdict"),
    [
        (0, "worse", 0, "fine"),
        (1, "worse", 1, "worse"),
        (2, "worse", 0, "untold"),
        (2, "untold", 2, "untold"),
        (1, "never", 0, "worse"),
        (3, "never", 3, "failed"),
        (4, "worse", 4, "failed"),
    ],
)
def test_the_action_ends_as_it_is_asked_to(tmp_path: Path, status: int, fail_on: str, ends: int, verdict: str) -> None:
    ended, shell = duel(tmp_path, status, FAIL_ON=fail_on)
    assert (ended, shell.outputs["verdict"]) == (ends, verdict)
    assert {*load(ACTION)["outputs"]} == shell.outputs.keys()


def test_the_actions_words_are_those_of_the_command(tmp_path: Path) -> None:
    _, shell = duel(
        tmp_path, BASE="a==1 b==2", MODEL="my own.keras\nx=y.onnx\n", SHAPE="x=N,3", TRUST="true", CASES="infer*"
    )
    (call,) = shell.calls
    words = call[1:]
    assert words[:5] == ["-m", "bench", "duel", "a==1 b==2", "a==2"]
    arguments = parse(words[2:])
    assert (arguments.model, arguments.shape) == (["my own.keras", "x=y.onnx"], ["x=N,3"])
    assert (arguments.trust, arguments.cases, arguments.budget) == (True, "infer*", "6m")


def test_a_wrong_input_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    ended, shell = duel(tmp_path, FAIL_ON="always")
    assert (ended, shell.calls) == (4, [])


def test_the_key_of_the_cache_follows_words_and_lock_files(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("a==1\n", encoding="utf-8")
    shell, keys = Shell(tmp_path), []
    for base, content in (("lock.txt", "a==1\n"), ("lock.txt", "a==2\n"), ("a==2", "a==2\n"), ("a==2", "a==3\n")):
        (tmp_path / "lock.txt").write_text(content, encoding="utf-8")
        shell.output.unlink(missing_ok=True)
        assert shell.run(script_of(ACTION, "place"), BASE=base, HEAD="b==1", ROOT=str(ROOT)) == 0
        keys.append(shell.outputs["key"])
    assert len(set(keys)) == 3
    assert keys[2] == keys[3]


def listed(versions: str) -> Any:
    return lambda _words: f"tensorflow-cpu (1)\nAvailable versions: {versions}\n"


def test_the_newest_nightly_and_candidate_are_those_after_the_newest_release(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.trials.candidates.find_program", lambda _name: ["uv"])
    base, head = newest("candidate", run=listed("9.1.0rc1, 9.1.0rc0, 2.12.0rc0, 2.12.0"))
    assert base.startswith("tensorflow-cpu==2.")
    assert head == "tensorflow-cpu==9.1.0rc1"
    assert newest("candidate", run=listed("2.12.0rc0, 2.12.0"))[1] == ""
    assert (
        newest("nightly", run=listed("9.0.0.dev20270101, 9.0.0.dev20261231"))[1] == "tf-nightly-cpu==9.0.0.dev20270101"
    )
    assert newest("release", run=listed("9.1.0rc1, 9.0.1, 9.0.0"))[1] == "tensorflow-cpu==9.0.1"
    assert newest("release", run=listed("9.1.0rc1"))[1] == ""
    of_package = {"tf-nightly": "9.1.0.dev20270301", "tf-nightly-cpu": "9.0.0.dev20270101"}
    full = newest("nightly", run=lambda words: str(listed(of_package[words[-1]])(words)))
    assert full == (base.replace("tensorflow-cpu", "tensorflow"), "tf-nightly==9.1.0.dev20270301")
    assert main(["stable"]) == 4
    assert "unknown kind of version 'stable'" in capsys.readouterr().err


ACTIONLINT = shutil.which("actionlint")


@pytest.mark.skipif(ACTIONLINT is None, reason="actionlint is not installed")
def test_actionlint_finds_nothing() -> None:
    words = [str(ACTIONLINT), *map(str, WORKFLOWS)]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, json.dumps(done.stdout)
