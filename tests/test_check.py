from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from bench.reports.published import README_DATASET

from bench.__main__ import main
from bench.records import reading_once
from bench.reports.check import check, differences
from bench.reports.pictures import check_pictures, draw, read_numbers
from bench.web.stored import read_stored
from tests.fake_runs import infer_row, run_content, train_row

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What is published, as a copy beside the stored runs themselves."""
    (tmp_path / "raw").symlink_to(RESULTS / "raw")
    for name in ("tables", "pictures"):
        shutil.copytree(RESULTS / name, tmp_path / name)
    for readme in ROOT.glob("README*.md"):
        shutil.copy(readme, tmp_path)
    return tmp_path


def falsify(path: Path, pattern: str, replacement: str) -> None:
    text = path.read_text(encoding="utf-8")
    changed = re.sub(pattern, replacement, text, count=1)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


def test_every_published_cell_and_picture_is_what_the_stored_runs_give() -> None:
    with reading_once():
        assert check(RESULTS, sorted(ROOT.glob("README*.md"))) == []
        assert list(check_pictures(RESULTS, read_stored(RESULTS, README_DATASET))) == []


def test_each_planted_falsification_is_named(copied: Path) -> None:
    tables, readme = copied / "tables", copied / "README.md"
    falsify(readme, r"0\.8\d{3} ±", "0.9999 ±")
    falsify(readme, r"commit [0-9a-f]{7}", "commit fffffff")
    falsify(tables / "trainers.md", r"(\| compiled +\| +)\d", r"\g<1>9")
    falsify(tables / "reproduction.md", r"\| reproduced", "| better")
    falsify(tables / "selftest.md", r"16 of 20", "20 of 20")
    (tables / "fashion_mnist.md").unlink()
    (tables / "invented.md").write_text("# Ours is best\n", encoding="utf-8")
    falsify(copied / "pictures" / "headline-light.svg", r"\"sd\":0\.0\d", '"sd":0.01')
    (copied / "pictures" / "curves-dark.svg").unlink()
    with reading_once():
        found = check(copied, [readme])
        found += check_pictures(copied, read_stored(copied, README_DATASET))
    told = "\n".join(found)
    for part in (
        "'0.9999 ± 0.00",
        "commit fffffff",
        "trainers.md, line ",
        "reproduction.md, line ",
        "'better' stands there",
        "'20 of 20 (",
        "fashion_mnist.md: it is missing",
        "invented.md: no stored run says what it says",
        "headline-light.svg: it shows other numbers than the stored runs give: points 0 sd is",
        "curves-dark.svg: it is missing",
    ):
        assert part in told, told
    assert len(found) == 9


def test_a_changed_timing_is_seen_in_every_table_that_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "machine" / "run.json"
    path.parent.mkdir(parents=True)
    content = run_content([train_row(), infer_row()])
    path.write_text(json.dumps(content), encoding="utf-8")
    assert main(["report", "--results", str(tmp_path)]) == 0
    assert check(tmp_path, []) == []
    content["benchmarks"][1]["stats"]["data"] = [2 * value for value in content["benchmarks"][1]["stats"]["data"]]
    path.write_text(json.dumps(content), encoding="utf-8")
    found = check(tmp_path, [])
    assert any("deep_mlp" in line and "'p50'" in line for line in found), found


def test_a_difference_names_row_and_column() -> None:
    made = "| Model | p50 |\n|:--|--:|\n| a | 1 µs |\n| b | 2 µs |\n\nof today"
    published = made.replace("2 µs", "1 µs").replace("today", "yesterday")
    assert list(differences("page", published, made, first_line=1)) == [
        "page, line 4, b, 'p50': '1 µs' stands there; the stored runs give '2 µs'",
        "page, line 6: 'of yesterday' stands there; the stored runs give 'of today'",
    ]


def test_lines_that_are_missing_or_too_many_are_named() -> None:
    assert list(differences("page", "one", "one\ntwo", first_line=1)) == [
        "page, line 2: nothing stands there; the stored runs give 'two'"
    ]
    assert list(differences("page", "one\ntwo", "one", first_line=1)) == [
        "page, line 2: 'two' stands there; the stored runs give nothing"
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_holds_its_numbers_and_no_markup_of_theirs(theme: str) -> None:
    pytest.importorskip("matplotlib")
    name = "<script>alert(1)</script> $x^2$"
    point = {"model": name, "p50_s": 1e-5, "accuracy": 0.9, "sd": 0.01}
    numbers = {"file": "run.json", "points": [point, {**point, "p50_s": 2e-5}]}
    svg = draw("headline", numbers, theme)
    assert read_numbers(svg) == numbers
    assert b"<script" not in svg


@pytest.mark.parametrize("svg", [b"", b"<svg/>", b"<svg", b"\xff"])
def test_a_broken_picture_has_no_numbers(svg: bytes) -> None:
    assert read_numbers(svg) is None
