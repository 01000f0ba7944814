from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs
import pytest

from bench.errors import DensebenchError
from bench.trials.duels.sides import COMPLETE, Side, find_side, missing_environments
from bench.trials.environments import run_quietly


def make_python(folder: Path) -> Path:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n", encoding="utf-8")
    python.chmod(0o755)
    return python


def refuse(command: Sequence[str]) -> None:
    raise AssertionError(f"nothing should be run, but {command}")


class Installer:
    """Makes what it is told to make; `failing` is the word of a command that fails."""

    def __init__(self, failing: str = "") -> None:
        self.commands: list[list[str]] = []
        self.failing = failing

    def __call__(self, command: Sequence[str]) -> None:
        self.commands.append(list(command))
        if self.failing and self.failing in command:
            raise DensebenchError("no such package")
        if "venv" in command:
            make_python(Path(command[-1]))


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _name: tmp_path / "cache")
    return tmp_path / "cache" / "environments"


def test_a_path_is_an_interpreter_or_an_environment_that_has_one(tmp_path: Path) -> None:
    python = make_python(tmp_path / "venv")
    for word in (str(python), str(tmp_path / "venv")):
        assert find_side(word, run=refuse) == Side(word, python)


def test_a_link_to_an_interpreter_stays_the_link(tmp_path: Path) -> None:
    """An environment's interpreter is a link, and what it links to has other packages."""
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert find_side(str(link), run=refuse).python == link


def test_a_path_without_an_interpreter_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("", encoding="utf-8")
    for word in (str(tmp_path / "nothing"), str(tmp_path / "text"), str(tmp_path)):
        with pytest.raises(DensebenchError, match=r"is no Python interpreter"):
            find_side(word, run=refuse)


def test_environments_that_are_still_to_be_made_are_known_before(tmp_path: Path, cache: Path) -> None:
    make_python(tmp_path / ".tox" / "tf219")
    words = ["tf219", "tf220", "tf220", "tensorflow==2.20.0", str(tmp_path / "venv")]
    tox, made = missing_environments(words, root=tmp_path)
    assert tox == tmp_path / ".tox" / "tf220"
    assert made.parent == cache
    side = find_side("tensorflow==2.20.0", run=Installer())
    assert side.python.parent.parent == made
    assert missing_environments(words, root=tmp_path) == [tox]


def test_an_environment_of_tox_is_used_where_it_is_and_made_where_it_is_not(tmp_path: Path) -> None:
    made: list[str] = []

    def run(command: Sequence[str]) -> None:
        made.append(" ".join(command))
        make_python(tmp_path / ".tox" / "tf219")

    for _ in range(2):
        assert find_side("tf219", root=tmp_path, run=run).python == tmp_path / ".tox/tf219/bin/python"
    (command,) = made
    assert command.endswith("-e tf219 --notest")


@pytest.mark.parametrize(("word", "program"), [("tf219", "tox"), ("tensorflow==2.20.0", "uv")])
def test_a_program_that_is_missing_is_said_with_what_installs_it(
    word: str, program: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(
        DensebenchError, match=rf"{program}, which .* not installed: `python3 -m pip install {program}`"
    ):
        find_side(word, root=tmp_path, run=refuse)
    assert not cache.exists()


def test_an_environment_that_tox_cannot_make_is_said_with_what_would_be_right(tmp_path: Path) -> None:
    with pytest.raises(DensebenchError, match=r"side 'tf219': no such package A side is a tox environment"):
        find_side("tf219", root=tmp_path, run=Installer("--notest"))
    with pytest.raises(DensebenchError, match=r"tox made no \.tox/tf219/bin/python"):
        find_side("tf219", root=tmp_path, run=Installer())


def test_a_requirement_is_installed_once_beside_the_locked_packages(cache: Path) -> None:
    install = Installer()
    side = find_side("tensorflow==2.20.0", run=install)
    assert find_side("tensorflow==2.20.0", run=refuse) == side
    assert side.python.is_relative_to(cache)
    _, command = install.commands
    assert "tensorflow==2.20.0" in command
    names = [word.split("=")[0].split(">")[0] for word in command]
    assert {"onnxruntime", "scikit-learn", "tf2onnx", "onnx", "platformdirs"} <= set(names)
    assert names.count("tensorflow") == 1
    assert "tensorflow-cpu" not in names


def test_another_packages_requirement_comes_with_the_locked_tensorflow(cache: Path) -> None:
    install = Installer()
    side = find_side("onnxruntime==1.20.0", run=install)
    assert side.python.is_relative_to(cache)
    words = install.commands[-1]
    assert [word for word in words if word.startswith("onnxruntime")] == ["onnxruntime==1.20.0"]
    assert any(word.startswith("tensorflow-cpu==") for word in words)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("failing", ["venv", "install"])
def test_an_environment_that_does_not_install_is_said_and_tried_again_next_time(failing: str) -> None:
    with pytest.raises(DensebenchError, match=r"side 'tensorflow==9.9' could not be installed: no such package"):
        find_side("tensorflow==9.9", run=Installer(failing))
    install = Installer()
    side = find_side("tensorflow==9.9", run=install)
    assert len(install.commands) == 2
    assert (side.python.parent.parent / COMPLETE).exists()


def test_a_failed_command_is_told_with_its_last_lines() -> None:
    script = "import sys; print('first'); print('last words', file=sys.stderr); sys.exit(3)"
    with pytest.raises(DensebenchError, match=r"ended with status \d+: first / last words"):
        run_quietly([sys.executable, "-c", script])
    with pytest.raises(DensebenchError, match=r"no-such-program is not installed"):
        run_quietly(["no-such-program"])
    run_quietly([sys.executable, "-c", ""])
