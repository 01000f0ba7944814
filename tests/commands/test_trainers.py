from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from bench.commands.trainers import command as trainers_command
from bench.commands.trainers import measure as trainers_measure
from bench.commands.trainers import worker as trainers_worker
from bench.commands.trainers.roofline import step_products
from bench.commands.trainers.task import Ready, Task, make_ready
from bench.commands.trainers.tensorflow_variants import steps_per_execution
from bench.commands.trainers.variants import COMPARED, VARIANTS, WIDTHS, Variant
from bench.errors import DensebenchError, Unavailable
from bench.host.process import Worker, WorkerError, on_cpus, own_cpus
from bench.host.worker_side import serve
from bench.progress import Progress
from bench.records.record import Run, RunReader, read_run
from bench.records.run_file import encode_run
from bench.records.schema.trainers import TrainerRecord
from bench.records.trainers import FOLDER, flops_per_image
from bench.report.pages.trainers import time_to_accuracy, trainer_page, trainer_table
from bench.report.registry import make_pages, read_shown
from models import RECIPES
from tests.fake_runs import MACHINE, PACKAGES

if TYPE_CHECKING:
    from bench.commands.trainers.measure import Case

IMAGES, FLOPS = 48_000, 319_600
ACCURACIES = (0.84, 0.849, 0.85, 0.86, 0.87)
"""After each repetition; the third reaches the floor of deep_mlp."""
SPEEDS_S = {"fit": 2.0, "fit, jit": 1.0, "JAX scan": 0.5}
METADATA: dict[str, Any] = {
    "schema": 1,
    "machine": MACHINE,
    "packages": {**PACKAGES, "jax": "0.10.2", "torch": None},
    "started_at": "2026-01-02T03:04:05+00:00",
    "commit": "abc1234",
    "command": "python -m bench trainers",
    "dataset": "fashion_mnist",
    "dataset_sha256": "0",
    "device": "cpu",
    "threads": 2,
    "trainer": "all",
    "quick": False,
    "fallback_reason": None,
}


class FakeWorker:
    """Answers like a worker whose repetitions take the given seconds, one after the other."""

    def __init__(self, log: list[str], trouble: Callable[[Mapping[str, Any]], dict[str, Any] | None]) -> None:
        self.log = log
        self.trouble = trouble
        self.repeated: dict[str, int] = {}

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.log.append(f"{request['do']} {request['case']}")
        if answer := self.trouble(request):
            return answer
        variant = request["case"].split("trainer=")[1].rpartition(",batch=")[0]
        limit = "limit" in variant
        if request["do"] == "prepare":
            facts: dict[str, Any] = {"flops": FLOPS * 100_000} if limit else {}
            facts |= {"steps_per_execution": 100} if variant == "fit, jit" else {}
            own = {"warm_up_epochs": 0 if limit else 3, "facts": facts}
            return {"epochs": 1, "train_images": 100_000 if limit else IMAGES, **own}
        self.repeated[request["case"]] = count = self.repeated.get(request["case"], 0) + 1
        accuracy = None if limit else ACCURACIES[min(count, len(ACCURACIES)) - 1]
        return {"value_s": SPEEDS_S.get(variant, 0.25), "contamination": {}, "test_accuracy": accuracy}


def fine(_request: Mapping[str, Any]) -> None:
    return None


def measured(
    trouble: Callable[[Mapping[str, Any]], dict[str, Any] | None] = fine, blocks: int = 5, missing: str = ""
) -> tuple[list[Case], list[str]]:
    """All cases as fake workers measured them, and every request in order."""
    cases = trainers_measure.plan_cases()
    log: list[str] = []
    trainers_measure.mark_missing(cases, lambda package: None if package == missing else package)
    trainers_measure.measure(
        cases,
        lambda: nullcontext({variant.backend: FakeWorker(log, trouble) for variant in VARIANTS.values()}),
        trainers_measure.plan_orders(blocks, 7, 3),
        dataset="fashion_mnist",
        progress=Progress(io.StringIO()),
        save=lambda: log.append("save"),
        settle=lambda: None,
    )
    return cases, log


def stored(folder: Path, cases: list[Case], name: str = "run.json", **metadata: Any) -> Run:
    content = trainers_measure.run_content(cases, {**METADATA, **metadata}, complete=True)
    path = folder / "raw" / "machine" / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_run(*content))
    return read_run(path)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_has_a_row_per_variant_with_ratios_and_shares(tmp_path: Path) -> None:
    cases, _ = measured(missing="torch")
    for case in cases:
        if case.variant == "fit":  # in the last block it takes twice as long; slow repetitions do not count
            case.values_s = [4.0, 2.0, 9.0] * 4 + [4.0, 4.0, 9.0]
    run = stored(tmp_path, [case for case in cases if case.batch_size == 32 and case.recipe == "deep_mlp"])
    header, _, *rows = [" | ".join(cells(line)) for line in trainer_table(run, ["deep_mlp"]).splitlines()]
    assert header == (
        "Model | Batch | Trainer | images/s | Ratio to fit | of the limit at this batch size"
        " | of the matrix product limit | Test accuracy (epochs) | Time to accuracy (epochs)"
    )
    steps = "100 steps per execution"
    assert rows == [
        "deep_mlp | 32 | fit | 20,900 (14,200–30,700) | 1.00 | 5% | 5% | 0.8500 (6) | 27.0 s (6)",
        f"deep_mlp | 32 | fit, jit, {steps} | 48,000 ± 0 % | 2.30 (1.56–3.38) | 12% | 12% | 0.8500 (6) | 6.00 s (6)",
        "deep_mlp | 32 | compiled | 192,000 ± 0 % | 9.19 (6.25–13.50) | 48% | 48% | 0.8500 (6) | 1.50 s (6)",
        "deep_mlp | 32 | JAX scan | 96,000 ± 0 % | 4.59 (3.13–6.75) | 24% | 24% | 0.8500 (6) | 3.00 s (6)",
        "deep_mlp | 32 | PyTorch eager | not installed | – | – | – | – | –",
        "deep_mlp | 32 | PyTorch compiled | not installed | – | – | – | – | –",
        "deep_mlp | 32 | limit at this batch size | at best 400,000 | – | – | – | – | –",
        "deep_mlp | 32 | limit at this batch size, PyTorch | not installed | – | – | – | – | –",
        "deep_mlp | 32 | matrix product limit | at best 400,000 | – | – | – | – | –",
        "deep_mlp | 32 | matrix product limit, PyTorch | not installed | – | – | – | – | –",
    ]


def test_what_cannot_be_told_from_the_fastest_is_marked_and_a_limit_is_its_best_try(tmp_path: Path) -> None:
    cases, _ = measured()
    for case in cases:
        if case.variant == "JAX scan":
            case.values_s = [0.25, 0.26, 0.24, 0.26, 0.27, 0.25, 0.24, 0.23, 0.25, 0.25, 0.25, 0.25, 0.26, 0.26, 0.26]
        if case.variant == "PyTorch eager":
            case.values_s = [0.27] * 15
        if case.variant == "limit at this batch size, PyTorch":
            case.values_s = [0.5] * 14 + [0.125]
    run = stored(tmp_path, [case for case in cases if case.batch_size == 32 and case.recipe == "deep_mlp"])
    rows = {cells(line)[2]: cells(line) for line in trainer_table(run, ["deep_mlp"]).splitlines()}
    assert [rows[name][3].startswith("≈") for name in ("compiled", "JAX scan", "PyTorch eager", "fit")] == [
        *(True, True, False, False)
    ]
    assert rows["limit at this batch size, PyTorch"][3] == "at best 800,000"
    assert rows["compiled"][5:7] == ["24%", "48%"]


def test_the_page_names_its_run_file_and_says_what_is_missing(tmp_path: Path) -> None:
    cases, _ = measured(missing="torch")
    page = trainer_page(stored(tmp_path, cases))
    assert "run file `run.json`" in page
    assert "not installed: torch" in page
    assert page.count("\n| ") == len(cases) + 2
    assert not any(case.failed for case in cases)


def test_each_block_asks_each_case_three_times_in_an_order_of_its_own() -> None:
    cases, log = measured(blocks=3)
    repeats = "\n".join(line for line in log if line.startswith(("repeat", "save"))).split("save")[:3]
    blocks = [block.split("\n") for block in repeats]
    names = sorted(f"repeat {case.name}" for case in cases)
    laps = [
        list(filter(None, block))[start : start + len(names)] for block in blocks for start in range(0, 90, len(names))
    ]
    assert [sorted(lap) for lap in laps] == [names] * 9
    assert blocks[0] != blocks[1]
    assert trainers_measure.plan_orders(3, 7) == trainers_measure.plan_orders(3, 7)


def test_a_dead_worker_fails_its_own_variant_and_no_others(tmp_path: Path) -> None:
    def die(request: Mapping[str, Any]) -> dict[str, Any] | None:
        if "JAX" in request["case"] and request["do"] == "repeat":
            raise WorkerError("the worker was killed by signal 9")
        return None

    cases, _ = measured(die)
    failed = [case for case in cases if case.failed]
    assert {case.variant for case in failed} == {"JAX scan"}
    assert all(len(case.values_s) == 15 for case in cases if not case.failed)
    page = trainer_page(stored(tmp_path, cases))
    assert "deep_mlp, batch 32, JAX scan; deep_mlp, batch 128, JAX scan: the worker was killed by signal 9." in page
    assert page.count("INVALID") == 2


def test_a_variant_that_fails_once_is_asked_nothing_more() -> None:
    def refuse(request: Mapping[str, Any]) -> dict[str, Any] | None:
        return {"failed": "ValueError: no"} if "=compiled" in request["case"] else None

    _, log = measured(refuse)
    assert [line.split()[0] for line in log if "[deep_mlp,trainer=compiled,batch=32]" in line] == ["prepare"]


def test_a_variant_that_did_not_learn_is_invalid() -> None:
    answer = {"value_s": 1.0, "contamination": {}, "test_accuracy": 0.1}
    cases, _ = measured(
        lambda request: answer if request["do"] == "repeat" and "limit" not in request["case"] else None
    )
    assert {bool(case.failed) for case in cases if "limit" not in case.variant} == {True}
    assert not any(case.failed for case in cases if "limit" in case.variant)
    assert all(case.invalid == bool(case.failed) for case in cases)


def test_the_time_to_the_accuracy_is_unknown_where_it_is_not_reached_or_was_not_stored(tmp_path: Path) -> None:
    def learn_slowly(request: Mapping[str, Any]) -> dict[str, Any] | None:
        answer = {"value_s": 1.0, "contamination": {}, "test_accuracy": 0.84}
        return answer if request["do"] == "repeat" and "limit" not in request["case"] else None

    run = stored(tmp_path, measured(learn_slowly)[0])
    assert {time_to_accuracy(record) for record in run.of(TrainerRecord) if record.recipe == "deep_mlp"} == {"–"}
    metadata, rows = trainers_measure.run_content(measured()[0], METADATA, complete=True)
    before = [msgspec.structs.replace(row, accuracies_by_block=(), warm_up_epochs=None) for row in rows]
    path = tmp_path / "old.json"
    path.write_bytes(encode_run(metadata, before))
    old = read_run(path)
    assert {time_to_accuracy(record) for record in old.of(TrainerRecord)} == {"–"}
    assert "0.85" in trainer_page(old)


def test_without_fit_there_are_rates_but_no_ratios(tmp_path: Path) -> None:
    cases, _ = measured(missing="tensorflow")
    lines = [cells(line) for line in trainer_page(stored(tmp_path, cases)).splitlines()]
    row = ["deep_mlp", "32", "JAX scan", "96,000 ± 0 %", "–", "24%", "24%", "0.8500 (6)", "3.00 s (6)"]
    assert row in lines


def test_run_files_of_the_models_are_not_taken_for_runs_of_the_suite(tmp_path: Path) -> None:
    stored(tmp_path, measured()[0])
    assert RunReader().read_folder(tmp_path) == ([], [])


def test_the_page_shows_the_newest_of_the_most_complete_runs(tmp_path: Path) -> None:
    cases, part = measured()[0], measured(missing="jax")[0]
    stored(tmp_path, cases, "whole.json")
    stored(tmp_path, part, "part.json", started_at="2026-01-03")
    stored(tmp_path, cases, "quick.json", started_at="2026-01-04", quick=True)
    stored(tmp_path, cases, "other.json", started_at="2026-01-05", dataset="mnist")
    command = "python -m bench trainers --device=cpu:1"
    stored(tmp_path, cases, "one-thread.json", started_at="2026-01-06", device="cpu:1", command=command)
    (tmp_path / "raw" / "machine" / FOLDER / "broken.json").write_text("{", encoding="utf-8")
    shown = read_shown(tmp_path, RunReader())
    assert [run.file for run in shown.kinds["trainers"]] == ["whole.json"]
    assert "run file `whole.json`" in make_pages(shown)[0]["trainers"]
    assert "broken.json" in shown.warnings[0]
    assert make_pages(read_shown(tmp_path / "nothing", RunReader())) == ({}, [])


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit(3)", "the worker ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "the worker was killed by signal 9"),
        ("import time; time.sleep(60)", "the worker gave no answer within"),
    ],
)
def test_a_worker_that_is_gone_says_how(code: str, reason: str) -> None:
    worker = Worker([sys.executable, "-c", code], timeout_s=0.05 if "sleep" in code else 600)
    try:
        with pytest.raises(WorkerError, match=reason):
            worker.ask({"do": "prepare"})
        with pytest.raises(WorkerError, match="the worker"):
            worker.ask({"do": "repeat"})
    finally:
        worker.close()


def test_a_real_worker_answers_line_by_line_whatever_its_libraries_print() -> None:
    code = (
        "import io, os, sys, bench.commands.trainers.worker as w\n"
        "w.Worker.prepare = lambda self, case: print('noise') or os.system('echo noise') or {'heard': case}\n"
        "w.main()"
    )
    settings = json.dumps({"dataset": "digits", "data_dir": None, "threads": 1})
    worker = Worker([sys.executable, "-c", code, settings])
    try:
        assert worker.ask({"do": "prepare", "case": "a"}) == {"heard": "a"}
        assert worker.ask({"do": "prepare", "case": "b"}) == {"heard": "b"}
        assert worker.ask({"do": "repeat", "case": "c"}) == {"failed": "KeyError: 'c'"}
        assert "noise" in worker.errors()
    finally:
        worker.close()


def test_a_worker_prepares_repeats_and_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(task: Task) -> Ready:
        assert task.steps * task.batch_size == len(task.labels)
        return Ready(lambda: 0.5, 2, len(task.labels), lambda images: np.eye(10)[np.zeros(len(images), int)])

    def lack(_task: Task) -> Ready:
        raise Unavailable("no compiler")

    monkeypatch.setitem(VARIANTS, "fit", Variant("tensorflow", prepare))
    monkeypatch.setitem(VARIANTS, "compiled", Variant("tensorflow", lack))
    case = {"case": "a", "recipe": "deep_mlp", "batch_size": 1}
    requests = [
        {"do": "prepare", "variant": "fit", **case},
        {"do": "repeat", "case": "a"},
        {"do": "prepare", "variant": "compiled", **case},
    ]
    answers: list[Mapping[str, Any]] = []
    serve(trainers_worker.Worker("digits", None, 1).actions, map(json.dumps, requests), answers.append)
    prepared, repeated, lacking = answers
    assert prepared == {"epochs": 2, "train_images": 1149, "warm_up_epochs": 0, "facts": {}}
    assert repeated["value_s"] == 0.5
    assert repeated["test_accuracy"] == pytest.approx(0.1, abs=0.02)
    assert lacking == {"unavailable": "no compiler"}


def test_a_repetition_is_as_many_epochs_as_fill_half_a_second() -> None:
    now = [0.0]

    def prepare_run(epochs: int) -> Callable[[], None]:
        return lambda: now.__setitem__(0, now[0] + 0.4 * epochs)

    task = Task(RECIPES["deep_mlp"], 1, WIDTHS["deep_mlp"], np.zeros((4, 784), np.float32), np.zeros(4, np.int64), 1)
    ready = make_ready(task, prepare_run, lambda images: images, clock=lambda: now[0])
    assert (ready.epochs, ready.warm_up_epochs) == (2, 3)
    assert ready.repeat() == pytest.approx(0.8)


def test_batches_that_do_not_divide_the_images_are_refused() -> None:
    task = Task(RECIPES["deep_mlp"], 3, WIDTHS["deep_mlp"], np.zeros((4, 784), np.float32), np.zeros(4, np.int64), 1)
    with pytest.raises(ValueError, match="batches of 3 leave 1 of 4 images over"):
        _ = task.steps


def test_steps_per_execution_divide_the_steps() -> None:
    assert [steps_per_execution(steps) for steps in (1500, 375, 1200, 7, 101)] == [100, 75, 100, 7, 1]


def test_the_limit_counts_only_products_that_training_needs() -> None:
    for widths in WIDTHS.values():
        products = step_products(widths, 32)
        assert sum(2 * a.shape[0] * a.shape[1] * b.shape[1] for a, b, _ in products) == 32 * flops_per_image(widths)
    assert flops_per_image((784, 100, 10)) == 4 * 78_400 + 6 * 1_000


def test_every_models_has_a_baseline_and_its_widths() -> None:
    for (recipe, _), variants in COMPARED.items():
        assert "fit" in variants
        assert recipe in RECIPES.keys() & WIDTHS.keys()


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    trainers_command.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("words", [["--device=gpu"], ["--device=tpu"], ["--blocks=0"]])
def test_wrong_options_are_refused_before_anything_starts(words: list[str]) -> None:
    with pytest.raises(DensebenchError):
        trainers_command.run(arguments(*words))


def test_the_number_of_cpus_is_given_to_the_workers_only() -> None:
    before = os.sched_getaffinity(0)
    with on_cpus(own_cpus()[:1]):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
