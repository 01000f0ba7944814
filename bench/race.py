"""`python -m bench race`: the time to the tutorial's accuracy, by Keras's `fit` and by the compiled trainer.

Each side runs in a fresh process. What `fit` ends with on the test images is the accuracy to reach; each side's clock
runs from the start of its process to the end of the first epoch that reaches it, and stands still while test images
are scored.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bench.datasets import DATASETS, DEFAULT, load_dataset
from bench.devices import Device, parse_device
from bench.errors import DensebenchError, unknown_name
from bench.formats import format_accuracy, format_counted, format_duration
from bench.machine import describe_machine, package_versions
from bench.race_worker import RACES, REHEARSAL, SIDES, Entry, Lap, tell
from bench.tables import NOT_MEASURED, escape, markdown_table
from models.recipe import QUICK_FLOOR

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

WORKER = (sys.executable, "-m", "bench.race_worker")
HEADERS = (
    "Model",
    "Trainer",
    "Test accuracy to reach",
    "Epochs",
    "Process start to goal",
    "Import",
    "Data",
    "Compile, trace",
    "Training",
    "Times as fast, start to goal",
    "Times as fast, training",
)
TEXT_COLUMNS = (0, 1)


class WorkerFailed(DensebenchError):  # noqa: N818  reads as what happened
    """A worker that ended without a lap, or with one that is not to be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """A lap up to its goal, in parts that add up to `total_s`."""

    total_s: float
    import_s: float
    data_s: float
    compile_s: float
    training_s: float
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """Both sides of one race with one seed.

    Attributes:
        laps: by side; one that failed, or was not run for want of a goal, is missing.
        faults: one line each; empty where both sides reached the goal.
    """

    recipe: str
    seed: int
    laps: Mapping[str, Lap]
    faults: Sequence[str] = ()

    @property
    def goal(self) -> float | None:
        """The test accuracy (0-1) that Keras's `fit` ended with."""
        return self.laps["fit"].test_accuracies[-1] if "fit" in self.laps else None

    def times(self, side: str) -> Times | None:
        """What a side needed to reach the goal; ``None`` where it did not."""
        if self.goal is None or side not in self.laps:
            return None
        return split_times(self.laps[side], self.goal)


def split_times(lap: Lap, goal: float) -> Times | None:
    """The parts of a lap up to the first epoch whose test accuracy is at least `goal`; ``None`` where there is none."""
    epochs = next((epoch for epoch, score in enumerate(lap.test_accuracies, start=1) if score >= goal), None)
    if epochs is None:
        return None
    total_s = lap.epoch_ends_s[epochs - 1]
    return Times(
        total_s=total_s,
        import_s=lap.imported_s,
        data_s=lap.loaded_s - lap.imported_s,
        compile_s=lap.ready_s - lap.loaded_s,
        training_s=total_s - lap.ready_s,
        epochs=epochs,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of this command; `run` checks them."""
    parser.add_argument("--recipes", metavar="NAMES", help=f"comma-separated, of: {', '.join(RACES)} (default: all)")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="races per recipe, from seeds of their own")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first race's seed (default: 0)")
    parser.add_argument("--dataset", default=DEFAULT, metavar="NAME", help=f"{' or '.join(DATASETS)}")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="as for pytest")
    parser.add_argument("--device", default="cpu", help="as for pytest (default: cpu)")
    parser.add_argument("--quick", action="store_true", help="protocols cut down to seconds; the figures mean nothing")


def run(arguments: argparse.Namespace) -> int:
    """Race, and print the table; 0 where every compiled side reached its goal, else 1.

    Raises:
        DensebenchError: an option is wrong, or the data cannot be had; nothing was raced.
    """
    recipes = _parse_recipes(arguments.recipes)
    device = parse_device(arguments.device)
    if arguments.repeats < 1:
        raise DensebenchError(f"--repeats {arguments.repeats} is not a number of races: a whole number from 1 up is.")
    if not 0 <= arguments.seed < 2**31 - arguments.repeats:
        raise DensebenchError(f"--seed {arguments.seed} is no seed: a whole number from 0 up to 2,147,483,647 is.")
    seeds = range(arguments.seed, arguments.seed + arguments.repeats)
    load_dataset(arguments.dataset, arguments.data_dir)  # what is downloaded or wrong shows before any clock runs
    tell("rehearsing the imports, so that every side finds them in memory")
    subprocess.run([*WORKER, REHEARSAL], check=False, capture_output=True)  # noqa: S603  fixed words
    entry = Entry(
        side="fit",
        recipe=recipes[0],
        seed=seeds[0],
        dataset=arguments.dataset,
        data_dir=str(arguments.data_dir) if arguments.data_dir else None,
        device=arguments.device,
        quick=arguments.quick,
    )
    heats = [run_heat(replace(entry, recipe=name, seed=seed)) for seed in seeds for name in recipes]
    sys.stdout.write(f"{race_page(heats, caption(entry, device, seeds))}\n")
    return 1 if any(heat.faults for heat in heats) else 0


def run_heat(entry: Entry) -> Heat:
    """Keras's `fit` by the whole protocol, then the compiled side until it is as accurate.

    Args:
        entry: the `fit` side's; the other side's differs in nothing but side and goal.
    """
    heat = Heat(recipe=entry.recipe, seed=entry.seed, laps={})
    try:
        fit = run_worker(entry)
        _check_floor(entry, fit)
        heat = replace(heat, laps={"fit": fit})
        compiled = run_worker(replace(entry, side="compiled", goal=heat.goal))
    except WorkerFailed as failure:
        return replace(heat, faults=[str(failure)])
    heat = replace(heat, laps={"fit": fit, "compiled": compiled})
    return heat if heat.times("compiled") else replace(heat, faults=[_defeat(heat, compiled)])


def run_worker(entry: Entry) -> Lap:
    """The lap of one fresh process, whose lines on standard error are passed on as they come.

    Raises:
        WorkerFailed: it ended otherwise than with a lap.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as answer:
        words = [*WORKER, json.dumps(asdict(replace(entry, started_ns=time.monotonic_ns())))]
        with subprocess.Popen(  # noqa: S603  our own words, and no shell reads them
            words, stdout=answer, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
        ) as process:
            try:
                last_line = _pass_on(process.stderr) if process.stderr else ""
                status = process.wait()
            finally:
                process.kill()
        if status:
            raise WorkerFailed(f"{entry.name}: {_exit_text(status)}; its last line: {last_line or '(none)'}")
        answer.seek(0)
        lines = answer.read().splitlines() or [""]
    try:
        return Lap(**json.loads(lines[-1]))
    except (ValueError, TypeError):
        raise WorkerFailed(f"{entry.name}: ended without a record; its last output: {lines[-1] or '(none)'}") from None


def race_page(heats: Sequence[Heat], below: str) -> str:
    """What went wrong, the table, and the line below it, as Markdown."""
    failed = [f"FAILED: {escape(fault)}" for heat in heats for fault in heat.faults]
    return "\n\n".join([*failed, race_table(heats), below])


def race_table(heats: Sequence[Heat]) -> str:
    """Two rows per recipe; medians over its heats, and the range of accuracies and epochs."""
    rows = []
    for recipe in dict.fromkeys(heat.recipe for heat in heats):
        chosen = [heat for heat in heats if heat.recipe == recipe]
        rows += [[recipe, side, *_side_cells(chosen, side)] for side in SIDES]
    return markdown_table(HEADERS, rows, text_columns=TEXT_COLUMNS)


def caption(entry: Entry, device: Device, seeds: Sequence[int]) -> str:
    """What was raced on what, with which packages, and when."""
    machine, packages = describe_machine(), package_versions()
    return escape(
        "; ".join(
            [
                "QUICK RUN, the figures say nothing about the models" if entry.quick else "wall seconds",
                "the scoring of the test images is not counted",
                "`fit` traces in its first step, which counts as tracing",
                "each side runs to its first epoch that is as accurate as the last one of `fit`",
                f"seeds {seeds[0]}–{seeds[-1]}, medians" if len(seeds) > 1 else f"seed {seeds[0]}",
                f"{entry.dataset}, {device.name} ({format_counted(device.threads, 'thread')})",
                f"{machine['cpu']}, {machine['cpus']} CPUs",
                f"Python {machine['python']}, TensorFlow {packages['tensorflow']}, Keras {packages['keras']}",
                f"{datetime.now(timezone.utc):%Y-%m-%d}",
            ]
        )
    )


def _parse_recipes(text: str | None) -> list[str]:
    wanted = list(RACES) if text is None else [name.strip() for name in text.split(",") if name.strip()]
    if not wanted:
        raise DensebenchError(f"--recipes {text!r} names no recipe. Known: {', '.join(RACES)}.")
    for name in wanted:
        if name not in RACES:
            raise unknown_name("recipe", name, RACES)
    return [name for name in RACES if name in wanted]


def _check_floor(entry: Entry, lap: Lap) -> None:
    accuracy = lap.test_accuracies[-1]
    floor = QUICK_FLOOR if entry.quick else RACES[entry.recipe].accuracy_floors[entry.dataset]
    if accuracy < floor:
        raise WorkerFailed(
            f"{entry.name}: test accuracy {format_accuracy(accuracy)} is below the recipe's floor of {floor}"
        )


def _defeat(heat: Heat, lap: Lap) -> str:
    epochs, best = format_counted(len(lap.test_accuracies), "epoch"), format_accuracy(max(lap.test_accuracies))
    goal = format_accuracy(heat.goal or 0)
    return f"compiled {heat.recipe}, seed {heat.seed}: did not reach {goal} in {epochs}; its best was {best}"


def _pass_on(stream: IO[str]) -> str:
    """Every line of `stream` on standard error as it comes; the last that is not empty."""
    last_line = ""
    for line in stream:
        sys.stderr.write(line)
        sys.stderr.flush()
        last_line = line.strip() or last_line
    return last_line


def _exit_text(status: int) -> str:
    """How a process ended: ``exit status 3``, ``killed by SIGKILL``."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _side_cells(heats: Sequence[Heat], side: str) -> list[str]:
    goals = [heat.goal for heat in heats if heat.goal is not None]
    times = [one for heat in heats if (one := heat.times(side))]
    if not times:
        ran = any(side in heat.laps for heat in heats)
        outcome = "not reached" if ran else "failed" if goals or side == "fit" else "not run"
        return [_span(goals, format_accuracy), NOT_MEASURED, outcome, *[NOT_MEASURED] * 6]
    parts = [[one.total_s for one in times], [one.import_s for one in times], [one.data_s for one in times]]
    parts += [[one.compile_s for one in times], [one.training_s for one in times]]
    return [
        _span(goals, format_accuracy),
        _span([one.epochs for one in times], str),
        *[format_duration(statistics.median(part)) for part in parts],
        _speedup(heats, side, lambda one: one.total_s),
        _speedup(heats, side, lambda one: one.training_s),
    ]


def _span(values: Sequence[float], text: Callable[[float], str]) -> str:
    """One value, or the smallest and the largest of several."""
    ends = dict.fromkeys([text(min(values)), text(max(values))]) if values else [NOT_MEASURED]
    return " to ".join(ends)


def _speedup(heats: Iterable[Heat], side: str, part: Callable[[Times], float]) -> str:
    """How many times as fast as `fit` a side was: the median over the heats that both sides ended."""
    ratios = [part(fit) / part(own) for heat in heats if (fit := heat.times("fit")) and (own := heat.times(side))]
    return f"{statistics.median(ratios):.2f}"
