from __future__ import annotations

import errno
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from bench.errors import DensebenchError
from bench.files import write_atomically
from bench.records.run_file import encode_run, reserve_run_path, round_timings

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=timezone.utc)


def test_two_runs_of_the_same_second_have_different_files(tmp_path: Path) -> None:
    first, second = (reserve_run_path(tmp_path, "machine", "digits-cpu", NOON) for _ in range(2))
    assert first != second
    assert first.parent == tmp_path / "raw" / "machine"
    assert first.name.startswith("20260102T120000Z-digits-cpu-")
    assert list(first.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_found_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file", encoding="utf-8")
    with pytest.raises(DensebenchError, match=r"results/raw/machine: Not a directory\. Name a folder"):
        reserve_run_path(tmp_path / "results", "machine", "digits-cpu", NOON)


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        {"data": [1e-06, 2, 3.5], "nested": [[1, 2], [3]], "empty": [], "text": "[\n 1,\n 2\n]", "none": None},
        {"one": [1.25], "words": ["a", "b"], "mixed": [1, "b"]},
    ],
)
def test_a_run_survives_encoding(content: dict[str, Any]) -> None:
    assert json.loads(encode_run(content)) == content


def test_a_list_of_numbers_takes_one_line() -> None:
    assert encode_run({"data": [1e-06, 2.5]}) == b'{\n "data": [1e-06, 2.5]\n}\n'


def test_what_is_not_a_number_becomes_null() -> None:
    assert json.loads(encode_run({"diff": float("nan"), "data": [float("inf"), 1.0]})) == {
        "diff": None,
        "data": [None, 1.0],
    }


def test_timings_keep_their_nanoseconds() -> None:
    assert round_timings([7.123999763280153e-06, 1.5]) == [7.124e-06, 1.5]
