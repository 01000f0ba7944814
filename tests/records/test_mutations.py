"""Run files that were changed at random: each is refused in one line, or read and shown as what it says."""

from __future__ import annotations

import json
import random
import statistics
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.formats import NOT_MEASURED, format_accuracy, format_bytes, format_count, format_duration, format_rate
from bench.records.record import Run, RunFileError, read_run
from bench.records.run_file import PUBLISHED, encode_run, read_content, run_file_name
from bench.records.schema.run import SCHEMA
from bench.report.latency_text import DISTURBED
from bench.report.markdown import escape
from bench.report.pages.runtimes import runtimes_page
from bench.report.pages.suite import latency_table, tables_page, training_table
from bench.report.publish import KIND_OF_FOLDER
from bench.report.registry import KINDS
from tests.mutations import mutate, real_run_files, show_folder, write_folder

pytestmark = pytest.mark.slow
FILES = real_run_files(PUBLISHED)
SEEDS = st.integers(0, 2**32)
OFTEN = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@cache
def content_of(path: Path) -> Any:
    return json.loads(read_content(path))


def kind_of(path: Path) -> str:
    return KIND_OF_FOLDER.get(path.parent.name, "suite")


def mutated(path: Path, seed: int, folder: str) -> Path:
    place = Path(folder) / run_file_name(path)
    place.write_bytes(mutate(content_of(path), random.Random(seed)))
    return place


def of_kind(kind: str) -> st.SearchStrategy[Path]:
    return st.sampled_from([path for path in FILES if kind_of(path) == kind])


@given(path=st.sampled_from(FILES), seed=SEEDS)
@OFTEN
def test_a_mutated_file_is_refused_in_one_line_or_read_and_shown(path: Path, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = mutated(path, seed, folder)
        kind = KINDS[kind_of(path)]
        try:
            run = read_run(place)
            read = kind.read(run)
        except RunFileError as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert place.name in refused
            assert "\n" not in refused
            return
        pages = kind.pages(kind.choose([read]))
        assert not any("<script" in text for text in pages.values())
        place.write_bytes(encode_run(run.metadata, run.records))
        again = read_run(place)
        assert sorted(again.records, key=repr) == sorted(run.records, key=repr)
        assert again.metadata.schema == SCHEMA


def cells(table: str) -> list[list[str]]:
    """The rows of a Markdown table, without its header."""
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")] for line in lines]


def rows_of(run: dict[str, Any], stage: str) -> list[tuple[dict[str, Any], list[float]]]:
    """The rows of a stage as they stand in the file, with their timings; invalid ones last."""
    rows = [(row["extra_info"], row["stats"].get("data", [])) for row in run["benchmarks"]]
    rows += [(row, row.get("values_s", [])) for row in run["densebench"].get("invalid", [])]
    return [(row, values) for row, values in rows if row["stage"] == stage]


@given(path=of_kind("suite"), seed=SEEDS)
@OFTEN
def test_numbers_of_the_suite_are_those_of_the_file(path: Path, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = mutated(path, seed, folder)
        run = _read_or_none(place)
        if run is None:
            return
        content = json.loads(place.read_bytes())
        for (row, values), shown in zip(rows_of(content, "infer"), cells(latency_table(run)), strict=True):
            refused = "INVALID" if row.get("faults") else NOT_MEASURED
            valid = values and not row.get("faults")
            assert shown[2:4] == [format_count(row["batch_size"]), str(row["threads"])]
            assert shown[10].split(" ")[0] == format_count(len(values))
            assert shown[5].partition(" ±")[0].removeprefix(f"{DISTURBED} ") == (
                format_duration(statistics.median(values)) if valid else refused
            )
            assert shown[9] == (format_rate(row["batch_size"] / statistics.median(values)) if valid else refused)
        trained = [
            [str(seed), str(epochs), format_duration(value), format_accuracy(accuracy)]
            for row, values in rows_of(content, "train")
            for seed, epochs, _, value, accuracy in zip(
                *(row.get(name, []) for name in ("seeds", "epochs_run", "first_step_s")),
                values,
                row.get("test_accuracies", []),
                strict=False,
            )
        ]
        told = [[row[2], row[3], row[5], row[6].removesuffix(" INVALID")] for row in cells(training_table(run))]
        assert told == trained
        means = [
            format_accuracy(statistics.fmean(row["test_accuracies"]))
            for row, _ in rows_of(content, "train")
            if row.get("test_accuracies")
        ]
        page = tables_page(run)
        assert all(mean in page for mean in means)
        assert escape(content["densebench"]["commit"]) in page


@given(path=of_kind("runtimes"), seed=SEEDS)
@settings(OFTEN, max_examples=60)
def test_numbers_of_runtimes_are_those_of_the_file(path: Path, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = mutated(path, seed, folder)
        run = _read_or_none(place)
        if run is None:
            return
        content, page = json.loads(place.read_bytes()), runtimes_page(run)
        rows = [row for row, _ in (*rows_of(content, "start"), *rows_of(content, "runtime"))]
        invalid = {(row["recipe"], row["runtime"], row["threads"]) for row in rows if row.get("faults")}
        for row, values in rows_of(content, "start"):
            place_of = (row["recipe"], row["runtime"], row["threads"])
            if values and place_of not in invalid:
                assert f"{format_duration(statistics.median(values))} (" in page
            if row.get("artifact_bytes") is not None and row.get("status") != "unavailable":
                assert format_bytes(row["artifact_bytes"]) in page


def _read_or_none(place: Path) -> Run | None:
    """The run, where it can be read."""
    try:
        return read_run(place)
    except RunFileError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_folder_of_mutated_files_costs_none_of_the_others(seed: int, tmp_path: Path) -> None:
    write_folder(FILES, 60, seed, tmp_path)
    shown = show_folder(tmp_path)
    assert not shown.faults
    assert shown.accepted > 10
    assert shown.refused > 10
