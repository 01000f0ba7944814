"""Reproduction: judging, storing, stopping and going on, telling."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from bench.__main__ import main
from bench.commands.reproduce import command, reproduction
from bench.commands.reproduce.command import choose, load_datasets
from bench.commands.reproduce.measure import count_answers, train_side_by_side
from bench.commands.reproduce.reproduction import Reproduction
from bench.commands.suite.model_store import ModelStore
from bench.data.datasets import load_dataset
from bench.errors import DensebenchError
from bench.host.devices import parse_device
from bench.progress import Progress
from bench.records import run_file
from bench.records.published_figures import BETTER, CANNOT_TELL, REPRODUCED, WORSE, Sample, equivalence, judge, sample
from bench.records.record import RunFileError, read_run
from bench.records.reproductions import read_results
from bench.records.schema.reproductions import FirstModel, SeedRun
from bench.records.seed_runs import Result, class_scores
from bench.report.pages.reproduction import low_seeds, reproduction_page, reproduction_table
from bench.report.pages.reproduction_cells import closeness, figure_name, interval, spread
from bench.report.pages.reproduction_details import details_page
from models import RECIPES
from models.published import PUBLISHED, Figure, Published

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.records.record import Run

ACCURACY = Figure("accuracy", "test", "0.8863")
LOSS = Figure("loss", "test", "0.3328")
TINY = ("tiny_dense", "tiny_mlp")
QUICK = ["--quick", "--seeds", "2", "--device", "cpu:1", "--trainer", "fit"]


def seed_run(seed: int = 0, **changes: Any) -> SeedRun:
    known: dict[str, Any] = {
        "trainer": "fit",
        "placed_on": "CPU:0",
        "parameters": 79_510,
        "train_images": 48_000,
        "fit_s": 1.0,
        "first_step_s": 0.5,
        "epochs_run": 2,
        "history": {"loss": [0.5, 0.4], "accuracy": [0.8, 0.85]},
        "scores": {"test loss": 0.4, "test accuracy": 0.75},
        "folds": [],
        "confusion": [[1, 1], [0, 2]],
        "probabilities": {"test:0": [0.25, 0.75]},
    }
    return SeedRun(seed=seed, **(known | changes))


@pytest.mark.parametrize(
    ("figure", "values", "answer"),
    [
        (ACCURACY, (0.88, 0.885, 0.89), REPRODUCED),
        (ACCURACY, (0.891, 0.8911, 0.8912), BETTER),
        (ACCURACY, (0.88, 0.8801, 0.8802), WORSE),
        (LOSS, (0.34, 0.3401, 0.3402), WORSE),
        (LOSS, (0.32, 0.3201, 0.3202), BETTER),
        (LOSS, (0.34, 0.34), CANNOT_TELL),
        (Figure("macro F1", "test", "0.97"), (0.9651, 0.9651, 0.9651), REPRODUCED),
        (Figure("macro F1", "test", "0.97"), (0.9649, 0.9649, 0.9649), WORSE),
    ],
)
def test_a_figure_is_reproduced_where_one_more_run_could_have_given_it(
    figure: Figure, values: tuple[float, ...], answer: str
) -> None:
    assert judge(figure, Sample(values)) == answer


def test_a_mean_is_as_close_to_a_figure_as_the_far_end_of_its_interval() -> None:
    values = (0.85, 0.86, 0.87)
    ends = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    figure = Figure("accuracy", "test", "0.8500")
    assert equivalence(figure, Sample(values)) == pytest.approx(ends.high - 0.85 + 0.00005)
    assert closeness(figure, Sample(values)) == f"± {100 * (ends.high - 0.85 + 0.00005):.2f} points"
    assert closeness(LOSS, Sample((0.32, 0.33, 0.34))).startswith("± 0.0")
    assert closeness(figure, Sample(values[:2])) == "–"


def test_a_figure_without_values_of_ours_is_not_judged() -> None:
    assert judge(ACCURACY, None) == CANNOT_TELL
    assert sample(Figure("loss", "training", "0.3", epoch=5), [seed_run()]) is None
    assert interval(ACCURACY, None) == spread(ACCURACY, None) == "–"


@pytest.mark.slow
def test_the_interval_holds_one_more_run_as_often_as_it_says() -> None:
    random, hits, trials = np.random.default_rng(0), 0, 4000
    draws = random.normal(0.88, 0.004, (trials, 6))
    for row in draws:
        ends = Sample(tuple(row[:5])).interval
        hits += ends is not None and ends[0] <= row[5] <= ends[1]
    assert 0.94 < hits / trials < 0.96


def test_an_interval_is_shown_as_far_as_its_values_are_possible() -> None:
    assert interval(ACCURACY, Sample((0.99, 0.995, 1.0))) == "0.9702 to 1.0000"
    assert interval(LOSS, Sample((0.01, 0.02, 0.03))) == "0.0000 to 0.0697"


def test_each_kind_of_figure_finds_its_value() -> None:
    one = seed_run(folds=[0.8, 0.9], scores={"validation loss": 0.3})
    for figure, value in (
        (Figure("accuracy", "training", "0.85", epoch=2), 0.85),
        (Figure("loss", "validation", "0.3"), 0.3),
        (Figure("accuracy", "cross-validation", "0.85"), 0.85),
        (Figure("probability", "test", "0.75", image=0, label=1), 0.75),
        (Figure("macro F1", "test", "0.7"), 11 / 15),
    ):
        found = sample(figure, [one])
        assert found is not None
        assert found.values == pytest.approx((value,)), figure_name(figure)


def test_class_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 200)
    probabilities = random.random((200, 4))
    confusion = count_answers(probabilities, labels)
    expected = precision_recall_fscore_support(labels, probabilities.argmax(axis=1))
    found = [
        [getattr(one, name) for one in class_scores(confusion)] for name in ("precision", "recall", "f1", "images")
    ]
    np.testing.assert_allclose(found, expected)


def test_answers_beyond_the_labels_have_columns_of_their_own() -> None:
    probabilities = np.eye(4)[[0, 1, 3]]
    assert count_answers(probabilities, np.array([0, 1, 1])) == ((1, 0, 0, 0), (0, 1, 0, 1))


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["T5-mlp-128"], ["t5_mlp_128"]),
        (["t1_overfit", "t1_logistic"], ["t1_logistic", "t1_overfit"]),
        (["t4_scaling"], ["t4_scaling_min_max", "t4_scaling_robust", "t4_scaling_standard"]),
        ([], [*PUBLISHED, *TINY]),
    ],
)
def test_recipes_are_chosen_by_name_or_by_how_they_begin(ids: list[str], names: list[str]) -> None:
    assert choose(ids) == names


def test_an_unknown_recipe_is_named_with_the_closest_ones() -> None:
    with pytest.raises(DensebenchError, match=r"unknown recipe 't5_mpl'\. Did you mean 't5_mlp_128'"):
        choose(["t5_mpl"])


def test_recipes_whose_data_is_missing_do_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, _data_dir: Path | None) -> Any:
        if name == "mnist":
            raise DensebenchError("mnist cannot be had:\n  - cache: empty")
        return load_dataset("digits")

    monkeypatch.setattr(command, "load_dataset", load)
    found, missing = load_datasets(["t3_mnist_512", "t5_mlp_128"], None)
    assert list(found) == ["fashion_mnist"]
    assert missing == {"mnist": "mnist cannot be had:\n  - cache: empty"}
    with pytest.raises(DensebenchError, match="mnist cannot be had"):
        load_datasets(["t3_mnist_512"], None)


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    """Two recipes on the digits, which need no download."""
    with pytest.MonkeyPatch.context() as patch:
        for name, recipe in zip(TINY, (RECIPES["single_dense"], RECIPES["dropout_mlp"]), strict=True):
            figures = (Figure("loss", "test", "9.99"),)
            own = replace(recipe, name=name)
            patch.setitem(PUBLISHED, name, Published(recipe=own, dataset="digits", source="a test", figures=figures))
        yield


def reproduce(results: Path, *words: str) -> int:
    return main(["reproduce", *TINY, *QUICK, "--results", str(results), *words])


def stored(results: Path) -> tuple[Path, Run]:
    (path,) = results.glob("raw/*/reproduction/*.json")
    return path, read_run(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results of a whole run, and what it printed."""
    results, output = tmp_path_factory.mktemp("whole"), io.StringIO()
    with contextlib.redirect_stdout(output):
        assert reproduce(results, "--details") == 0
    return results, output.getvalue()


@pytest.mark.slow
def test_a_reproduction_is_stored_told_and_exported(whole: tuple[Path, str]) -> None:
    folder, output = whole
    path, run = stored(folder)
    assert run.complete
    assert run.quick
    results = read_results(run)
    for name, parameters in zip(TINY, (7_850, 79_510), strict=True):
        assert [one.seed for one in results[name].seed_runs] == [0, 1]
        assert {one.parameters for one in results[name].seed_runs} == {parameters}
        assert sum(map(sum, results[name].seed_runs[0].confusion)) == 360
        assert (folder / "onnx" / path.stem / f"{name}.onnx").stat().st_size > 4 * parameters
        assert {one.outcome for one in results[name].first_model.saving} <= {"identical", "refused"}
    assert len(results["tiny_mlp"].seed_runs[0].history["val_loss"]) == 2
    assert "Quick run" in output
    assert "| tiny_mlp" in output
    assert "Confusion matrix, from seed 0" in output
    assert not (folder / "tables").exists(), "a quick run is never published"


@pytest.mark.slow
def test_a_stopped_reproduction_goes_on_where_it_was(
    whole: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def stop_at_the_third(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train_side_by_side(*arguments, **options)

    monkeypatch.setattr(reproduction, "train_side_by_side", stop_at_the_third)
    assert reproduce(tmp_path) == 130
    assert "Stored so far: 2 trainings" in capsys.readouterr().out
    path, run = stored(tmp_path)
    assert not run.complete
    resume = ["reproduce", "--resume", "--results", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr("bench.host.metadata.package_versions", lambda: {"keras": "9.9"})
        assert main(resume) == 4
    assert "now it is {'keras': '9.9'}" in capsys.readouterr().err
    assert main(resume) == 0
    assert len(calls) == 5
    assert stored(tmp_path)[0] == path
    answers = [
        [one.scores for result in read_results(stored(folder)[1]).values() for one in result.seed_runs]
        for folder in (whole[0], tmp_path)
    ]
    assert answers[0] == answers[1]
    assert main(resume) == 4
    assert "holds no reproduction that was stopped" in capsys.readouterr().err


@pytest.mark.usefixtures("tf")
def test_trainings_side_by_side_are_those_that_each_would_be_alone() -> None:
    device = parse_device("cpu:1")
    recipe, answers = PUBLISHED["tiny_mlp"].recipe, []
    model_store = ModelStore(load_dataset("digits"), device, quick=True, seeds=(0, 1))
    for groups in ([(0,), (1,)], [(0, 1)]):
        done = [one for seeds in groups for one in train_side_by_side(recipe, model_store, seeds, lambda *_: None)]
        assert [one.seed for one in done] == [0, 1]
        answers.append([one.fit.finish().predict(model_store.test_images) for one in done])
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0][0], answers[0][1])


@pytest.mark.usefixtures("tf")
def test_a_training_that_is_stopped_ends_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    device = parse_device("cpu:1")
    model_store = ModelStore(load_dataset("digits"), replace(device, threads=2), quick=True, seeds=(0, 1))
    told: set[tuple[int, int]] = set()
    stopped = threading.Event()
    monkeypatch.setattr("bench.commands.reproduce.measure.threading", SimpleNamespace(Event=lambda: stopped))

    def stop_the_first(seed: int, epoch: int) -> None:
        told.add((seed, epoch))
        if seed == 0:
            raise KeyboardInterrupt
        stopped.wait(60)  # until the other one's end is known, so that none of the two is ahead by chance

    with pytest.raises(KeyboardInterrupt):
        train_side_by_side(PUBLISHED["tiny_mlp"].recipe, model_store, (0, 1), stop_the_first)
    assert stopped.is_set()
    assert told <= {(0, 1), (1, 1)}


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_next_save_has_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    writes = []

    def fill(path: Path, content: bytes) -> None:
        writes.append(path)
        if len(writes) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        path.write_bytes(content)

    monkeypatch.setattr(run_file, "write_atomically", fill)
    assert reproduce(tmp_path, "--seeds", "1") == 0
    assert "NOT SAVED, will try again" in capsys.readouterr().out
    assert all(result.seed_runs for result in read_results(stored(tmp_path)[1]).values())


@pytest.mark.slow
def test_a_folder_that_stays_full_loses_nothing_and_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        if {"raw", "onnx"} & set(path.parts):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        path.write_bytes(content)

    rescue = tmp_path / "rescue"
    rescue.mkdir()
    monkeypatch.setattr(run_file, "write_atomically", full)
    monkeypatch.setattr(reproduction, "write_atomically", full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(rescue))
    assert reproduce(tmp_path, "--seeds", "1") == 3
    (path,) = rescue.glob("*.json")
    output = capsys.readouterr().out
    assert f"instead:\n  {path}\n" in output
    assert f"instead:\n  {path.with_suffix('')}\n" in output
    assert all(result.seed_runs for result in read_results(read_run(path)).values())
    assert {file.name for file in path.with_suffix("").iterdir()} == {f"{name}.onnx" for name in TINY}


@pytest.mark.slow
def test_a_recipe_that_fails_is_a_row_and_the_others_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"learning_rate": float("nan")}
    training = replace(RECIPES["single_dense"].training, optimizer="sgd", optimizer_settings=settings)
    recipe = replace(RECIPES["single_dense"], name="tiny_dense", training=training)
    monkeypatch.setitem(PUBLISHED, "tiny_dense", replace(PUBLISHED["tiny_dense"], recipe=recipe))
    assert reproduce(tmp_path, "--seeds", "1") == 1
    assert "tiny_dense · INVALID" in capsys.readouterr().out
    results = read_results(stored(tmp_path)[1])
    assert results["tiny_dense"].faults
    assert len(results["tiny_mlp"].seed_runs) == 1


def low_seeds_of(count: int, monkeypatch: pytest.MonkeyPatch) -> Reproduction:
    """A reproduction of eight seeds of which the first so many end below the floor."""

    def assess(_published: Any, _store: Any, training: Any) -> tuple[SeedRun, None]:
        return seed_run(training, scores={"test accuracy": 0.84 if training < count else 0.87}), None

    store = SimpleNamespace(floor=lambda _recipe: 0.85, dataset=None)
    monkeypatch.setattr(reproduction, "assess", assess)
    monkeypatch.setattr(reproduction, "examine", lambda *_words: (FirstModel(), b""))
    monkeypatch.setattr(Reproduction, "_train_some", lambda _self, _name, seeds: list(seeds)[:2])
    monkeypatch.setattr(Reproduction, "save", lambda _self, *, complete: complete)
    name = "t5_mlp_128"
    progress, stores = Progress(io.StringIO()), {PUBLISHED[name].dataset: store}
    found = Reproduction({name: 8}, {name: Result()}, stores, {}, None, Path(), progress)  # type: ignore[arg-type]
    found.train()
    return found


def test_a_seed_below_the_floor_may_be_chance_and_most_of_them_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    some = low_seeds_of(4, monkeypatch).results["t5_mlp_128"]
    assert (some.faults, len(some.seed_runs)) == ([], 8)
    assert "t5_mlp_128: 4 of 8 below 0.85 (0.8400, 0.8400, 0.8400, 0.8400)" in low_seeds({"t5_mlp_128": some})[0]
    most = low_seeds_of(6, monkeypatch).results["t5_mlp_128"]
    assert most.faults == ["t5_mlp_128: the test accuracies of 5 seeds are below the recipe's floor of 0.85"]
    assert len(most.seed_runs) < 8, "it ends where it is clear"
    assert low_seeds_of(0, monkeypatch).results["t5_mlp_128"].faults == low_seeds({}) == []


def test_the_table_says_what_is_missing_and_why() -> None:
    table = reproduction_table({"t3_mnist_512": Result(faults=["mnist cannot be had"], available=False)})
    assert "not measured" in table
    assert "INVALID" in reproduction_table({"t3_mnist_512": Result(faults=["diverged"])})


def test_a_hostile_run_file_is_a_harmless_page(tmp_path: Path) -> None:
    first_model = {
        "class_names": ["<script>", "a|b"],
        "label_counts": {"training": [1, 1], "test": [1, 1]},
        "shown_labels": {"test:0": 1},
        "saving": [{"format": "<b>", "outcome": "refused", "reason": "x|y"}],
    }
    row = {
        "schema": 1,
        "case": "reproduce[t1_overfit]",
        "stage": "reproduction",
        "faults": [],
        "recipe": "t1_overfit",
        "dataset": "fashion_mnist",
        "device": "cpu",
        "threads": 2,
        "batch_size": 32,
        "specimen": first_model,
    }
    kept = seed_run()
    fields = {name: value for name, value in msgspec.to_builtins(kept).items() if name != "fit_s"}
    metadata = {
        "schema": 1,
        "machine": {"name": "m"},
        "packages": {},
        "started_at": "2026-01-01T00:00:00+00:00",
        "commit": "<i>",
        "command": "c",
        "dataset": "d",
        "device": "cpu",
        "threads": 2,
        "trainer": "fit",
        "quick": False,
        "complete": True,
        "cases_planned": [],
        "invalid": [],
        "fallback_reason": None,
    }
    path = tmp_path / "run.json"
    benchmark = {"extra_info": {**row, "repetitions": [fields]}, "stats": {"data": [1.0]}}
    path.write_text(json.dumps({"benchmarks": [benchmark], "densebench": metadata}))
    text = reproduction_page(read_run(path)) + details_page(read_run(path))
    assert "<script>" not in text
    assert "<b>" not in text
    assert "a\\|b" in text
    for broken in ([{**fields, "seed": "x"}], [], [7], [{**fields, "confusion": [[1]]}], [{**fields, "folds": ["x"]}]):
        benchmark["extra_info"] = {**row, "repetitions": broken}
        path.write_text(json.dumps({"benchmarks": [benchmark], "densebench": metadata}))
        with pytest.raises(RunFileError, match="not a densebench run file"):
            read_run(path)
