from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.host.metadata import commit_text


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of one commit with a file of each kind."""
    for name in ("bench/a.py", "results/tables/a.md", "README.md", "README.ko.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old", encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ((), "abcdefg"),
        (("results/tables/a.md", "README.md", "README.ko.md"), "abcdefg"),
        (("bench/a.py",), "abcdefg+"),
        (("bench/a.py", "README.md"), "abcdefg+"),
    ],
)
def test_only_what_a_measurement_could_depend_on_marks_a_commit(
    checkout: Path, changed: tuple[str, ...], text: str
) -> None:
    for name in changed:
        (checkout / name).write_text("new", encoding="utf-8")
    assert commit_text({"id": "abcdefghij", "dirty": bool(changed)}, checkout) == text


def test_a_folder_that_is_no_checkout_keeps_its_mark(tmp_path: Path) -> None:
    assert commit_text({"id": "unversioned", "dirty": True}, tmp_path / "..").endswith("+")
