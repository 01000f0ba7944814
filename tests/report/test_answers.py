from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.records.record import Run, RunReader, read_run
from bench.records.run_file import PUBLISHED
from bench.report.answers import TEXTS, ship_answer, trust_answer, upgrade_answer
from bench.report.registry import read_shown
from tests.fake_runs import infer_row, run_content, train_row


def suite(folder: Path, **accuracies: list[float]) -> Run:
    """A run with a model per name, each a little slower than the one before."""
    rows: list[dict[str, Any]] = []
    for place, (name, values) in enumerate(accuracies.items(), start=1):
        rows += [train_row(name, test_accuracies=values), infer_row(name, values_s=(place * 1e-6,) * 9)]
    path = folder / "run.json"
    path.write_text(json.dumps(run_content(rows)), encoding="utf-8")
    return read_run(path)


def test_the_most_accurate_model_is_shipped_and_the_fastest_one_costs_points(tmp_path: Path) -> None:
    text = ship_answer(suite(tmp_path, fast=[0.80, 0.81, 0.80], best=[0.90, 0.91, 0.90]), None)
    assert text.startswith("**`best` in ONNX Runtime**: 90.3 % of the test images right, 2.00 µs")
    assert "`fast` in ONNX Runtime gives up 10.0 points, at 1.00 µs." in text
    assert "do not tell" not in text


def test_models_that_the_seeds_do_not_tell_apart_are_said(tmp_path: Path) -> None:
    text = ship_answer(suite(tmp_path, other=[0.89, 0.91, 0.90], best=[0.90, 0.92, 0.89]), None)
    assert "do not tell its accuracy from that of `other`" in text


def test_nothing_stored_answers_nothing() -> None:
    assert ship_answer(None, None) == ""
    assert trust_answer([]) == ""
    assert upgrade_answer(None, None) == "No table of releases is published now."
    assert upgrade_answer(None, "why | not") == "The table of all releases is withdrawn: why \\| not"


def test_both_languages_have_the_same_figures() -> None:
    assert TEXTS["en"].keys() == TEXTS["ko"].keys()
    releases = read_shown(PUBLISHED, RunReader()).kinds["releases"]
    english, korean = (upgrade_answer(next(iter(releases), None), None, language) for language in ("en", "ko"))
    assert re.findall(r"\d\.\d+", english) == re.findall(r"\d\.\d+", korean)
