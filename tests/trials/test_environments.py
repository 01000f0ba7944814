from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs
import pytest

from bench.errors import DensebenchError
from bench.trials import plans
from bench.trials.environments import Environment, find_environment, missing_environments
from bench.trials.plans import COMPLETE, OVERRIDES, PYTHON, REQUIREMENTS, choose_python, run_quietly

NIGHTLY = "2.23.0.dev20261026"
NEWEST = {
    "tf-nightly": NIGHTLY,
    "tf-nightly-cpu": NIGHTLY,
    "keras-nightly": "3.16.0.dev1",
    "tf-keras": "2.21.0",
    "tf-keras-nightly": "2.23.0.dev1",
    "tensorflow": "2.21.0",
}
TENSORFLOW = {"tensorflow", "tensorflow-cpu", "tf-nightly", "tf-nightly-cpu"}


def make_python(folder: Path) -> Path:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n", encoding="utf-8")
    python.chmod(0o755)
    return python


def refuse(command: Sequence[str]) -> str:
    raise AssertionError(f"nothing should be run, but {command}")


class Uv:
    """Makes what it is told to make, and resolves everything to `NEWEST`.

    Args:
        failing: the word of a command that fails.
        pythons: the versions of Python that are installed.
        wheels: of a requirement, the versions of Python that it has wheels for; all where it is not listed.
    """

    def __init__(
        self, failing: str = "", *, pythons: Sequence[str] = (PYTHON,), wheels: dict[str, set[str]] | None = None
    ) -> None:
        self.commands: list[list[str]] = []
        self.failing = failing
        self.pythons = pythons
        self.wheels = wheels or {}

    def __call__(self, command: Sequence[str]) -> str:
        self.commands.append(list(command))
        if self.failing and self.failing in command:
            raise DensebenchError("no such package")
        if "venv" in command:
            make_python(Path(command[-1]))
        if "freeze" in command:
            return "numpy==2.4.6\ntensorflow-cpu==2.20.0\n"
        if "list" in command:
            return self._list()
        return self._compile(command) if "compile" in command else ""

    def _list(self) -> str:
        rows = []
        for version in self.pythons:
            major, minor = map(int, version.split("."))
            rows.append({"version_parts": {"major": major, "minor": minor, "patch": 1}, "variant": "default"})
        rows.append({"version_parts": {"major": 3, "minor": 13, "patch": 1}, "variant": "freethreaded"})
        return json.dumps(rows)

    def _compile(self, command: Sequence[str]) -> str:
        version = command[command.index("--python-version") + 1]
        (wanted,) = (Path(word) for word in command if word.endswith(REQUIREMENTS))
        for line in wanted.read_text(encoding="utf-8").splitlines():
            if version not in self.wheels.get(line, {version}):
                raise DensebenchError(f"{line} has no wheel for {version}")
        return "".join(f"{name}=={newest}\n" for name, newest in NEWEST.items())

    def calls(self, verb: str) -> list[list[str]]:
        return [command for command in self.commands if verb in command]


def installed(environment: Environment, file: str = REQUIREMENTS) -> list[str]:
    return (environment.python.parent.parent / file).read_text(encoding="utf-8").splitlines()


def kept_out(environment: Environment) -> set[str]:
    return {line.split(" ;")[0] for line in installed(environment, OVERRIDES)}


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _name: tmp_path / "cache")
    return tmp_path / "cache" / "environments"


def test_a_path_is_an_interpreter_or_an_environment_that_has_one(tmp_path: Path) -> None:
    python = make_python(tmp_path / "venv")
    for word in (str(python), str(tmp_path / "venv")):
        assert find_environment(word, run=refuse) == Environment(word, python)


def test_a_link_to_an_interpreter_stays_the_link(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert find_environment(str(link), run=refuse).python == link


def test_a_path_without_an_interpreter_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("", encoding="utf-8")
    for word in (str(tmp_path / "nothing"), str(tmp_path / "text"), str(tmp_path)):
        with pytest.raises(DensebenchError, match=r"is no Python interpreter"):
            find_environment(word, run=refuse)


def test_variables_stand_beside_every_kind_of_environment_and_reach_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    python = make_python(tmp_path / "a venv")
    found = find_environment(f"'{python}' TF_ENABLE_ONEDNN_OPTS=0 'XLA_FLAGS=--xla_foo=1 --xla_bar'", run=refuse)
    assert found.python == python
    assert found.variables == {"TF_ENABLE_ONEDNN_OPTS": "0", "XLA_FLAGS": "--xla_foo=1 --xla_bar"}
    variables = found.process_variables()
    assert variables["XLA_FLAGS"] == "--xla_foo=1 --xla_bar"
    assert "PYTHONPATH" not in variables
    assert "PATH" in variables


def test_variables_alone_share_the_environment_of_the_same_requirements() -> None:
    uv = Uv()
    plain = find_environment("tensorflow==2.20.0", run=uv)
    assert find_environment("TF_ENABLE_ONEDNN_OPTS=0 tensorflow==2.20.0", run=refuse).python == plain.python


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("", r"'' names no environment\. Right are"),
        ("TF_ENABLE_ONEDNN_OPTS=0", r"names no environment"),
        ("tensorflow=2.20.0", r"'tensorflow=2\.20\.0' is not understood\. Right are requirements \(tensorflow==2\.20"),
        ("keras==3.10.0 tensorflow=2.20.0", r"'tensorflow=2\.20\.0' in 'keras.*' is not understood"),
        ("tensorflow==two", r"'tensorflow==two' is not understood"),
        ("tensorflow", r"'tensorflow' has no version\. Right would be tensorflow==2\.20\.0"),
        ("tf219 keras==3.10.0", r"'tf219' in 'tf219 keras==3\.10\.0' would be a second environment"),
        ("tf219 tf220", r"'tf220' in 'tf219 tf220' would be a second environment"),
        ("tensorflow==2.20.0 './venv'", r"'\./venv' in .* would be a second environment"),
        ("tensorflow==2.20.0 tf-nightly", r"'tf-nightly' in .* is the same package as 'tensorflow==2\.20\.0'"),
        ("keras==3.10 keras-nightly", r"'keras-nightly' in .* is the same package"),
        ("keras==3.10 keras==3.11", r"'keras==3\.11' in .* is the same package"),
        ("tensorflow@https://example.org/a.whl", r"is an address"),
        ("no/such/requirements.txt", r"there is no lock file 'no/such/requirements\.txt'"),
        ("tensorflow==2.20.0 A=1 A=2", r"'A=2' in .*: A is set twice"),
        ("'tensorflow==2.20.0", r"No closing quotation\. Right are"),
    ],
)
def test_a_word_that_is_not_understood_is_said_with_what_would_be_right(word: str, fault: str) -> None:
    for find in (find_environment, lambda one: missing_environments([one]), lambda one: choose_python([one])):
        with pytest.raises(DensebenchError, match=fault):
            find(word)


def test_environments_that_are_still_to_be_made_are_known_before(tmp_path: Path, cache: Path) -> None:
    make_python(tmp_path / ".tox" / "tf219")
    words = ["tf219", "tf220", "tf220 A=1", "tensorflow==2.20.0", str(tmp_path / "venv"), "tf-nightly"]
    uv = Uv()
    tox, made, nightly = missing_environments(words, root=tmp_path, run=uv)
    assert tox == tmp_path / ".tox" / "tf220"
    assert made.parent == cache
    assert NIGHTLY in nightly.name
    for word, folder in (("tensorflow==2.20.0", made), ("tf-nightly", nightly)):
        assert find_environment(word, run=uv).python.parent.parent == folder
    assert missing_environments(words, root=tmp_path, run=uv) == [tox]
    (other,) = missing_environments(words[3:4], pythons={words[3]: "3.9"}, root=tmp_path, run=uv)
    assert "py3.9" in other.name


def test_an_environment_of_tox_is_used_where_it_is_and_made_where_it_is_not(tmp_path: Path) -> None:
    made: list[str] = []

    def run(command: Sequence[str]) -> str:
        made.append(" ".join(command))
        make_python(tmp_path / ".tox" / "tf219")
        return ""

    for _ in range(2):
        found = find_environment("tf219 TF_ENABLE_ONEDNN_OPTS=0", root=tmp_path, run=run)
        assert found.python == tmp_path / ".tox/tf219/bin/python"
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
        find_environment(word, root=tmp_path, run=refuse)
    assert not cache.exists()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    with pytest.raises(AssertionError, match=rf"'-m', '{program}'"):
        find_environment(word, root=tmp_path, run=refuse)


def test_an_environment_that_tox_cannot_make_is_said_with_what_would_be_right(tmp_path: Path) -> None:
    with pytest.raises(DensebenchError, match=r"environment 'tf219': no such package Right are"):
        find_environment("tf219", root=tmp_path, run=Uv("--notest"))
    with pytest.raises(DensebenchError, match=r"tox made no \.tox/tf219/bin/python"):
        find_environment("tf219", root=tmp_path, run=Uv())


def test_a_requirement_is_installed_once_beside_what_a_worker_imports(cache: Path) -> None:
    uv = Uv()
    found = find_environment("tensorflow==2.20.0", run=uv)
    assert find_environment("tensorflow==2.20.0", run=refuse) == found
    assert found.python.is_relative_to(cache)
    venv, install = uv.commands
    assert venv[venv.index("--python") + 1] == PYTHON
    assert not [word for word in install if "prerelease" in word]
    lines = installed(found)
    assert found.requirements == tuple(lines)
    assert lines[0] == "tensorflow==2.20.0"
    names = [line.split("=")[0].split(">")[0].split("!")[0] for line in lines]
    assert {"onnxruntime", "scikit-learn", "tf2onnx", "skl2onnx", "pytest-benchmark", "onnx", "numpy"} < set(names)
    assert len(names) == len(set(names))
    assert TENSORFLOW & set(names) == {"tensorflow"}
    assert "keras" not in names
    assert not [line for line in lines if ";" in line]


@pytest.mark.parametrize("word", ["tensorflow==2.20.0", f"tf-nightly-cpu=={NIGHTLY}", "intel_tensorflow==2.15.0"])
def test_a_named_distribution_of_tensorflow_has_no_other_one_beside_it(word: str) -> None:
    found = find_environment(word, run=Uv())
    names = {line.split("=")[0] for line in installed(found)}
    name = word.partition("=")[0]
    assert names & {*TENSORFLOW, name} == {name}
    assert {"tensorflow", "tf-nightly"} - {name} <= kept_out(found)
    assert name not in kept_out(found)


def test_what_other_packages_require_is_kept_out_where_a_relative_is_named() -> None:
    nightly = find_environment("tensorflow==2.20.0 keras-nightly==3.16.0.dev1", run=Uv())
    assert {"keras"} == kept_out(nightly) & {"keras", "keras-nightly"}
    stable = find_environment(f"tf-nightly=={NIGHTLY} keras==3.10.0", run=Uv())
    assert {"keras-nightly"} == kept_out(stable) & {"keras", "keras-nightly"}
    assert not {"keras", "keras-nightly"} & kept_out(find_environment("tensorflow==2.20.0", run=Uv()))


def test_another_packages_requirement_comes_with_the_locked_tensorflow() -> None:
    lines = installed(find_environment("onnxruntime-gpu==1.20.0", run=Uv()))
    assert [line for line in lines if line.startswith("onnxruntime")] == ["onnxruntime-gpu==1.20.0"]
    assert len([line for line in lines if line.startswith("tensorflow")]) == 1


def test_the_lock_is_read_for_the_python_of_the_environment() -> None:
    old = find_environment("tensorflow==2.20.0", python="3.10", run=Uv())
    new = find_environment("tensorflow==2.20.0", python="3.12", run=Uv())
    assert "py3.10" in str(old.python)
    assert set(old.requirements) != set(new.requirements)
    assert {line.split("=")[0] for line in old.requirements} == {line.split("=")[0] for line in new.requirements}


def test_a_nightly_alone_is_the_newest_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_environment("tf-nightly", run=Uv())
    assert first.requirements[0] == f"tf-nightly=={NIGHTLY}"
    monkeypatch.setitem(NEWEST, "tf-nightly", "2.23.0.dev20261027")
    second = find_environment("tf-nightly", run=Uv())
    assert second.requirements[0] == "tf-nightly==2.23.0.dev20261027"
    assert second.python != first.python


def test_a_package_with_an_extra_alone_is_the_newest() -> None:
    assert find_environment("tensorflow[and-cuda]", run=Uv()).requirements[0] == "tensorflow[and-cuda]==2.21.0"


def test_a_nightly_whose_version_cannot_be_looked_up_is_said() -> None:
    with pytest.raises(DensebenchError, match=r"'tf-nightly': the newest tf-nightly could not be looked up: no such"):
        find_environment("tf-nightly", run=Uv("compile"))


def test_tf_keras_comes_with_the_full_tensorflow() -> None:
    named = find_environment("tensorflow-cpu==2.20.0 tf_keras==2.20.1", run=Uv())
    assert {"tensorflow==2.20.0", "tf_keras==2.20.1"} < set(installed(named))
    assert {"tf-nightly"} == kept_out(named) & TENSORFLOW
    alone = installed(find_environment("tf_keras", run=Uv()))
    assert "tf_keras==2.21.0" in alone
    assert [line.split("=")[0] for line in alone if line.startswith("tensorflow")] == ["tensorflow"]


@pytest.mark.parametrize(
    ("named", "added"),
    [
        ("tensorflow==2.20.0", "tf-keras==2.20.*"),
        ("tensorflow-cpu==2.21.0rc1", "tf-keras==2.21.*"),
        ("tensorflow>=2.20", "tf-keras==2.21.0"),
        ("keras==3.10.0", "tf-keras==2.21.*"),
        (f"tf-nightly-cpu=={NIGHTLY}", "tf-keras-nightly==2.23.0.dev1"),
        ("tensorflow==2.14.1", None),
        ("tensorflow==2.20.0 tf-keras==2.20.1", "tf-keras==2.20.1"),
    ],
)
def test_a_variable_that_asks_for_keras_2_brings_its_package_along(named: str, added: str | None) -> None:
    found = find_environment(f"{named} TF_USE_LEGACY_KERAS=1", run=Uv())
    assert [line for line in found.requirements if line.startswith("tf-keras")] == ([added] if added else [])
    unwanted = find_environment("tensorflow==2.20.0 TF_USE_LEGACY_KERAS=0", run=Uv())
    assert not [line for line in unwanted.requirements if line.startswith("tf-keras")]


def test_a_lock_file_is_installed_beside_what_it_lacks(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "# a comment\n--index-strategy first-index\ntf-nightly-cpu==2.22.0.dev1  # newest\n\n"
        "onnxruntime==1.20.0 ; python_version >= '3'\nnumpy==1.9 ; python_version < '3'\n"
        "six==1.17.0 \\\n    --hash=sha256:00\n",
        encoding="utf-8",
    )
    found = find_environment(f"{lock} TF_ENABLE_ONEDNN_OPTS=0", run=Uv())
    first, *lines = installed(found)
    assert first == f"-r {lock}"
    assert found.requirements == ("tf-nightly-cpu==2.22.0.dev1", "onnxruntime==1.20.0", "six==1.17.0", *lines)
    assert {line.split("=")[0] for line in lines} & {"tensorflow-cpu", "tensorflow", "onnxruntime"} == set()
    assert "scikit-learn" in {line.split("=")[0] for line in lines}
    assert find_environment(str(lock), run=refuse).python == found.python
    lock.write_text("tensorflow==2.20.0\n", encoding="utf-8")
    assert find_environment(str(lock), run=Uv()).python != found.python
    lock.write_text("tensorflow=2.20.0\n", encoding="utf-8")
    with pytest.raises(DensebenchError, match=r"requirements\.txt: 'tensorflow=2\.20\.0' is no requirement"):
        find_environment(str(lock), run=Uv())


def test_a_copy_has_the_same_distributions_under_a_longer_path(tmp_path: Path, cache: Path) -> None:
    uv = Uv()
    original = find_environment("tensorflow==2.20.0 A=1", run=uv)
    copy = find_environment("tensorflow==2.20.0 A=1", copy=True, run=uv)
    assert copy.python.is_relative_to(cache)
    assert len(str(copy.python)) > len(str(original.python))
    assert (copy.word, copy.variables, copy.requirements) == (
        original.word,
        original.variables,
        original.requirements,
    )
    assert installed(copy) == ["numpy==2.4.6", "tensorflow-cpu==2.20.0"]
    (venv, install) = uv.calls("venv")[-1], uv.calls("install")[-1]
    assert venv[venv.index("--python") + 1] == str(original.python)
    assert "--no-deps" in install
    again = Uv()
    assert find_environment("tensorflow==2.20.0 A=1", copy=True, run=again) == copy
    assert not again.calls("install")
    of_a_path = find_environment(str(make_python(tmp_path / "venv")), copy=True, run=Uv())
    assert of_a_path.python.is_relative_to(cache)


@pytest.mark.parametrize("failing", ["venv", "install"])
def test_an_environment_that_does_not_install_is_said_and_tried_again_next_time(failing: str) -> None:
    with pytest.raises(DensebenchError, match=r"environment 'tensorflow==9.9' could not be installed: no such package"):
        find_environment("tensorflow==9.9", run=Uv(failing))
    uv = Uv()
    found = find_environment("tensorflow==9.9", run=uv)
    assert len(uv.commands) == 2
    assert (found.python.parent.parent / COMPLETE).exists()


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "PYTHON", "3.12")


ALL = ("3.10", "3.11", "3.12", "3.13")
OLD, NEW = "tensorflow==2.15.1", "tensorflow==2.21.0"


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("wheels", "chosen"),
    [
        ({}, ["3.12", "3.12"]),
        ({OLD: {"3.10", "3.11"}}, ["3.11", "3.11"]),
        ({OLD: {"3.13", "3.10"}}, ["3.13", "3.13"]),
        ({OLD: {"3.10", "3.11"}, NEW: {"3.12", "3.13"}}, ["3.11", "3.12"]),
    ],
)
def test_one_python_is_chosen_for_all_where_one_has_the_wheels(wheels: dict[str, set[str]], chosen: list[str]) -> None:
    uv = Uv(pythons=ALL, wheels=wheels)
    assert choose_python([OLD, "tf219", NEW, "./venv"], run=uv) == dict(zip([OLD, NEW], chosen, strict=True))
    for command in uv.calls("compile"):
        assert command[command.index("--only-binary") + 1] == ":all:"


@pytest.mark.usefixtures("own")
def test_a_python_that_is_not_installed_is_not_chosen() -> None:
    uv = Uv(pythons=("3.12", "3.9"), wheels={OLD: {"3.9", "3.13", "3.11"}})
    with pytest.raises(
        DensebenchError,
        match=r"'tensorflow==2\.15\.1' cannot be installed with any Python of this machine \(3\.12\): .* for 3\.12",
    ):
        choose_python([OLD], run=uv)


def test_nothing_is_looked_up_for_words_that_are_not_installed_and_little_for_what_is_there() -> None:
    assert choose_python(["tf219", "./venv A=1"], run=refuse) == {}
    find_environment(NEW, run=Uv())
    uv = Uv()
    assert choose_python([NEW], run=uv) == {NEW: PYTHON}
    assert not uv.calls("compile")


def test_a_failed_command_is_told_with_its_last_lines() -> None:
    script = "import sys; print('first'); print('last words', file=sys.stderr); sys.exit(3)"
    with pytest.raises(DensebenchError, match=r"ended with status \d+: first / last words"):
        run_quietly([sys.executable, "-c", script])
    with pytest.raises(DensebenchError, match=r"no-such-program is not installed"):
        run_quietly(["no-such-program"])
    assert run_quietly([sys.executable, "-c", "print(1)"]) == "1\n"
