from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.records.comparison import Comparison, Spread, compare_runs, logs_apart, pooled_spread
from bench.records.duels import Margins
from bench.records.record import Run, read_run
from bench.stats.verdicts import CANNOT_TELL, FASTER, NON_INFERIOR, SAME, SLOWER, WORSE
from tests.fake_runs import MACHINE, PACKAGES, infer_row, refuse, run_content, train_row

INFER = "infer[deep_mlp,batch=1,threads=1]"
MARGINS = Margins(0.03, 0.01)


def stored(folder: Path, name: str, *rows: dict[str, Any], **metadata: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(run_content(list(rows), **metadata)), encoding="utf-8")
    return path


def runs(folder: Path, *medians_s: float) -> list[Run]:
    """A run per median, with one latency row."""
    rows = [infer_row(values_s=(value_s,) * 3) for value_s in medians_s]
    return [read_run(stored(folder, f"{number}.json", row)) for number, row in enumerate(rows)]


def judged(folder: Path, base_s: tuple[float, ...], head_s: tuple[float, ...]) -> Comparison:
    (found,) = compare_runs(runs(folder / "base", *base_s), runs(folder / "head", *head_s), MARGINS)
    return found


def of_rows(folder: Path, base: dict[str, Any], head: dict[str, Any]) -> Comparison:
    old, new = (read_run(stored(folder, name, row)) for name, row in (("base.json", base), ("head.json", head)))
    (found,) = compare_runs([old], [new], MARGINS)
    return found


@pytest.mark.parametrize(
    ("base_s", "head_s", "verdict"),
    [
        ((1.0,), (1.0,), CANNOT_TELL),
        ((1.0,), (1.10,), CANNOT_TELL),
        ((1.0,), (1.30,), CANNOT_TELL),
        ((1.0, 1.001, 1.002), (1.30, 1.301, 1.302), SLOWER),
        ((1.30, 1.301, 1.302), (1.0, 1.001, 1.002), FASTER),
        ((1.000, 1.001, 0.999, 1.000), (1.001, 1.000, 1.002, 0.999), SAME),
        ((1.000, 1.001, 0.999, 1.000), (1.100, 1.101, 1.099, 1.100), SLOWER),
        ((1.00, 1.30, 0.80), (1.10, 1.40, 0.90), CANNOT_TELL),
        ((1.0, 1.0), (1.0, 1.0), SAME),
    ],
)
def test_runs_that_were_measured_apart_get_a_verdict_by_their_spread(
    base_s: tuple[float, ...], head_s: tuple[float, ...], verdict: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, base_s, head_s)
    assert found.time is not None
    assert found.time.verdict == verdict


def test_single_runs_have_no_interval_and_no_verdict(tmp_path: Path) -> None:
    found = judged(tmp_path, (1.0,), (3.0,)).time
    assert found is not None
    assert (found.verdict, found.low, found.high) == (CANNOT_TELL, None, None)


def test_a_training_is_compared_by_the_epoch_since_it_may_stop_early(tmp_path: Path) -> None:
    found = of_rows(tmp_path, train_row(values_s=(10.0,) * 3), train_row(values_s=(20.0,) * 3, epochs_run=[4] * 3))
    assert found.time is not None
    assert found.time.value == 0.0


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [([0.86, 0.87, 0.88], NON_INFERIOR), ([0.76, 0.7701, 0.78], WORSE), ([0.80, 0.90, 0.85], CANNOT_TELL)],
)
def test_accuracy_is_paired_by_seed(accuracies: list[float], verdict: str, tmp_path: Path) -> None:
    found = of_rows(tmp_path, train_row(), train_row(test_accuracies=accuracies))
    assert found.accuracy is not None
    assert found.accuracy.verdict == verdict


def test_without_common_seeds_nothing_is_said_about_accuracy(tmp_path: Path) -> None:
    found = of_rows(tmp_path, train_row(), train_row(seeds=[7, 8, 9]))
    assert found.accuracy is not None
    assert (found.accuracy.verdict, found.accuracy.value) == (CANNOT_TELL, None)


@pytest.mark.parametrize(
    "change",
    [{"parameters": 1}, {"batch_size": 64}, {"dataset_sha256": "other"}, {"train_images": 12_000}],
)
def test_rows_of_different_identity_are_not_compared(change: dict[str, Any], tmp_path: Path) -> None:
    row = train_row()
    row["extra_info"] |= change
    found = of_rows(tmp_path, train_row(), row)
    (name,) = change
    assert found.word == "not comparable"
    assert found.reason.startswith(f"{name} is ")
    assert found.time is None


def test_a_training_by_another_trainer_is_another_case(tmp_path: Path) -> None:
    row = train_row()
    row["extra_info"] |= {"trainer": "fit"}
    found = compare_runs(
        [read_run(stored(tmp_path, "old", train_row()))], [read_run(stored(tmp_path, "new", row))], MARGINS
    )
    assert {one.case: one.word for one in found} == {
        "train[deep_mlp,trainer=compiled]": "missing",
        "train[deep_mlp,trainer=fit]": "new",
    }


# The command.


def compare(*words: str | Path) -> int:
    return main(["compare", *map(str, words)])


def cells(page: str, case: str) -> list[str]:
    (line,) = [line for line in page.replace("\\", "").splitlines() if line.startswith(f"| {case} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_runs_stand_side_by_side_without_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = stored(tmp_path, "b.json", infer_row(values_s=(12e-6,) * 3), packages={**PACKAGES, "tensorflow": "2.22.0"})
    fast = stored(tmp_path, "a.json", infer_row())
    assert compare(fast, slow) == compare(slow, fast) == compare(fast, fast) == 0
    page = capsys.readouterr().out.split("**No verdict")[1]
    assert cells(page, INFER) == [INFER, "8.00 µs", "12.0 µs", "1.500", "–", "1, 1", ""]
    assert "`python -m bench duel` tells whether anything changed" in page
    assert "| tensorflow | 2.21.0 | 2.22.0 |" in " ".join(page.split())
    assert not {"slower", "faster", "same", "cannot tell", "assumed"} & set(" ".join(page.split()).split("| "))


def test_several_runs_of_a_side_give_the_ratio_an_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side, factor in (("a", 1.0), ("b", 1.1)):
        runs(tmp_path / side, *(factor * value_s for value_s in (1.0, 1.001, 0.999, 1.0)))
    assert compare(tmp_path / "a", tmp_path / "b") == 0
    row = cells(capsys.readouterr().out, INFER)
    assert row[3].startswith("1.100 (1.09")
    assert row[5] == "4, 4"


def test_trainings_show_their_mean_accuracies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = (
        stored(tmp_path, "a.json", train_row()),
        stored(tmp_path, "b.json", train_row(test_accuracies=[0.8] * 3)),
    )
    assert compare(base, head) == 0
    assert cells(capsys.readouterr().out, "train[deep_mlp,trainer=compiled]")[4] == "0.8700 → 0.8000"


@pytest.mark.parametrize(("owner", "word", "status"), [("a", "MISSING", 1), ("b", "NEW", 2)])
def test_a_case_of_one_side_only_is_said(
    owner: str, word: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("a", "b"):
        rows = [infer_row(values_s=(8e-6,) * 3), *([train_row()] if side == owner else [])]
        stored(tmp_path / side, "run.json", *rows)
    assert compare(tmp_path / "a", tmp_path / "b") == status
    page = capsys.readouterr().out
    assert f"**{word}: train[deep_mlp,trainer=compiled]:" in page.replace("\\", "")
    assert cells(page, "train[deep_mlp,trainer=compiled]")[-1] == word.lower()
    assert compare(tmp_path / "a", tmp_path / "b", "--fail-on", word.lower()) == 1


def test_an_invalid_row_is_never_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = stored(tmp_path, "a.json", infer_row())
    bad = stored(tmp_path, "b.json", invalid=[refuse(infer_row(), "3 of 10000 predictions changed")])
    assert compare(good, bad) == 1
    assert "HEAD: 3 of 10000 predictions changed" in capsys.readouterr().out.replace("\\", "")
    assert compare(good, bad, "--fail-on", "new") == 3


def test_words_that_a_comparison_has_no_more_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = stored(tmp_path, "a.json", infer_row())
    assert compare(run, run, "--fail-on", "slower") == 4
    assert "unknown verdict 'slower'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"machine": {**MACHINE, "name": "other"}}, "their machine differs (test-cpu-2cpu-8gib and other)"),
        ({"dataset": "mnist"}, "their data set differs (fashion_mnist and mnist)"),
        ({"device": "cpu:1"}, "their device differs"),
        ({"quick": True}, "their --quick differs"),
    ],
)
def test_runs_with_nothing_to_compare_them_by_are_refused(
    change: dict[str, Any], warning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = stored(tmp_path, "a.json", infer_row())
    head = stored(tmp_path, "b.json", infer_row(), **change)
    assert compare(base, head) == 4
    assert warning in capsys.readouterr().err


def test_what_is_no_run_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.json").write_text("{", encoding="utf-8")
    for path, warning in (("empty", "holds no run file"), ("text.json", "not a densebench run"), ("gone", "No such")):
        assert compare(tmp_path / path, tmp_path / path) == 4
        assert warning in capsys.readouterr().err


def test_the_spread_within_several_groups_is_pooled() -> None:
    assert pooled_spread([[1.0, 3.0], [10.0, 12.0], [5.0]]) == Spread(variance=2.0, freedom=2)
    assert pooled_spread([[1.0], [2.0], []]) is None


def test_with_a_pooled_spread_two_runs_a_side_are_enough_to_tell() -> None:
    base, head = [0.0, 0.01], [0.5, 0.51]
    alone = logs_apart(base, head).interval(0.05)
    pooled = logs_apart(base, head, Spread(0.005**2 * 2, 10)).interval(0.05)
    assert pooled[1] - pooled[0] < alone[1] - alone[0]
    assert pooled[0] > 0.45
