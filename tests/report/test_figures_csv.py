"""The table of all figures in CSV: every kind of row is in it, with the interval and the word that pages show."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from bench.__main__ import main
from bench.records.record import RunReader
from bench.records.run_file import PUBLISHED
from bench.records.schema.run import AnyRecord
from bench.records.trials import HEAD
from bench.report.figures_csv import figures_csv
from bench.report.registry import read_shown
from tests.fake_trial import Machine
from tests.report.test_trials import stored

if TYPE_CHECKING:
    import pytest


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_kind_of_published_row_has_its_figures(tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    assert main(["report", "--csv", str(path), "--results", str(PUBLISHED)]) == 0
    found = lines(path.read_text(encoding="utf-8"))
    kinds = {str(one.__struct_config__.tag) for one in get_args(AnyRecord)}
    assert {line["kind"] for line in found} == kinds
    for line in found:
        assert line["case"]
        assert line["verdict"] or line["value"]
        low, high = line["low"], line["high"]
        assert not low or float(low) <= float(line["value"]) <= float(high)


def test_a_run_that_is_published_is_there_once() -> None:
    shown = read_shown(PUBLISHED, RunReader())
    runs = {run.name: run for found in shown.candidates.values() for run in found}
    text = figures_csv(runs.values())
    assert len(set(text.splitlines())) == len(text.splitlines())


def test_a_trials_word_stands_beside_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = stored(tmp_path, monkeypatch, Machine(factor={(HEAD, "call"): 1.2}))
    found = lines(figures_csv([trial.run]))
    ratios = [line for line in found if line["figure"].endswith("ratio")]
    assert len(ratios) == len(trial.rows)
    for line, row in zip(ratios, trial.rows, strict=True):
        assert (line["case"], line["verdict"]) == (row.case, row.word)
        assert line["low"] == ("" if row.effect.low is None else str(math.exp(row.effect.low)))
    assert any(line["verdict"] == "slower" and float(line["low"]) > 1 for line in ratios)


def test_where_it_cannot_be_written_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "figures.csv").mkdir()
    assert main(["report", "--csv", str(tmp_path / "figures.csv")]) != 0
    assert capsys.readouterr().err == f"error: {tmp_path / 'figures.csv'}: Is a directory\n"
    assert main(["report", "--csv", str(tmp_path / "new" / "figures.csv")]) == 0
    assert (tmp_path / "new" / "figures.csv").is_file()
