"""What is published is what the pinned runs give; whatever differs is named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.commands.report.command import readmes_of
from bench.records.record import RunReader
from bench.records.run_file import pack, read_content
from bench.report.check import check, check_prose, differences
from bench.report.pins import read_pins, write_pins
from bench.report.registry import read_shown
from bench.report.svg import draw, read_numbers
from tests.fake_runs import infer_row, run_content, train_row

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What is published, as a copy beside the stored runs themselves."""
    results = tmp_path / "results"
    results.mkdir()
    (results / "raw").symlink_to(RESULTS / "raw")
    for name in ("tables", "pictures"):
        shutil.copytree(RESULTS / name, results / name)
    for file in (*ROOT.glob("README*.md"), RESULTS / "README.md", RESULTS / "published.toml"):
        shutil.copy(file, tmp_path / file.relative_to(ROOT))
    return results


def falsify(path: Path, pattern: str, replacement: str) -> None:
    text = path.read_text(encoding="utf-8")
    changed = re.sub(pattern, replacement, text, count=1)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


@pytest.mark.slow
def test_every_published_cell_and_picture_is_what_the_pinned_runs_give() -> None:
    assert check(RESULTS, readmes_of(RESULTS)) == []


@pytest.mark.slow
def test_each_falsification_is_named(copied: Path) -> None:
    tables, readme = copied / "tables", copied.parent / "README.md"
    falsify(readme, r"0\.8\d{3} ±", "0.9999 ±")
    falsify(readme, r"commit [0-9a-f]{7}", "commit fffffff")
    falsify(readme, r"of \d+ cases that", "of 99 cases that")
    falsify(readme, r"Linux, Python", "Answers in 3 µs, Linux, Python")
    falsify(tables / "trainers.md", r"(\| compiled +\| +)\d", r"\g<1>9")
    falsify(tables / "reproduction.md", r"\| reproduced", "| better")
    falsify(tables / "selftest.md", r"\| +\d+ of \d+ \(", "| 99 of 99 (")
    (tables / "fashion_mnist.md").unlink()
    (tables / "invented.md").write_text("# Ours is best\n", encoding="utf-8")
    falsify(copied / "pictures" / "headline-light.svg", r"\"sd\":0\.0\d", '"sd":0.01')
    (copied / "pictures" / "curves-dark.svg").unlink()
    told = "\n".join(found := check(copied, [readme]))
    for part in (
        "'0.9999 ± 0.00",
        "commit fffffff",
        "of 99 cases that",
        "'3 µs' looks measured",
        "trainers.md, line ",
        "reproduction.md, line ",
        "'better' stands there",
        "'99 of 99 (",
        "fashion_mnist.md: it is missing",
        "invented.md: no pinned run says what it says",
        "headline-light.svg: it shows other numbers than the pinned runs give: points 0 sd is",
        "curves-dark.svg: it is missing",
    ):
        assert part in told, told
    assert len(found) == 11


@pytest.mark.slow
def test_a_page_made_from_a_run_that_is_not_pinned_is_named(copied: Path) -> None:
    pins = read_pins(copied)
    assert pins
    write_pins(copied, {kind: pin for kind, pin in pins.items() if kind != "runtimes"})
    told = "\n".join(check(copied, []))
    assert "runtimes.md: no pinned run says what it says" in told


@pytest.mark.slow
def test_figures_of_several_machines_are_refused(copied: Path) -> None:
    raw = copied / "raw"
    raw.unlink()
    shutil.copytree(RESULTS / "raw", raw, ignore=shutil.ignore_patterns("versions", "selftest"))
    (path,) = raw.glob("*/runtimes/*")
    name = read_shown(copied, RunReader()).kinds["runtimes"][0].machine.name
    path.write_bytes(pack(read_content(path).replace(name.encode(), b"another-machine")))
    assert any("would mix figures of different machines" in line for line in check(copied, []))


def test_pins_of_no_run_of_a_part_or_of_no_kind_are_named(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "machine" / "part.json"
    path.parent.mkdir(parents=True)
    command = "pytest bench/ --benchmark-only --models=deep_mlp"
    path.write_text(json.dumps(run_content([train_row()], command=command)), encoding="utf-8")
    (tmp_path / "published.toml").write_text(
        '[suite]\nruns = ["part", "gone"]\n[invented]\nruns = []\n', encoding="utf-8"
    )
    told = "\n".join(check(tmp_path, []))
    assert "only part of a run: --models deep_mlp" in told
    assert "'gone': no readable run file is that" in told
    assert "unknown kind of run 'invented'" in told


@pytest.mark.parametrize("text", ["{", "[suite]\nruns = 3\n", "[suite]\nwithdrawn = 3\n", "suite = 1\n"])
def test_pins_that_cannot_be_read_are_one_line(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "published.toml").write_text(text, encoding="utf-8")
    assert main(["report", "--check", "--published", str(tmp_path)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "published.toml" in line


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It answers in 7 µs.", 1),
        ("20 of 20 were caught, in 1.12 times the time.", 2),
        ("An accuracy of 0.8662.", 1),
        ("In at most 1 of 100 duels; Python 3.10–3.13; 95 % intervals; 3 minutes; a margin of 3 %.", 0),
        ("```sh\nsleep 0.25\n```\n`0.1234` [x](y0.99)", 0),
    ],
)
def test_figures_that_look_measured_may_not_stand_in_prose(text: str, found: int) -> None:
    assert len(list(check_prose(Path("README.md"), text))) == found


def test_a_changed_timing_is_seen_in_every_table_that_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "machine" / "run.json"
    path.parent.mkdir(parents=True)
    content = run_content([train_row(), infer_row()])
    path.write_text(json.dumps(content), encoding="utf-8")
    assert main(["report", "--results", str(tmp_path)]) == 0
    (tmp_path / "published.toml").write_text('[suite]\nruns = ["run"]\n', encoding="utf-8")
    assert [line for line in check(tmp_path, []) if "pictures" not in line] == []
    content["benchmarks"][1]["stats"]["data"] = [2 * value for value in content["benchmarks"][1]["stats"]["data"]]
    path.write_text(json.dumps(content), encoding="utf-8")
    found = check(tmp_path, [])
    assert any("deep_mlp" in line and "'p50'" in line for line in found), found


def test_a_difference_names_row_and_column() -> None:
    made = "| Model | p50 |\n|:--|--:|\n| a | 1 µs |\n| b | 2 µs |\n\nof today"
    published = made.replace("2 µs", "1 µs").replace("today", "yesterday")
    assert list(differences("page", published, made, first_line=1)) == [
        "page, line 4, b, 'p50': '1 µs' stands there; the pinned runs give '2 µs'",
        "page, line 6: 'of yesterday' stands there; the pinned runs give 'of today'",
    ]


def test_lines_that_are_missing_or_too_many_are_named() -> None:
    assert list(differences("page", "one", "one\ntwo", first_line=1)) == [
        "page, line 2: nothing stands there; the pinned runs give 'two'"
    ]
    assert list(differences("page", "one\ntwo", "one", first_line=1)) == [
        "page, line 2: 'two' stands there; the pinned runs give nothing"
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_holds_its_numbers_and_no_markup_of_theirs(theme: str) -> None:
    pytest.importorskip("matplotlib")
    name = "<script>alert(1)</script> $x^2$"
    point = {"model": name, "typical_s": [1e-5, 9.8e-6, 1.03e-5], "accuracy": 0.9, "sd": 0.01}
    numbers = {"file": "run.json", "points": [point, {**point, "typical_s": [2e-5]}]}
    svg = draw("headline", numbers, theme)
    assert read_numbers(svg) == numbers
    assert b"<script" not in svg


@pytest.mark.parametrize("svg", [b"", b"<svg/>", b"<svg", b"\xff"])
def test_a_broken_picture_has_no_numbers(svg: bytes) -> None:
    assert read_numbers(svg) is None
