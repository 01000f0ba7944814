from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench import race
from bench.datasets import DATASETS
from bench.devices import parse_device
from bench.errors import DensebenchError
from bench.race import Heat, WorkerFailed, caption, race_page, race_table, run_heat, run_worker, split_times
from bench.race_worker import MORE_EPOCHS, RACES, Entry, Lap, Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from models import Recipe

ROOT = Path(__file__).parent.parent
ENTRY = Entry(side="fit", recipe="deep_mlp", seed=0, dataset="fashion_mnist", data_dir=None, device="cpu", quick=False)

FIT = Lap(
    imported_s=4.0,
    loaded_s=5.0,
    ready_s=5.5,
    epoch_ends_s=(8.0, 10.5, 13.0),
    test_accuracies=(0.85, 0.87, 0.86),
)
COMPILED = Lap(
    imported_s=4.0,
    loaded_s=5.0,
    ready_s=6.0,
    epoch_ends_s=(6.5, 7.0, 7.25, 7.5),
    test_accuracies=(0.84, 0.85, 0.855, 0.86),
)
GOLDEN = """\
| Model    | Trainer   |   Test accuracy to reach |   Epochs |   Process start to goal |   Import |   Data \
|   Compile, trace |   Training |   Times as fast, start to goal |   Times as fast, training |
|:---------|:----------|-------------------------:|---------:|------------------------:|---------:|-------:\
|-----------------:|-----------:|-------------------------------:|--------------------------:|
| deep_mlp | fit       |                   0.8600 |        2 |                  10.5 s |   4.00 s | 1.00 s \
|           500 ms |     5.00 s |                           1.00 |                      1.00 |
| deep_mlp | compiled  |                   0.8600 |        4 |                  7.50 s |   4.00 s | 1.00 s \
|           1.00 s |     1.50 s |                           1.40 |                      3.33 |"""

FAKE_WORKER = """\
import json, os, sys
if sys.argv[1] == "--rehearse":
    sys.exit(0)
entry = json.loads(sys.argv[1])
print(entry["side"], entry["recipe"], "epoch 1", file=sys.stderr)
exec({scripts!r}[entry["side"]])
"""


def heat(
    fit: Lap | None = FIT, compiled: Lap | None = COMPILED, *, seed: int = 0, faults: tuple[str, ...] = ()
) -> Heat:
    laps = {side: lap for side, lap in (("fit", fit), ("compiled", compiled)) if lap}
    return Heat(recipe="deep_mlp", seed=seed, laps=laps, faults=faults)


def faster(lap: Lap, factor: float) -> Lap:
    """The same lap with a training that takes `factor` times as long."""
    ends = tuple(lap.ready_s + (end - lap.ready_s) * factor for end in lap.epoch_ends_s)
    return replace(lap, epoch_ends_s=ends)


def cells(table: str, row: int) -> dict[str, str]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return dict(zip(lines[0], lines[2 + row], strict=True))


def answer(lap: Lap) -> str:
    return f"print('noise'); print({json.dumps(asdict(lap))!r})"


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Fake workers take the place of the real ones; to call with the Python that a side runs after its first lines."""
    fake = tmp_path / "worker.py"
    monkeypatch.setattr(race, "WORKER", (sys.executable, str(fake)))

    def let(fit: str = answer(FIT), compiled: str = answer(COMPILED)) -> None:
        fake.write_text(FAKE_WORKER.format(scripts={"fit": fit, "compiled": compiled}), encoding="utf-8")

    let()
    return let


def test_made_up_laps_give_the_golden_table() -> None:
    assert race_table([heat()]) == GOLDEN


def test_the_parts_of_a_lap_add_up_to_its_whole() -> None:
    times = split_times(COMPILED, goal=0.86)
    assert times
    assert times.import_s + times.data_s + times.compile_s + times.training_s == times.total_s == 7.5


def test_fit_itself_is_timed_to_its_first_epoch_that_is_as_good_as_its_last() -> None:
    times = heat().times("fit")
    assert times
    assert (times.epochs, times.total_s) == (2, 10.5)


def test_repeats_show_medians_of_ratios_and_the_range_of_goals_and_epochs() -> None:
    better = replace(FIT, test_accuracies=(0.84, 0.85, 0.855))
    heats = [heat(), heat(better, faster(COMPILED, 0.5), seed=1), heat(compiled=faster(COMPILED, 0.25), seed=2)]
    fit, compiled = cells(race_table(heats), 0), cells(race_table(heats), 1)
    assert (fit["Epochs"], compiled["Epochs"]) == ("2 to 3", "3 to 4")
    assert fit["Test accuracy to reach"] == "0.8550 to 0.8600"
    assert compiled["Times as fast, training"] == "12.00"  # of 3.33, 12 and 13.33
    assert fit["Times as fast, training"] == "1.00"


def test_a_side_that_never_gets_there_has_no_time() -> None:
    slow = replace(COMPILED, test_accuracies=(0.1, 0.2, 0.3, 0.4))
    row = cells(race_table([heat(compiled=slow)]), 1)
    assert row["Process start to goal"] == "not reached"
    assert {row[name] for name in ("Epochs", "Training", "Times as fast, start to goal")} == {"–"}


def test_a_failed_side_is_said_and_the_other_is_shown() -> None:
    page = race_page([heat(compiled=None, faults=("compiled deep_mlp: a|b",))], "below")
    assert page.startswith("FAILED: compiled deep_mlp: a\\|b\n\n| Model")
    assert page.endswith("\n\nbelow")
    table = page.split("\n\n")[1]
    assert (cells(table, 0)["Training"], cells(table, 1)["Process start to goal"]) == ("5.00 s", "failed")


def test_without_a_goal_nothing_is_run_against_it() -> None:
    table = race_table([heat(None, None)])
    assert [cells(table, row)["Process start to goal"] for row in (0, 1)] == ["failed", "not run"]


def test_the_caption_names_data_device_seeds_and_packages() -> None:
    text = caption(ENTRY, parse_device("cpu:1"), range(3))
    assert "the scoring of the test images is not counted" in text
    assert "seeds 0–2, medians; fashion_mnist, cpu" in text
    assert " (1 thread); " in text
    assert "TensorFlow " in text
    assert "QUICK RUN" in caption(replace(ENTRY, quick=True), parse_device("cpu:1"), range(1))


def test_a_paused_watch_stands_still() -> None:
    now = [5_000_000_000]
    watch = Stopwatch(2_000_000_000, clock_ns=lambda: now[0])
    with watch.paused():
        now[0] += 60_000_000_000
    now[0] += 500_000_000
    assert watch.read_s() == 3.5


def test_only_the_side_with_a_goal_may_train_longer_than_the_protocol() -> None:
    epochs = RACES["deep_mlp"].training.epochs
    assert ENTRY.training.epochs == epochs
    assert replace(ENTRY, side="compiled", goal=0.8).training.epochs == MORE_EPOCHS * epochs


@pytest.mark.parametrize("recipe", RACES.values(), ids=RACES)
def test_what_is_raced_has_nothing_inside_its_fit_but_training(recipe: Recipe) -> None:
    assert not recipe.training.validate_each_epoch
    assert not recipe.training.early_stopping


def test_what_is_raced_has_a_floor_for_every_data_set() -> None:
    for name, recipe in RACES.items():
        assert recipe.name == name
        assert set(recipe.accuracy_floors) == set(DATASETS)


def test_a_worker_s_last_line_is_its_lap(workers: Callable[..., None], capfd: pytest.CaptureFixture[str]) -> None:
    assert asdict(run_worker(ENTRY)) == json.loads(json.dumps(asdict(FIT)))
    assert capfd.readouterr().err == "fit deep_mlp epoch 1\n"
    workers(fit="print('no record')")
    with pytest.raises(WorkerFailed, match="ended without a record; its last output: no record"):
        run_worker(ENTRY)


def test_both_sides_that_get_there_make_a_heat_without_faults(workers: Callable[..., None]) -> None:
    workers(compiled=f"assert entry['goal'] == 0.86\n{answer(COMPILED)}")
    assert not run_heat(ENTRY).faults


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("sys.exit('it broke\\n')", "compiled deep_mlp, seed 0: exit status 1; its last line: it broke"),
        ("os.kill(os.getpid(), 9)", "compiled deep_mlp, seed 0: killed by SIGKILL; its last line: compiled deep_mlp e"),
        ("", "compiled deep_mlp, seed 0: ended without a record; its last output: (none)"),
        (
            answer(replace(COMPILED, test_accuracies=(0.1, 0.8599))),
            "did not reach 0.8600 in 2 epochs; its best was 0.8",
        ),
    ],
)
def test_a_compiled_side_that_fails_leaves_the_other_side_s_lap(
    workers: Callable[..., None], script: str, fault: str
) -> None:
    workers(compiled=script)
    result = run_heat(ENTRY)
    assert fault in result.faults[0]
    assert result.goal == 0.86


def test_a_fit_below_its_floor_sets_no_goal(workers: Callable[..., None]) -> None:
    workers(fit=answer(replace(FIT, test_accuracies=(0.2, 0.3, 0.4))))
    result = run_heat(ENTRY)
    assert result.faults == ["fit deep_mlp, seed 0: test accuracy 0.4000 is below the recipe's floor of 0.85"]
    assert not result.laps


def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    race.add_arguments(parser)
    return race.run(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipes", "deep_mpl"], "unknown recipe 'deep_mpl'. Did you mean 'deep_mlp'"),
        (["--recipes", ","], "names no recipe"),
        (["--repeats", "0"], "--repeats 0 is not a number of races"),
        (["--seed", "-1"], "--seed -1 is no seed"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--dataset", "cifar"], "unknown data set 'cifar'"),
    ],
)
def test_a_wrong_option_is_told_before_anything_runs(words: list[str], message: str) -> None:
    with pytest.raises(DensebenchError) as failure:
        command(*words)
    assert message in str(failure.value)


def test_one_failed_worker_fails_the_command_and_costs_no_other_result(
    workers: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    workers(compiled=f"if entry['recipe'] == 'deep_mlp': sys.exit(3)\n{answer(COMPILED)}")
    assert command("--dataset", "digits") == 1
    page = capsys.readouterr().out
    assert "FAILED: compiled deep_mlp, seed 0: exit status 3" in page
    table = page.split("\n\n")[1]
    assert cells(table, 1)["Times as fast, training"] == "3.33"
    assert cells(table, 3)["Process start to goal"] == "failed"


def test_a_real_race_is_won(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert command("--dataset", "digits", "--quick", "--recipes", "deep_mlp") == 0
    out, err = capsys.readouterr()
    assert "fit deep_mlp, seed 0: epoch 2/2, test accuracy " in err
    assert "compiled deep_mlp, seed 0: epoch 1/6, test accuracy " in err
    assert "QUICK RUN" in out
    assert float(cells(out.split("\n\n")[0], 1)["Times as fast, start to goal"]) > 0
