from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.errors import DensebenchError
from bench.files import write_atomically
from bench.records.record import read_run
from bench.records.run_file import Content, encode_run, reserve_run_path, round_timings
from bench.records.schema.rows import Parity
from bench.records.schema.run import SCHEMA, RunFile
from tests.fake_runs import infer_row
from tests.fake_runs import run_content as suite_content

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


def stored(**fields: Any) -> Content:
    """A run with one row of calls, which has these fields."""
    content = msgspec.convert(suite_content([infer_row(values_s=(8e-6, 9e-6))]), RunFile)
    row = msgspec.structs.replace(content.benchmarks[0].extra_info, values_s=(8e-6, 9e-6), **fields)
    return content.densebench, [row]


def test_a_run_survives_encoding(tmp_path: Path) -> None:
    metadata, rows = stored()
    path = tmp_path / "run.json"
    path.write_bytes(encode_run(metadata, rows))
    run = read_run(path)
    assert run.records == tuple(rows)
    assert msgspec.structs.replace(run.metadata, invalid=()) == msgspec.structs.replace(metadata, schema=SCHEMA)


def test_rows_with_faults_or_without_timings_are_no_benchmarks() -> None:
    metadata, (row,) = stored()
    rows = [row, *(msgspec.structs.replace(row, **change) for change in ({"faults": ("x",)}, {"values_s": ()}))]
    content = json.loads(encode_run(metadata, rows))
    assert (len(content["benchmarks"]), len(content["densebench"]["invalid"])) == (1, 2)
    assert content["densebench"]["invalid"][0]["values_s"] == [8e-6, 9e-6]


def test_a_list_of_numbers_takes_one_line() -> None:
    assert b'"data": [8e-6, 9e-6]' in encode_run(*stored())


def test_what_is_not_a_number_becomes_null() -> None:
    content = json.loads(encode_run(*stored(parity=Parity(max_abs_diff=math.nan))))
    assert content["benchmarks"][0]["extra_info"]["parity"]["max_abs_diff"] is None


def test_timings_keep_their_nanoseconds_and_are_never_nothing() -> None:
    assert round_timings([7.123999763280153e-06, 1.5, 0.0]) == (7.124e-06, 1.5, 1e-9)


def test_pytest_benchmark_and_what_reads_its_files_find_their_fields(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(encode_run(*stored()))
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", str(path), "--columns=min,mean,stddev,median,iqr,rounds"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "infer[deep_mlp,batch=1,threads=1]" in done.stdout
    content = json.loads(path.read_text(encoding="utf-8"))
    (row,) = content["benchmarks"]
    assert {"fullname", "name", "params", "stats"} <= set(row)
    assert (row["stats"]["rounds"], round(row["stats"]["mean"], 9)) == (2, 8.5e-6)
    assert {"stddev", "ops", "median", "iqr"} <= set(row["stats"])
    assert {"machine_info", "commit_info", "datetime", "version"} <= set(content)
