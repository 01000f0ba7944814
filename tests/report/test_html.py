"""The HTML report from stored runs, hostile ones included; `test_browser.py` looks at it in a browser."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.records.record import RunReader
from bench.records.schema.reproductions import Gallery, SampleImage
from bench.report.html.page import SECTIONS, build_page, compact, embed, make_sections
from bench.report.html.sections.curves import parting, sound
from bench.report.html.sections.headline import beside, pareto
from bench.report.html.sections.images import sound_gallery
from bench.report.html.sections.latency import SHARES, thin
from bench.report.html.stored import MOST_RUNS, Stored, make_stored
from bench.report.html.summaries import model_summaries
from bench.report.html.view import YOURS, Panel, Section, plot_text, time_axis
from bench.report.registry import read_shown
from tests.fake_runs import infer_row, refuse, run_content, train_row

ROOT = Path(__file__).parents[2]
EVIL = "<script>alert(1)</script></script><!--"


def store(results: Path, content: dict[str, Any], name: str = "run", folder: str = "machine") -> None:
    path = results / "raw" / folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def report(results: Path, *words: str) -> int:
    """The status of the command on a folder of results, where nothing is published."""
    return main(["report", "--results", str(results), "--published", str(results / "nothing"), *words])


def read_stored(results: Path) -> Stored:
    """What the page of a folder of results shows."""
    return make_stored(read_shown(results, RunReader()), page=results / "report")


def make(results: Path) -> tuple[list[Section], list[str], str]:
    """Chapters, complaints and the page without Plotly."""
    stored = read_stored(results)
    sections, warnings = make_sections(stored)
    return sections, [*stored.warnings, *warnings], build_page(stored, sections, "")


def panel(sections: list[Section], key: str) -> Panel:
    return next(one for section in sections for one in section.panels if one.key == key)


def in_page(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def texts(panel: Panel) -> list[list[str]]:
    assert panel.table
    return [[cell if isinstance(cell, str) else cell.text for cell in line.cells] for line in panel.table.lines]


@pytest.fixture(scope="module")
def published() -> tuple[list[Section], list[str], str]:
    """Chapters, complaints and the page of what is published."""
    return make(ROOT / "results")


@pytest.mark.slow
def test_the_published_runs_make_every_chapter(published: tuple[list[Section], list[str], str]) -> None:
    sections, warnings, page = published
    assert warnings == []
    assert [section.title for section in sections] == list(SECTIONS)
    assert all(section.panels for section in sections)
    keys = [one.key for section in sections for one in section.panels]
    assert len(keys) == len(set(keys))
    assert len(in_page(page)["sections"]) == len(SECTIONS)


@pytest.mark.slow
def test_every_row_of_a_table_and_every_plot_has_a_run_file_that_exists(
    published: tuple[list[Section], list[str], str],
) -> None:
    sections, _, page = published
    links = in_page(page)["links"]
    for one in (panel for section in sections for panel in section.panels):
        files = [line.file for line in one.table.lines if line.file] if one.table else []
        for trace in one.traces:
            files += [trace.files] if isinstance(trace.files, str) else list(trace.files or [])
        assert files or one.key in {"invalid", "noise"}, one.key
        for file in files:
            assert (ROOT / "results" / "report" / links[file]).resolve().exists()


@pytest.mark.slow
def test_every_panel_has_a_sentence_and_its_figures_as_a_table(
    published: tuple[list[Section], list[str], str],
) -> None:
    sections, _, _ = published
    for one in (panel for section in sections for panel in section.panels):
        assert one.sentence
        assert one.table
        assert one.table.lines or one.key == "invalid"
        assert {len(line.cells) for line in one.table.lines} <= {len(one.table.headers)}


def test_the_page_is_one_file_that_may_load_nothing(tmp_path: Path) -> None:
    store(tmp_path, run_content([train_row(), infer_row()]))
    assert report(tmp_path, "--html") == 0
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert len(page.encode()) < 4_000_000
    own = page.replace(re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[1], "")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", own)


def test_an_invalid_row_is_marked_and_not_drawn(tmp_path: Path) -> None:
    content = run_content([train_row(), train_row("dropout_mlp"), infer_row()])
    content["densebench"]["invalid"] = [refuse(infer_row("dropout_mlp"), "parity: 12 predictions changed")]
    store(tmp_path, content)
    sections, _, _ = make(tmp_path)
    marks = {line.cells[0]: line.mark for line in panel(sections, "headline").table.lines}  # type: ignore[union-attr]
    assert marks == {"deep_mlp": "", "dropout_mlp": "invalid"}
    assert {trace.facets["model"] for trace in panel(sections, "latency").traces} == {"deep_mlp"}
    assert panel(sections, "latency").note.startswith("1 INVALID")
    assert ["run.json", "infer[dropout_mlp,batch=1,threads=1]", "parity: 12 predictions changed"] in texts(
        panel(sections, "invalid")
    )


def test_what_cannot_be_read_is_told_on_the_page(tmp_path: Path) -> None:
    store(tmp_path, run_content([train_row(), infer_row()]))
    (tmp_path / "raw" / "machine" / "broken.json").write_text("{", encoding="utf-8")
    sections, warnings, _ = make(tmp_path)
    assert "broken.json" in warnings[0]
    assert any("broken.json" in cell for row in texts(panel(sections, "invalid")) for cell in row)


HOSTILE_METADATA: list[dict[str, Any]] = [
    {"commit": EVIL, "command": EVIL},
    {"machine": {"name": EVIL, "cpu": EVIL, "cpus": EVIL}},
    {"machine": {"name": ["deep"] * 3, "cpu": None}},
    {"packages": {"tensorflow": EVIL}},
    {"packages": {"tensorflow": {"a": 1}}},
    {"device": EVIL, "dataset": EVIL},
    {"commit": "x" * 1_000_000},
    {"started_at": EVIL},
    {"started_at": ""},
]
HOSTILE_EXTRA_INFO: list[dict[str, Any]] = [
    {"recipe": EVIL, "case": EVIL},
    {"recipe": "m" * 100_000},
    {"histories": EVIL},
    {"histories": [None, 3, {"loss": EVIL}, {"loss": [None]}, {"loss": []}, {"val_loss": [float("nan")]}]},
    {"histories": {"loss": [1, 2]}},
    {"placed_on": EVIL, "nodes": EVIL, "parity": EVIL},
    {"parity": {"max_abs_diff": float("nan")}},
    {"parity": {"max_abs_diff": float("inf")}},
    {"onnx_bytes": -1},
    {"parameters": 10**30},
    {"batch_size": 0},
    {"batch_size": -1, "threads": -7},
    {"train_images": 0},
    {"faults": [EVIL]},
    {"epochs_run": [0, 0, 0]},
    {"test_accuracies": [float("nan")] * 3},
    {"test_accuracies": [1e308] * 3},
]


@pytest.mark.parametrize("metadata", HOSTILE_METADATA)
def test_a_hostile_run_ends_in_text_or_in_a_warning(tmp_path: Path, metadata: dict[str, Any]) -> None:
    store(tmp_path, run_content([train_row(), infer_row()]), "good")
    store(tmp_path, run_content([train_row(), infer_row()], **metadata), "hostile")
    _assert_harmless(tmp_path)


@pytest.mark.parametrize("extra_info", HOSTILE_EXTRA_INFO)
def test_a_hostile_row_ends_in_text_or_in_a_warning(tmp_path: Path, extra_info: dict[str, Any]) -> None:
    store(tmp_path, run_content([train_row(), infer_row()]), "good")
    rows = [train_row(), infer_row()]
    for row in rows:
        row["extra_info"] |= extra_info
    store(tmp_path, run_content(rows, device="cpu:1"), "hostile")
    _assert_harmless(tmp_path)


def _assert_harmless(results: Path) -> None:
    """Neither the page nor the tables hold code, and the good run is in them."""
    assert report(results) == 0
    for path in (results / "tables").glob("*.md"):
        assert "<script" not in path.read_text(encoding="utf-8")
    sections, _, page = make(results)
    assert page.count("<script") == 4
    assert page.count("</script") == 4
    assert "<!--" not in page
    assert len(page) < 2_000_000
    in_page(page)
    assert "deep_mlp" in {row[0] for row in texts(panel(sections, "headline"))}


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"densebench": 3}', '{"benchmarks": {}}', "[" * 100_000, '{"a":' * 50_000, "NaN"]
)
@pytest.mark.parametrize("folder", ["machine", "machine/releases", "machine/selftest", "machine/reproduction"])
def test_a_file_that_is_no_run_is_named(tmp_path: Path, text: str, folder: str) -> None:
    store(tmp_path, run_content([train_row(), infer_row()]), "good")
    path = tmp_path / "raw" / folder / "hostile.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    _, warnings, _ = make(tmp_path)
    assert any("hostile.json" in line for line in warnings)


@pytest.mark.parametrize("folder", ["releases", "selftest", "reproduction", "runtimes", "trainers"])
def test_a_run_of_another_kind_in_a_folder_costs_its_chapter_at_most(
    tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store(tmp_path, run_content([train_row(), infer_row()]), "good")
    store(tmp_path, run_content([train_row(recipe=EVIL), infer_row()]), "stray", f"machine/{folder}")
    assert report(tmp_path) == 0
    sections, warnings, page = make(tmp_path)
    assert len(sections) == len(SECTIONS)
    assert panel(sections, "headline").table
    assert page.count("<script") == 4
    told = capsys.readouterr().err + "".join(warnings)
    assert "Traceback" not in told


@pytest.mark.slow
def test_of_ten_thousand_rows_the_newest_of_each_kind_are_shown(tmp_path: Path) -> None:
    rows = [train_row(), *(infer_row(values_s=(8e-6,) * 3, batch_size=size) for size in (1, 32, 1000))]
    for number in range(2500):
        machine = {"name": f"machine-{number % 100}", "cpu": "Test CPU", "cpus": 2}
        started = f"2026-{1 + number // 250:02d}-{1 + number % 25:02d}T{number % 24:02d}:00:00+00:00"
        store(tmp_path, run_content(rows, machine=machine, started_at=started), f"run{number}")
    sections, _, page = make(tmp_path)
    assert len(texts(panel(sections, "headline"))) == MOST_RUNS
    assert len(page) < 2_000_000
    assert "2,500 run files stored" in sections[-1].text


def test_a_thinned_distribution_is_made_of_timings_that_were_taken() -> None:
    values = [math.sqrt(number) for number in range(1, 1001)]
    thinned = thin(values)
    assert len(thinned) == len(SHARES)
    assert set(thinned) <= set(values)
    assert thinned[0] == 1.0
    assert thinned == sorted(thinned)
    assert thin([3.0]) == [3.0] * len(SHARES)


def test_the_front_is_what_nothing_beats_on_both(tmp_path: Path) -> None:
    store(tmp_path, run_content([train_row(name) for name in ("a", "b", "c", "d", "e")]))
    a, b, c, d, e = model_summaries(read_stored(tmp_path).main)
    points = [(a, 3.0, 0.9), (b, 1.0, 0.7), (c, 2.0, 0.6), (d, 2.0, 0.8), (e, 3.0, 0.9)]
    assert [one.model for one, _ in pareto(points)] == ["b", "d", "a"]


def test_curves_part_at_the_median_epoch_of_least_validation_loss() -> None:
    assert parting([{"val_loss": [3, 1, 2]}, {"val_loss": [3, 2, 1]}, {"val_loss": [1, 2, 3]}]) == 2
    assert parting([{"loss": [3, 2]}]) is None


def test_a_curve_ends_where_a_training_diverged() -> None:
    assert sound({"loss": [1, 2.5], "val_loss": [None, 1], "accuracy": [0.5, None], "other": [1]}) == {
        "loss": [1, 2.5],
        "accuracy": [0.5],
    }


def test_images_of_an_unknown_class_are_left_out() -> None:
    good, other = (SampleImage(label=label, pixels="A" * 1048) for label in (1, 2))
    gallery = {"x": Gallery(class_names=("p", "q"), images={"a": good, "b": other})}
    assert sound_gallery(gallery)["x"].images == {"a": good}


def test_text_for_plots_and_scripts_is_escaped() -> None:
    assert plot_text("<b>&") == "&lt;b&gt;&amp;"
    assert "<" not in embed({"a": EVIL, "b": "\u2028&"})
    assert json.loads(embed({"a": EVIL}))["a"] == EVIL


def test_what_json_lacks_becomes_null() -> None:
    assert json.loads(embed({"a": float("nan"), "b": [float("inf"), (1, 2)]})) == {"a": None, "b": [None, [1, 2]]}


def test_a_time_axis_has_ticks_that_people_read() -> None:
    assert time_axis("t", [8e-6, 3e-5])["ticktext"] == ["5 µs", "10 µs", "20 µs", "50 µs"]
    assert time_axis("t", [0.9, 3.0])["ticktext"] == ["500 ms", "1 s", "2 s", "5 s"]


def test_your_own_runs_stand_beside_the_published_ones_and_are_told_apart(tmp_path: Path) -> None:
    store(tmp_path, run_content([train_row(), infer_row()], started_at="2026-02-01"), "mine")
    own, public = read_shown(tmp_path, RunReader()), read_shown(ROOT / "results", RunReader())
    stored = make_stored(public, own, page=tmp_path / "report")
    assert {run.file: run.origin for run in stored.main}["mine.json"] == YOURS
    assert {run.origin for run in stored.main} == {YOURS, "published"}
    assert stored.headline in public.kinds["suite"]
    assert all((tmp_path / "report" / link).resolve().exists() for link in stored.links.values())


def test_your_machine_is_held_against_the_published_one(tmp_path: Path) -> None:
    public = read_shown(ROOT / "results", RunReader())
    headline = make_stored(public).headline
    assert headline
    like = {name: getattr(headline, name) for name in ("dataset", "device", "backend", "trainer")}
    rows = [train_row(), infer_row(values_s=(2e-5,) * 662), train_row("single_dense"), infer_row("single_dense")]
    store(tmp_path, run_content(rows, started_at="2026-02-01", **like), "mine")
    stored = make_stored(public, read_shown(tmp_path, RunReader()))
    told = beside(stored)
    found = re.fullmatch(
        r"Your machine against the published one: one image takes (\d+\.\d) times as long, a training (\d+\.\d) times "
        r"as long; the same order of models\.",
        told,
    )
    assert found
    assert 1 < float(found[1]) < 3
    sections, _ = make_sections(stored)
    assert told in panel(sections, "headline").sentence
    assert beside(make_stored(public)) == ""


def test_facets_and_files_that_are_shared_stand_in_the_page_once(tmp_path: Path) -> None:
    store(tmp_path, run_content([train_row(), infer_row(), train_row("b"), infer_row("b")]))
    sections, _, page = make(tmp_path)
    shown, known = compact(sections)
    lines = next(one for one in shown if one["key"] == "models")["panels"][0]["table"]["lines"]
    for line, before in zip(lines, panel(sections, "headline").table.lines, strict=True):  # type: ignore[union-attr]
        assert known["facet_sets"][line["facets"]] == before.facets
        assert known["files"][line["file"]] == before.file
    assert len(known["files"]) == len(set(known["files"]))
    assert in_page(page)["files"] == known["files"]
