"""What a command needs is said before it starts, and refused where it is not there."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.errors import DensebenchError
from bench.host import resources
from bench.host.resources import free_disk_bytes, free_memory_bytes, say_needs, short_path
from bench.progress import Progress

GB = 10**9
Let = Callable[[float, "float | None"], None]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Let:
    """Sets how many GB of disk and of memory are free."""

    def let(disk_gb: float, memory_gb: float | None) -> None:
        memory = None if memory_gb is None else int(memory_gb * GB)
        monkeypatch.setattr(resources, "free_disk_bytes", lambda _folder: int(disk_gb * GB))
        monkeypatch.setattr(resources, "free_memory_bytes", lambda: memory)

    let(80.0, 20.0)
    return let


def said(*environments: Path) -> list[str]:
    shown = io.StringIO()
    say_needs(Progress(shown), memory_bytes=2 * GB, results=Path("results"), environments=environments)
    return shown.getvalue().splitlines()


@pytest.mark.usefixtures("free")
def test_environments_and_memory_are_said_with_what_is_free() -> None:
    cache = Path.home() / ".cache" / "densebench"
    assert said(cache / "a", cache / "b", Path("/x/.tox/tf219")) == [
        "makes 2 environments: about 3.60 GB of disk in ~/.cache/densebench (80.0 GB free)",
        "makes 1 environment: about 1.80 GB of disk in /x/.tox (80.0 GB free)",
        "needs about 2.00 GB of memory (20.0 GB free)",
    ]
    assert said() == ["needs about 2.00 GB of memory (20.0 GB free)"]


@pytest.mark.parametrize(
    ("disk_gb", "memory_gb", "warning"),
    [
        (1.0, 20.0, r"not enough room: makes 1 environment: about 1\.80 GB of disk in /x \(1\.00 GB free\)\."),
        (80.0, 1.5, r"not enough room: needs about 2\.00 GB of memory \(1\.50 GB free\)\."),
    ],
)
def test_what_is_not_there_is_refused(disk_gb: float, memory_gb: float, warning: str, free: Let) -> None:
    free(disk_gb, memory_gb)
    with pytest.raises(DensebenchError, match=warning):
        said(Path("/x/env"))


def test_a_full_disk_is_refused_before_anything_is_measured(free: Let) -> None:
    free(0.05, 20.0)
    with pytest.raises(DensebenchError, match=r"results need 100 MB of disk in results \(50\.0 MB free\)"):
        said()


def test_memory_that_nobody_knows_is_no_reason_to_refuse(free: Let) -> None:
    free(80.0, None)
    assert said() == ["needs about 2.00 GB of memory (nobody knows how much is free)"]


def test_free_memory_is_what_the_system_and_its_container_allow(tmp_path: Path) -> None:
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal:  9 kB\nMemAvailable:  4 kB\n", encoding="ascii")
    assert free_memory_bytes(meminfo, limit) == 4096
    limit.write_text("max\n", encoding="ascii")
    assert free_memory_bytes(meminfo, limit) == 4096
    limit.write_text("1000\n", encoding="ascii")
    assert free_memory_bytes(meminfo, limit) == 1000
    assert free_memory_bytes(tmp_path / "none", limit) is None


def test_the_disk_of_a_folder_that_is_still_to_be_made_is_that_of_its_parents(tmp_path: Path) -> None:
    assert free_disk_bytes(tmp_path / "a" / "b") > 0
    assert short_path(tmp_path) == str(tmp_path)


def test_a_command_ends_at_once_where_memory_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.host.resources.free_memory_bytes", lambda: 10**8)
    assert main(["runtimes", "--dataset", "digits", "--results", str(tmp_path / "results")]) == 4
    output, errors = capsys.readouterr()
    assert errors.startswith("error: not enough room: needs about ")
    assert output.endswith("of memory (100 MB free)\n")
    assert not (tmp_path / "results").exists()
