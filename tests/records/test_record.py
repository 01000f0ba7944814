from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.records.record import RunFileError, RunReader, read_run
from bench.records.run_file import LARGEST_FILE, pack
from bench.records.schema.suite import InferRecord, TrainRecord
from tests.fake_runs import infer_row, refuse, run_content, train_row


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_run_keeps_its_raw_timings_and_extra_info(tmp_path: Path) -> None:
    run = read_run(write(tmp_path / "run.json", run_content([train_row(), infer_row(batch_size=32)])))
    (train,), (infer,) = run.of(TrainRecord), run.of(InferRecord)
    assert train.values_s == (10.0, 12.0, 11.0)
    assert train.test_accuracies == (0.86, 0.87, 0.88)
    assert (infer.case, infer.batch_size) == ("infer[deep_mlp,batch=32,threads=1]", 32)
    assert infer.parity
    assert infer.parity.max_abs_diff == 4.2e-7
    assert (run.commit, run.complete, run.missing) == ("abc1234", True, ())


def test_a_packed_run_file_is_the_same_run(tmp_path: Path) -> None:
    plain = write(tmp_path / "raw" / "machine" / "run.json", run_content([train_row()]))
    packed = plain.with_name("run.json.gz")
    packed.write_bytes(pack(plain.read_bytes()))
    assert read_run(packed) == read_run(plain)
    plain.unlink()
    assert [run.name for run in RunReader().read_folder(tmp_path)[0]] == ["run"]


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        (b"{}", "not a gzip file"),
        (pack(b"{}" * 100)[:20], "not a gzip file"),
        (pack(b"{}" * 100)[:-9] + b"x" * 9, "not a gzip file"),
        (pack(b" " * (LARGEST_FILE + 1)), "larger than 64 MB"),
        (pack(b"{}"), "missing required field"),
    ],
)
def test_a_packed_file_that_is_none_is_named(tmp_path: Path, content: bytes, warning: str) -> None:
    path = tmp_path / "run.json.gz"
    path.write_bytes(content)
    with pytest.raises(RunFileError) as error:
        read_run(path)
    assert warning in str(error.value)
    assert str(path) in str(error.value)


def test_an_invalid_row_is_read_with_its_reasons(tmp_path: Path) -> None:
    content = run_content([], invalid=[refuse(infer_row(), "3 of 10000 predictions changed")])
    (record,) = read_run(write(tmp_path / "run.json", content)).records
    assert record.faults == ("3 of 10000 predictions changed",)


def test_a_planned_case_without_a_row_is_missing(tmp_path: Path) -> None:
    content = run_content([train_row()], cases_planned=["train[deep_mlp]", "infer[deep_mlp,batch=1,threads=1]"])
    assert read_run(write(tmp_path / "run.json", content)).missing == ("infer[deep_mlp,batch=1,threads=1]",)


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    content = run_content([train_row(future=1)], future=2) | {"future": 3}
    assert len(read_run(write(tmp_path / "run.json", content)).records) == 1


def spoil(**metadata: Any) -> dict[str, Any]:
    return run_content([], **metadata)


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ("", "not a densebench run file"),
        ('{"benchmarks": [', "not a densebench run file"),
        ("[1, 2]", "Expected `object`, got `array`"),
        ("[" * 100_000, "not a densebench run file"),
        ({"benchmarks": []}, "missing required field `densebench`"),
        (spoil(schema=3), "`int` <= 2 - at `$.densebench.schema`"),
        (spoil(schema=True), "Expected `int`, got `bool` - at `$.densebench.schema`"),
        (spoil(quick="no"), "Expected `bool`, got `str` - at `$.densebench.quick`"),
        (spoil(cases_planned=[1]), "`$.densebench.cases_planned[0]`"),
        (run_content([train_row(epochs_run=["two"])]), "Expected `int`, got `str`"),
        (run_content([train_row(values_s=(1.0, float("nan")))]), "JSON is malformed"),
        (run_content([train_row(values_s=(1.0, -1.0))]), "`$.benchmarks[0].stats.data[1]`"),
        (
            run_content([infer_row(parity={"max_abs_diff": "small"})]),
            "`$.benchmarks[0].extra_info.parity.max_abs_diff`",
        ),
        (run_content([infer_row(batch_size=10**400)]), "Expected `int` <= 9007199254740992"),
        (run_content([train_row(seeds=[0])]), "not one seed, accuracy, ... for each"),
        (run_content([train_row(first_step_s=[None, "soon", 1.0])]), "got `str`"),
    ],
)
def test_a_broken_run_file_is_named_with_what_is_wrong(tmp_path: Path, content: Any, warning: str) -> None:
    path = write(tmp_path / "run.json", content)
    with pytest.raises(RunFileError) as error:
        read_run(path)
    assert warning in str(error.value)
    assert str(path) in str(error.value)


def test_broken_run_files_do_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path / "raw/machine/b.json", run_content([], started_at="2026-01-01"))
    write(tmp_path / "raw/machine/a.json", run_content([], started_at="2026-01-02"))
    write(tmp_path / "raw/machine/broken.json", "{")
    write(tmp_path / "raw/machine/.a.json.x.tmp", "half written")
    runs, warnings = RunReader().read_folder(tmp_path)
    assert [run.started_at for run in runs] == ["2026-01-01", "2026-01-02"]
    assert len(warnings) == 1
    assert "broken.json" in warnings[0]


def test_a_file_that_may_not_be_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "raw/machine/folder.json").mkdir(parents=True)
    assert "Is a directory" in RunReader().read_folder(tmp_path)[1][0]


def test_what_is_wrong_is_one_line_whatever_the_file_holds() -> None:
    assert str(RunFileError("run.json: a|b\n# c: a row\tof kind 'x'")) == "run.json: a|b # c: a row of kind 'x'"
