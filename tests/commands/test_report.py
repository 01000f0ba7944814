from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.records.record import RunReader, read_run
from bench.records.run_file import PUBLISHED, read_content, run_file_name
from bench.report.pins import read_pins
from bench.report.readme import markers
from bench.report.readme_sections import RESULTS_TABLE, headline
from bench.report.registry import read_shown
from tests.fake_runs import MACHINE, infer_row, run_content, train_row

ROOT = Path(__file__).parents[2]
README_START, README_END = markers(RESULTS_TABLE)
PLAIN = "pytest bench/ --benchmark-only"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A user's own results, with one whole run."""
    folder = tmp_path / "own"
    store(folder, "whole", [train_row(), infer_row()], started_at="2026-01-01")
    return folder


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A checkout's folder of published results, with a README beside it."""
    folder = tmp_path / "checkout" / "results"
    store(folder, "old", [train_row(), infer_row()], started_at="2025-01-01")
    (folder / "published.toml").write_text('[suite]\nruns = ["old"]\n', encoding="utf-8")
    readme = folder.parent / "README.md"
    readme.write_text(f"above\n{README_START}\nold\n{README_END}\nbelow\n", encoding="utf-8")
    return folder


def store(results: Path, name: str, rows: list[dict[str, Any]], **metadata: Any) -> None:
    path = results / "raw" / "machine" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run_content(rows, **metadata)), encoding="utf-8")


def report(published: Path, results: Path, *words: str) -> int:
    return main(["report", "--published", str(published), "--results", str(results), *words])


def chosen(results: Path) -> str | None:
    run = headline(read_shown(results, RunReader()))
    return run.file if run else None


def test_the_newest_of_whole_runs_is_shown(results: Path) -> None:
    store(results, "newer", [train_row(), infer_row()], started_at="2026-01-02")
    assert chosen(results) == "newer.json"


@pytest.mark.parametrize(
    "metadata",
    [
        {"quick": True, "command": f"{PLAIN} --quick"},
        {"complete": False},
        {"command": f"{PLAIN} --models=deep_mlp"},
        {"command": f"{PLAIN} -k train"},
        {"command": f"{PLAIN} --seeds=1"},
        {"cases_planned": ["train[deep_mlp]", "infer[deep_mlp,batch=1,threads=1]", "train[gone]"]},
        {"device": "cpu:1", "threads": 1, "command": f"{PLAIN} --device=cpu:1"},
        {"trainer": "fit", "command": f"{PLAIN} --trainer=fit"},
        {"dataset": "mnist", "command": f"{PLAIN} --dataset=mnist"},
    ],
)
def test_a_part_or_a_run_with_other_options_never_takes_the_place_of_a_whole_one(
    results: Path, metadata: dict[str, Any]
) -> None:
    store(results, "newer", [train_row(), infer_row()], started_at="2026-01-04", **metadata)
    assert chosen(results) == "whole.json"


def test_a_new_model_or_one_less_does_not_keep_an_older_run(results: Path) -> None:
    store(results, "fewer", [train_row()], started_at="2026-01-02")
    assert chosen(results) == "fewer.json"


def test_where_no_run_is_whole_the_fullest_part_is_shown(tmp_path: Path) -> None:
    command = f"{PLAIN} --models=deep_mlp"
    store(tmp_path, "more", [train_row(), infer_row()], started_at="2026-01-01", command=command)
    store(tmp_path, "less", [train_row()], started_at="2026-01-02", command=command)
    assert chosen(tmp_path) == "more.json"


@pytest.mark.slow
def test_what_is_published_beside_the_suite_is_packed(results: Path, published: Path) -> None:
    pytest.importorskip("matplotlib")
    packed = next(iter(PUBLISHED.glob("raw/*/trainers/*.json.gz")))
    own = results / "raw" / "machine" / "trainers" / run_file_name(packed)
    own.parent.mkdir()
    own.write_bytes(read_content(packed).replace(packed.parts[-3].encode(), str(MACHINE["name"]).encode()))
    assert report(published, results, "--publish", str(own)) == 0
    (public,) = published.glob("raw/machine/trainers/*")
    assert public.name == f"{own.name}.gz"
    assert read_run(public) == read_run(own)
    assert report(published, results, "--check") == 0
    assert report(published, results, "--publish", own.name.removesuffix(".json")) == 0


def test_your_own_run_changes_nothing_that_is_published(results: Path, published: Path) -> None:
    before = {path: path.read_bytes() for path in published.parent.rglob("*") if path.is_file()}
    assert report(published, results) == 0
    assert "| deep_mlp" in (results / "tables" / "fashion_mnist.md").read_text(encoding="utf-8")
    assert before == {path: path.read_bytes() for path in published.parent.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_publishing_pins_the_run_and_makes_pages_and_readme_anew(results: Path, published: Path) -> None:
    pytest.importorskip("matplotlib")
    assert report(published, results, "--publish", "whole") == 0
    pins = read_pins(published)
    assert pins
    assert pins["suite"].runs == ("whole",)
    assert (published / "raw" / "machine" / "whole.json").exists()
    text = (published.parent / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"above\n{README_START}\n\n| Model")
    assert text.endswith(f"{README_END}\nbelow\n")
    assert "whole.json" in text
    assert report(published, results, "--check") == 0
    own, public = results / "raw" / "machine" / "whole.json", published / "raw" / "machine" / "whole.json"
    own.write_text(own.read_text(encoding="utf-8").replace("abc1234", "def5678"), encoding="utf-8")
    assert report(published, results, "--publish", str(own)) == 0
    assert public.read_bytes() == own.read_bytes(), "what was added since is published, too"
    before = public.read_bytes()
    own.write_text("{", encoding="utf-8")
    assert report(published, results, "--publish", str(own)) == 4
    assert public.read_bytes() == before


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"quick": True}, "quick"),
        ({"complete": False}, "interrupted"),
        ({"command": f"{PLAIN} --models=deep_mlp"}, "--models deep_mlp"),
    ],
)
def test_a_part_of_a_run_is_not_published(
    results: Path, published: Path, metadata: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store(results, "part", [train_row()], **metadata)
    before = (published / "published.toml").read_text(encoding="utf-8")
    assert report(published, results, "--publish", "part") == 4
    assert why in capsys.readouterr().err
    assert (published / "published.toml").read_text(encoding="utf-8") == before
    assert not (published / "raw" / "machine" / "part.json").exists()


def test_a_run_that_no_page_shows_is_not_published(
    results: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(results, "fit", [train_row(), infer_row()], command=f"{PLAIN} --trainer=fit")
    before = (published / "published.toml").read_text(encoding="utf-8")
    assert report(published, results, "--publish", "fit") == 4
    assert "--trainer=fit" in capsys.readouterr().err
    assert (published / "published.toml").read_text(encoding="utf-8") == before


def test_a_run_that_is_not_there_is_named(results: Path, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(published, results, "--publish", "gone") == 4
    assert "'gone'" in capsys.readouterr().err


def test_pruning_names_what_nothing_published_cites_and_deletes_it_when_told(
    results: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(published, "unused", [train_row()])
    (published / "raw" / "machine" / "broken.json").write_text("{", encoding="utf-8")
    assert report(published, results, "--prune") == 0
    out = capsys.readouterr().out
    assert "unused.json" in out
    assert "broken.json" in out
    assert "old.json" not in out
    assert report(published, results, "--prune", "--yes") == 0
    assert sorted(path.name for path in (published / "raw").rglob("*.json")) == ["old.json"]


@pytest.mark.parametrize("text", [README_START, README_END, f"{README_END}\n{README_START}"])
def test_a_readme_without_its_markers_is_left_alone(
    results: Path, published: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = published.parent / "README.md"
    readme.write_text(text, encoding="utf-8")
    assert report(published, results, "--readme") == 4
    assert "marker" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == text


def test_a_broken_run_file_is_named_and_skipped(
    results: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "raw" / "machine" / "broken.json").write_text("{", encoding="utf-8")
    assert report(published, results) == 0
    assert "broken.json: not a densebench run file" in capsys.readouterr().err


def test_without_a_run_of_your_own_the_published_one_is_shown(
    tmp_path: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(published, tmp_path) == 0
    out = capsys.readouterr().out
    assert "No run of your own" in out
    assert "old.json" in out


def test_results_that_do_not_exist_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["report"], ["report", "--html"], ["predict", "deep_mlp", "test:0"]):
        assert main([*words, "--results", "/nowhere"]) == 4
        assert "the results folder /nowhere does not exist. `pytest bench/ --benchmark-only" in capsys.readouterr().err


def test_reports_import_no_framework() -> None:
    code = (
        "import sys; from bench.__main__ import main; main(['report', '--results', 'nowhere']);"
        "print([name for name in ('tensorflow', 'onnxruntime', 'onnx', 'sklearn', 'keras') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("words", [(), ("--html",), ("--check",), ("--readme",), ("--publish", "mine"), ("--prune",)])
def test_a_command_reads_each_run_file_once(
    words: tuple[str, ...], results: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(results, "mine", [train_row(), infer_row()], started_at="2026-02-01")
    opened: list[Path] = []
    read_bytes = Path.read_bytes

    def read(path: Path) -> bytes:
        opened.extend([path.resolve()] if path.suffix == ".json" else [])
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    report(published, results, *words)
    assert opened
    assert len(opened) == len(set(opened))
