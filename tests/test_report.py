from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.main_page import choose_run
from bench.records import read_runs
from bench.reports.published import README_DATASET, RESULTS_TABLE
from bench.reports.readme import markers
from tests.fake_runs import infer_row, run_content, train_row

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
README_START, README_END = markers(RESULTS_TABLE)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store(tmp_path, "whole", [train_row(), infer_row()], started_at="2026-01-01")
    return tmp_path


def store(results: Path, name: str, rows: list[dict[str, Any]], **about: Any) -> None:
    path = results / "raw" / "machine" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run_content(rows, **about)), encoding="utf-8")


def chosen(results: Path) -> str | None:
    run = choose_run(read_runs(results)[0], README_DATASET)
    return run.file if run else None


def test_the_newest_of_equally_complete_runs_is_shown(results: Path) -> None:
    store(results, "newer", [train_row(), infer_row()], started_at="2026-01-02")
    assert chosen(results) == "newer.json"


def test_a_part_or_quick_run_never_takes_the_place_of_a_whole_one(results: Path) -> None:
    store(results, "part", [train_row()], started_at="2026-01-03")
    store(results, "quick", [train_row(), infer_row()], started_at="2026-01-04", quick=True)
    assert chosen(results) == "whole.json"


def test_a_machine_with_more_cores_has_more_rows_but_not_more_say(results: Path) -> None:
    rows = [train_row(), infer_row(), infer_row(threads=2)]
    store(results, "older", rows, started_at="2025-12-31")
    assert chosen(results) == "whole.json"


def test_a_run_on_one_thread_does_not_take_the_place_of_one_on_all_cores(results: Path) -> None:
    store(results, "one-thread", [train_row(), infer_row()], started_at="2026-01-02", device="cpu:1", threads=1)
    assert chosen(results) == "whole.json"


def test_a_run_of_a_single_seed_does_not_take_the_place_of_one_of_several(results: Path) -> None:
    store(results, "one-seed", [train_row(values_s=(10.0,)), infer_row()], started_at="2026-01-02")
    assert chosen(results) == "whole.json"
    more = [train_row(values_s=(10.0,) * 4, test_accuracies=[0.8] * 4), infer_row()]
    store(results, "four-seeds", more, started_at="2025-12-31")
    assert chosen(results) == "whole.json"


def test_a_run_on_an_older_tensorflow_does_not_take_the_place_of_one_on_a_newer(results: Path) -> None:
    rows = [train_row(), infer_row()]
    store(results, "old-release", rows, started_at="2026-01-02", packages={"tensorflow": "2.9.3"})
    assert chosen(results) == "whole.json"
    store(results, "new-release", rows, started_at="2025-12-31", packages={"tensorflow": "2.22.0"})
    assert chosen(results) == "new-release.json"


def test_report_writes_the_tables_and_the_readme_section(results: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{README_START}\nold\n{README_END}\nbelow\n", encoding="utf-8")
    assert main(["report", "--results", str(results), "--readme", "--readme-path", str(readme)]) == 0
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"above\n{README_START}\n\n| Model")
    assert text.endswith(f"{README_END}\nbelow\n")
    assert "old" not in text
    assert "| deep_mlp" in (results / "tables" / "fashion_mnist.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", README_START, README_END, f"{README_END}\n{README_START}"])
def test_a_readme_without_its_markers_is_left_alone(
    results: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    assert main(["report", "--results", str(results), "--readme", "--readme-path", str(readme)]) == 4
    assert "marker" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == text


def test_a_broken_run_file_is_named_and_skipped(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "raw" / "machine" / "broken.json").write_text("{", encoding="utf-8")
    assert main(["report", "--results", str(results)]) == 0
    assert "broken.json: not a densebench run file" in capsys.readouterr().err


def test_a_report_of_nothing_says_what_makes_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--results", str(tmp_path)]) == 4
    assert "holds no full run to report" in capsys.readouterr().err


def test_results_that_do_not_exist_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["report"], ["report", "--check"], ["predict", "deep_mlp", "test:0"]):
        assert main([*words, "--results", "/nowhere"]) == 4
        assert "the results folder /nowhere does not exist. `pytest bench/ --benchmark-only" in capsys.readouterr().err


def test_reports_import_no_framework() -> None:
    code = (
        "import sys; from bench.__main__ import main; main(['report', '--results', 'nowhere']);"
        "print([name for name in ('tensorflow', 'onnxruntime', 'onnx', 'sklearn', 'keras') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
