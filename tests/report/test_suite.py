from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.records.record import Run, read_run
from bench.report.pages.suite import (
    caption,
    headline_table,
    latency_table,
    notices,
    same_graph,
    tables_page,
    training_table,
)
from tests.fake_runs import infer_row, refuse, run_content, train_row, visited_row

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read_content(content: dict[str, Any]) -> Run:
        path = tmp_path / "run.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return read_run(path)

    return read_content


def cells(table: str, row: int = 0) -> dict[str, str]:
    lines = table.splitlines()
    names, values = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in (lines[0], lines[2 + row]))
    return dict(zip(names, values, strict=True))


def test_the_golden_run_gives_the_golden_page() -> None:
    page = tables_page(read_run(GOLDEN / "golden-run.json"))
    assert page == (GOLDEN / "golden-page.md").read_text(encoding="utf-8")


def test_the_headline_row_is_computed_from_raw_values(read: Any) -> None:
    rows = [
        train_row(),
        visited_row(),
        infer_row(threads=2, values_s=(9e-6,) * 700),
        infer_row(batch_size=1000, threads=1, values_s=(1e-3,) * 700),
        infer_row(batch_size=1000, threads=2, values_s=(0.5e-3,) * 700),
    ]
    assert cells(headline_table(read(run_content(rows)))) == {
        "Model": "deep_mlp",
        "Parameters": "79,510",
        "Test accuracy (mean ± sd, 3 seeds)": "0.8700 ± 0.0100",
        "Train time": "11.0 s",
        "Train images/s": "8,730",
        "ONNX size": "319 kB",
        "One image, typical": "7.92 µs ± 0.51 %",
        "p50": "8.00 µs ± 1 %",
        "p99": "20.0 µs",
        "images/s, batch 1000": "2,000,000",
        "ONNX parity": "4.2e-07, 0 changed",
    }


def test_p99_is_not_claimed_from_too_few_timings(read: Any) -> None:
    def p99(**visits: Any) -> str:
        return cells(latency_table(read(run_content([visited_row(**visits)]))))["p99"]

    assert p99() == "20.0 µs"
    assert p99(processes=2) == "n/a (needs 3 processes)"
    assert p99(span_s=5.0) == "n/a (needs 10 s)"
    assert p99(laps=8) == "n/a (needs 90 visits)"
    assert cells(latency_table(read(run_content([infer_row()]))))["p99"] == "n/a (needs 3 processes)"


def test_what_cannot_be_told_from_the_fastest_is_marked_and_so_is_what_stayed_disturbed(read: Any) -> None:
    rows = [
        visited_row("deep_mlp"),
        visited_row("dropout_mlp", factor=lambda process: 1.01 if process % 2 else 0.995),
        visited_row("single_dense", factor=lambda _process: 1.05),
        visited_row("logistic_regression", factor=lambda process: 1.2 + 0.1 * process),
    ]
    lines = headline_table(read(run_content(rows))).splitlines()[2:]
    typical = {line.split("|")[1].strip(): line.split("|")[7].strip() for line in lines}
    assert typical["deep_mlp"].startswith("≈ 7.92 µs")
    assert typical["dropout_mlp"].startswith("≈ ")
    assert typical["single_dense"].startswith("8.32 µs")
    assert typical["logistic_regression"].startswith("~ ")


def test_a_median_of_slow_cores_is_marked_and_its_typical_call_is_not(read: Any) -> None:
    row = visited_row("deep_mlp")
    assert not cells(latency_table(read(run_content([row]))))["p50"].startswith("~")
    values_s = row["stats"]["data"]
    row["stats"]["data"] = [value_s * (1.5 if number % 6 else 1.0) for number, value_s in enumerate(values_s)]
    slowed = cells(latency_table(read(run_content([row]))))
    assert slowed["p50"].startswith("~ 12.0 µs ± 1")
    assert slowed["Typical"].startswith("7.9")


def test_models_of_the_same_graph_have_a_ratio_and_others_have_none(read: Any) -> None:
    graph = ["Gemm", "Relu", "Gemm", "Softmax"]
    rows = [
        visited_row("deep_mlp", operators=graph),
        visited_row("dropout_mlp", factor=lambda process: 1 + process / 1e4, operators=graph),
    ]
    assert "deep_mlp and dropout_mlp export the same graph" in same_graph(read(run_content(rows)))
    assert "batch 1 on 1 thread 1.000 (1.000–1.001)." in same_graph(read(run_content(rows)))
    rows[1]["extra_info"]["operators"] = ["Gemm"]
    assert not same_graph(read(run_content(rows)))


def test_one_seed_has_no_spread(read: Any) -> None:
    table = headline_table(read(run_content([train_row(values_s=(10.0,))])))
    assert cells(table)["Test accuracy (mean ± sd, 1 seed)"] == "0.8600"


def test_what_was_not_measured_is_a_dash_and_not_a_zero(read: Any) -> None:
    row = cells(headline_table(read(run_content([train_row()]))))
    assert {row["ONNX size"], row["images/s, batch 1000"], row["ONNX parity"]} == {"–"}


def test_an_invalid_row_shows_no_timing_and_its_reason_stands_above(read: Any) -> None:
    refused = refuse(infer_row(), "infer[deep_mlp]: 3 of 10000 predictions changed")
    run = read(run_content([train_row()], invalid=[refused]))
    row = cells(headline_table(run))
    assert row["ONNX parity"] == row["One image, typical"] == row["p99"] == "INVALID"
    assert row["Train time"] == "11.0 s"
    assert cells(latency_table(run))["p50"] == "INVALID"
    assert notices(run) == ["INVALID: infer[deep_mlp]: 3 of 10000 predictions changed"]


def test_an_invalid_training_keeps_its_accuracy_and_loses_its_speed(read: Any) -> None:
    run = read(run_content([], invalid=[refuse(train_row(), "below the floor")]))
    row = cells(headline_table(run))
    assert row["Test accuracy (mean ± sd, 3 seeds)"] == "0.8700 ± 0.0100 INVALID"
    assert row["Train time"] == row["Train images/s"] == "INVALID"


def test_a_training_that_never_finished_is_invalid_without_numbers(read: Any) -> None:
    broken = refuse(train_row(values_s=(), test_accuracies=[], seeds=[], epochs_run=[], parameters=None), "diverged")
    run = read(run_content([], invalid=[broken]))
    assert cells(headline_table(run))["Test accuracy (mean ± sd, 0 seeds)"] == "INVALID"
    assert "deep_mlp" not in training_table(run)


def test_quick_and_stand_in_runs_mark_every_row_and_say_so(read: Any) -> None:
    run = read(run_content([train_row()], quick=True, dataset="digits", fallback_reason="no source answered"))
    assert cells(headline_table(run))["Model"] == "deep_mlp (quick, digits)"
    assert len(notices(run)) == 2


def test_an_interrupted_run_says_how_much_is_missing(read: Any) -> None:
    run = read(run_content([train_row()], complete=False, cases_planned=["train[deep_mlp]", "a", "b"]))
    assert notices(run) == ["**Ended early: 2 planned rows are missing.**"]


def test_text_from_a_run_file_cannot_leave_its_cell(read: Any) -> None:
    hostile = "<script>x</script> | a\nb"
    run = read(run_content([train_row(recipe=hostile)], commit=hostile, command=hostile))
    for text in (headline_table(run), caption(run)):
        assert "<script>" not in text
        assert "&lt;script&gt;x&lt;/script&gt; \\| a b" in text
