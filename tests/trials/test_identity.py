from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from bench.errors import DensebenchError
from bench.files import ROOT
from bench.trials.environments import Environment
from bench.trials.identity import check_identity, describe_process, differing

NAMES = ("tensorflow", "keras", "tf_keras", "numpy", "lonely")
TENSORFLOW = """\
__version__ = "{version}"
class version:
    GIT_VERSION = "v2.21.0-5-gabc"
    COMPILER_VERSION = "Clang 18.1.8"
import keras
"""
KERAS = """\
__version__ = "{version}"
Model = type("Model", (), {{"__module__": "{name}.src.models.model"}})
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site-packages with nothing in it, the only place to import from."""
    for name in NAMES:
        monkeypatch.setitem(sys.modules, name, None)  # so that it is put back, or away, in the end
        del sys.modules[name]
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def install(
    site: Path, distribution: str, version: str, files: dict[str, str] | None = None, *, top_level: str | None = None
) -> None:
    """Install a distribution; without files it has no list of them."""
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", "utf-8")
    for path, text in (files or {}).items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    if files is not None:
        rows = "".join(f"{path},sha256=00,1\n" for path in [*files, f"{info.name}/METADATA"])
        (info / "RECORD").write_text(rows, encoding="utf-8")
    if top_level is not None:
        (info / "top_level.txt").write_text(top_level, encoding="utf-8")


def install_tensorflow(site: Path, distribution: str, version: str, module_version: str | None = None) -> None:
    text = TENSORFLOW.format(version=module_version or version)
    install(site, distribution, version, {"tensorflow/__init__.py": text, "tensorflow/python.py": ""})


def install_keras(site: Path, distribution: str, version: str, name: str = "keras") -> None:
    install(site, distribution, version, {f"{name}/__init__.py": KERAS.format(version=version, name=name)})


def asked(*requirements: str, **variables: str) -> Environment:
    return Environment("the word", Path("python"), variables, requirements)


def facts(packages: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "python": "3.11.7",
        "build": "CPython",
        "variables": {},
        "distributions": {},
        "packages": packages or {},
    } | more


def owned(version: str | None, **owners: str) -> dict[str, Any]:
    return {"owners": {name.replace("_", "-"): one for name, one in owners.items()}, "version": version}


def test_a_process_tells_the_owners_versions_and_builds_of_what_it_runs(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_tensorflow(site, "tf-nightly-cpu", "2.23.0.dev20261026", "2.23.0-dev20261026")
    install_keras(site, "keras-nightly", "3.16.0.dev1")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    told = describe_process(("tensorflow", "keras"), variables=["TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS"])
    assert json.loads(json.dumps(told)) == told
    assert told["variables"] == {"TF_ENABLE_ONEDNN_OPTS": "0", "XLA_FLAGS": None}
    assert told["distributions"] == {"keras-nightly": "3.16.0.dev1", "tf-nightly-cpu": "2.23.0.dev20261026"}
    assert told["python"] == sys.version.split()[0]
    assert told["packages"] == {
        "tensorflow": {
            "owners": {"tf-nightly-cpu": "2.23.0.dev20261026"},
            "version": "2.23.0-dev20261026",
            "file": "tensorflow/__init__.py",
            "git_version": "v2.21.0-5-gabc",
            "compiler_version": "Clang 18.1.8",
            "keras": {"name": "keras", "version": "3.16.0.dev1"},
        },
        "keras": {"owners": {"keras-nightly": "3.16.0.dev1"}, "version": "3.16.0.dev1", "file": "keras/__init__.py"},
    }
    check_identity(asked("tf-nightly-cpu==2.23.0.dev20261026"), told)


def test_nothing_is_imported_where_that_is_not_wanted(site: Path) -> None:
    install_tensorflow(site, "tensorflow", "2.21.0")
    install(site, "numpy", "2.4.6", {"numpy/__init__.py": "raise RuntimeError"})
    told = describe_process(load=False)
    assert not {"tensorflow", "keras", "numpy"} & set(sys.modules)
    assert told["packages"]["tensorflow"] == {
        "owners": {"tensorflow": "2.21.0"},
        "version": None,
        "file": "tensorflow/__init__.py",
    }
    check_identity(asked("tensorflow==2.21.0", "numpy"), told)


def test_a_module_that_is_imported_already_is_the_one_that_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "numpy", "2.4.6", {"numpy/__init__.py": ""})
    other = type(sys)("numpy")
    other.__version__ = "1.0"  # type: ignore[attr-defined]
    other.__file__ = "/elsewhere/numpy.py"
    monkeypatch.setitem(sys.modules, "numpy", other)
    told = describe_process(["numpy"], load=False)
    assert told["packages"] == {
        "numpy": {"owners": {"numpy": "2.4.6"}, "version": "1.0", "file": "/elsewhere/numpy.py"}
    }
    with pytest.raises(DensebenchError, match=r"numpy: asked for numpy 2\.4\.6, found a module 1\.0"):
        check_identity(asked(), told)


@pytest.mark.parametrize(
    ("files", "top_level", "owners"),
    [
        (None, "lonely\nother\n", 1),
        (None, "other\n", 0),
        (None, None, 0),
        ({"lonely/__init__.py": ""}, None, 1),
        ({"lonely.py": ""}, None, 1),
        ({"lonely.cpython-311-x86_64-linux-gnu.so": ""}, None, 1),
        ({"lonely/plugin.py": ""}, None, 0),
        ({"lonely_more/__init__.py": ""}, "lonely", 0),
        ({"__editable__.lonely-1.0.pth": ""}, "lonely", 1),
    ],
)
def test_an_owner_is_known_by_its_files_or_where_it_lists_none_by_what_it_declares(
    files: dict[str, str] | None, top_level: str | None, owners: int, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "Some.Lonely_one", "1.0", files, top_level=top_level)
    monkeypatch.setitem(sys.modules, "lonely", type(sys)("lonely"))
    told = describe_process(["lonely"])["packages"]["lonely"]
    assert told["owners"] == dict([("some-lonely-one", "1.0")][:owners])


def test_two_owners_of_one_package_are_refused(site: Path) -> None:
    install_keras(site, "keras", "3.15.1")
    install_tensorflow(site, "tensorflow-cpu", "2.21.0")
    install_tensorflow(site, "tf-nightly-cpu", "2.22.0.dev1")
    with pytest.raises(
        DensebenchError,
        match=r"environment 'the word': tensorflow: asked for one distribution that holds it, "
        r"found tensorflow-cpu 2\.21\.0 and tf-nightly-cpu 2\.22\.0\.dev1\.$",
    ):
        check_identity(asked("tf-nightly-cpu==2.22.0.dev1"), describe_process())


def test_a_distribution_that_stands_in_two_folders_is_one_owner_the_one_that_is_imported(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "first").mkdir()
    monkeypatch.setattr(sys, "path", [str(site / "first"), str(site)])
    install_keras(site, "keras", "3.10.0")
    install_keras(site / "first", "keras", "3.15.1")
    told = describe_process(["keras"])
    assert told["packages"]["keras"]["owners"] == told["distributions"] == {"keras": "3.15.1"}
    assert told["packages"]["keras"]["version"] == "3.15.1"


def test_a_distribution_without_a_name_is_passed_over(site: Path) -> None:
    (site / "broken-1.dist-info").mkdir()
    (site / "broken-1.dist-info" / "METADATA").write_text("Version: 1\n", encoding="utf-8")
    install_keras(site, "keras", "3.15.1")
    assert describe_process(["keras"])["distributions"] == {"keras": "3.15.1"}


def test_a_package_that_cannot_be_imported_is_said_where_it_was_asked_for(site: Path) -> None:
    install(site, "numpy", "2.4.6", {"numpy/__init__.py": "raise RuntimeError('no numbers\\nat all')"})
    told = describe_process(["numpy"])
    assert told["packages"]["numpy"]["error"] == "RuntimeError: no numbers"
    check_identity(asked(), told)
    with pytest.raises(DensebenchError, match=r"numpy: asked for numpy, but it cannot be imported: RuntimeError: no n"):
        check_identity(asked("numpy"), told)


@pytest.mark.parametrize(
    ("requirement", "found", "fault"),
    [
        ("keras==3.10.0", {"keras": "3.15.1"}, r"keras: asked for keras==3\.10\.0, found 3\.15\.1"),
        ("keras==3.10.0", {}, r"keras: asked for keras==3\.10\.0, found none"),
        ("Scikit_Learn==1.9", {"scikit-learn": "1.9.0"}, None),
        ("onnx>=1.17,!=1.19.0", {"onnx": "1.19.0"}, r"onnx: asked for onnx.*, found 1\.19\.0"),
        ("keras>=3", {"keras": "3.16.0.dev1"}, None),
        ("tensorflow[and-cuda]==2.21.*", {"tensorflow": "2.21.0+local"}, None),
    ],
)
def test_a_distribution_must_be_there_in_a_version_that_was_asked_for(
    requirement: str, found: dict[str, str], fault: str | None
) -> None:
    told = facts(distributions=found)
    if fault is None:
        check_identity(asked(requirement), told)
        return
    with pytest.raises(DensebenchError, match=fault):
        check_identity(asked(requirement), told)


@pytest.mark.parametrize(
    ("module", "distribution", "same"),
    [
        ("2.22.0-rc0", "2.22.0rc0", True),
        ("2.23.0-dev20261026", "2.23.0.dev20261026", True),
        ("2.21.0+cpu", "2.21.0", True),
        ("2.21", "2.21.0", True),
        (None, "2.21.0", True),
        ("unknown", "2.21.0", False),
        ("2.21.0", "2.22.0rc0", False),
        ("2.21.0-rc0", "2.21.0", False),
    ],
)
def test_a_module_must_be_of_its_distributions_version(module: str | None, distribution: str, *, same: bool) -> None:
    told = facts({"tensorflow": owned(module, tensorflow=distribution)}, distributions={"tensorflow": distribution})
    if same:
        check_identity(asked("tensorflow"), told)
        return
    with pytest.raises(DensebenchError, match=rf"tensorflow: asked for tensorflow, found a module {module}\.$"):
        check_identity(asked("tensorflow"), told)


def test_a_variable_must_be_set_in_the_process() -> None:
    check_identity(asked(A="1"), facts(variables={"A": "1"}))
    with pytest.raises(DensebenchError, match=r"variable A: asked for '1', it is not set"):
        check_identity(asked(A="1"), facts(variables={"A": None}))
    with pytest.raises(DensebenchError, match=r"variable A: asked for '1', it is not set"):
        check_identity(asked(A="1"), facts())
    with pytest.raises(DensebenchError, match=r"variable A: asked for '1', found '2'"):
        check_identity(asked(A="1"), facts(variables={"A": "2"}))


def check_legacy_keras(keras: dict[str, Any]) -> None:
    legacy = {"TF_USE_LEGACY_KERAS": "1"}
    told = facts({"tensorflow": owned("2.21.0", tensorflow="2.21.0") | {"keras": keras}}, variables=legacy)
    check_identity(asked(**legacy), told)


def test_the_keras_of_tensorflow_must_be_the_one_that_a_variable_asks_for() -> None:
    check_legacy_keras({"name": "tf_keras", "version": "2.21.0"})
    check_legacy_keras({"name": "keras", "version": "2.14.0"})
    check_legacy_keras({"name": "tensorflow", "version": None})
    with pytest.raises(DensebenchError, match=r"tf\.keras: asked for tf_keras \(TF_USE_.*=1\), found keras 3\.15\.1"):
        check_legacy_keras({"name": "keras", "version": "3.15.1"})
    with pytest.raises(DensebenchError, match=r"tf\.keras: asked for tf_keras .*cannot be imported: ImportError: no"):
        check_legacy_keras({"name": None, "version": None, "error": "ImportError: no"})


def test_a_keras_that_tensorflow_cannot_import_is_told(site: Path) -> None:
    text = TENSORFLOW.format(version="2.21.0").replace("import keras", "")
    install(site, "tensorflow", "2.21.0", {"tensorflow/__init__.py": text})
    told = describe_process(["tensorflow"])
    assert told["packages"]["tensorflow"]["keras"]["error"].startswith("AttributeError: ")
    with pytest.raises(
        DensebenchError, match=r"tf\.keras: asked for the Keras of TensorFlow, but it cannot be imported"
    ):
        check_identity(asked(), told)


def test_the_keras_of_tensorflow_has_its_distributions_version_where_it_tells_none(site: Path) -> None:
    text = TENSORFLOW.format(version="2.21.0").replace("import keras", "import tf_keras as keras")
    install(site, "tensorflow", "2.21.0", {"tensorflow/__init__.py": text})
    module = KERAS.format(version="", name="tf_keras").partition("\n")[2]
    install(site, "tf-keras", "2.21.0", {"tf_keras/__init__.py": module})
    told = describe_process(["tensorflow"])
    assert told["packages"]["tensorflow"]["keras"] == {"name": "tf_keras", "version": "2.21.0"}


def told_tensorflow(site: Path, tensorflow: str, keras: str) -> dict[str, Any]:
    site.mkdir()
    sys.path[:] = [str(site)]
    for name in ("tensorflow", "keras"):
        sys.modules.pop(name, None)
    install_tensorflow(site, *tensorflow.split())
    install_keras(site, *keras.split())
    return describe_process()


def test_what_differs_is_listed_with_both_versions(site: Path) -> None:
    a = told_tensorflow(site / "a", "tensorflow-cpu 2.21.0", "keras 3.15.1")
    b = told_tensorflow(site / "b", "tf-nightly-cpu 2.22.0.dev1", "keras 3.10.0")
    assert differing(a, a) == {}
    assert differing(a, b) == {
        "tensorflow": ("tensorflow-cpu 2.21.0", "tf-nightly-cpu 2.22.0.dev1"),
        "keras": ("3.15.1", "3.10.0"),
    }


def test_what_only_one_process_has_and_how_it_was_built_is_listed() -> None:
    built = owned("2.21.0", tensorflow="2.21.0") | {
        "git_version": "v1",
        "compiler_version": "Clang",
        "keras": {"name": "keras", "version": "3.15.1"},
    }
    other = built | {"git_version": "v2", "keras": {"name": "tf_keras", "version": "2.21.0"}}
    a = facts({"tensorflow": built}, distributions={"tensorflow": "2.21.0"})
    b = facts({"tensorflow": other}, distributions={"tensorflow": "2.21.0", "six": "1"}, python="3.12.1", build="PyPy")
    assert differing(a, b) == {
        "Python": ("3.11.7", "3.12.1"),
        "Python's build": ("CPython", "PyPy"),
        "tensorflow's source": ("v1", "v2"),
        "tensorflow's Keras": ("keras 3.15.1", "tf_keras 2.21.0"),
        "six": (None, "1"),
    }
    gone = differing(a, facts())
    assert gone["tensorflow"] == ("tensorflow 2.21.0", None)
    assert gone["tensorflow's Keras"] == ("keras 3.15.1", None)


def test_it_runs_in_an_interpreter_that_has_nothing_installed() -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bench.trials.identity import describe_process; "
        "print(sorted(describe_process(['json', 'no_such_package'], load=True)['packages']['json']))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("['file', 'owners', 'version']", "")


def test_the_owners_of_real_packages_are_those_that_the_standard_library_finds() -> None:
    packages = ("packaging", "pytest", "platformdirs", "pluggy")
    told = describe_process(packages)["packages"]
    found = metadata.packages_distributions()
    for package in packages:  # Python 3.10 finds only some
        assert list(told[package]["owners"]) == found.get(package, [package])
