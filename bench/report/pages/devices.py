"""The table across devices: stored runs of the suite go in, Markdown comes out."""

from __future__ import annotations

import math
import shlex
import statistics
from typing import TYPE_CHECKING

from bench.data.datasets import PUBLISHED_DATASET
from bench.formats import NOT_MEASURED, format_accuracy, format_counted, percent
from bench.records import latency
from bench.records.cases import DEFAULT_BACKEND, case_name
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.records.selection import is_whole
from bench.report.latency_text import invalid_or_missing, rate_text, typical_text
from bench.report.markdown import escape, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.records.record import Run
    from bench.records.schema.rows import Record

BASE = (DEFAULT_BACKEND, "cpu:1")
FEWEST_DEVICES = 2
EXPLANATION = (
    "One process per backend and device, one after the other. *Train images/s* as in the results table; *batch 1* and "
    "*batch 1000* are ONNX Runtime's calls with all threads of the device, on what that backend exported. In brackets: "
    f"how many times as fast as {BASE[0]} on `{BASE[1]}`: of calls with its 95 % interval; a training is one process, "
    "and two of them differ by a tenth and more. *Proof*: where the trained model's output lived, as the "
    "framework says, and the nodes of the exported graph that each execution provider of ONNX Runtime ran; a row that "
    "ran elsewhere than claimed is INVALID."
)


def devices_page(runs: Sequence[Run]) -> str:
    """The page of all devices, from one run per device."""
    parts = [
        "# Across backends and devices",
        *devices_notices(runs),
        devices_table(runs),
        EXPLANATION,
        devices_caption(runs),
    ]
    return "\n\n".join(parts) + "\n"


def devices_notices(runs: Sequence[Run]) -> list[str]:
    """Warnings above the table."""
    faults = {
        f"**INVALID on {run.backend}, {run.device}: {record.recipe}: {fault.removeprefix(f'{record.case}: ')}**": None
        for run in runs
        for record in run.records
        for fault in record.faults
    }
    return [escape(line) for line in faults]


def devices_table(runs: Sequence[Run]) -> str:
    """A table with a row per model and device, in the order of the runs."""
    base = {record.case: record for run in runs if (run.backend, run.device) == BASE for record in run.records}
    headers = [
        "Model",
        "Backend",
        "Device",
        "Test accuracy",
        "Train images/s",
        "Batch 1, typical",
        "Batch 1000, images/s",
        "Proof: training, nodes",
    ]
    recipes = dict.fromkeys(record.recipe for run in runs for record in run.records)
    rows = [_row(recipe, run, base) for recipe in recipes for run in runs]
    return markdown_table(headers, rows, text_columns=(0, 1, 2, 7))


def devices_caption(runs: Sequence[Run]) -> str:
    """Caption: data, devices, machine, versions, date, commands."""
    newest = runs[-1]
    days = sorted({run.started_at[:10] for run in runs})
    parts = [
        newest.dataset,
        ", ".join(dict.fromkeys(f"{run.device} ({format_counted(run.threads, 'thread')})" for run in runs)),
        f"{newest.machine.cpu}, {newest.machine.cpus} CPUs",
        f"TensorFlow {newest.packages.get('tensorflow')}, ONNX Runtime {newest.packages.get('onnxruntime')}",
        " to ".join(dict.fromkeys([days[0], days[-1]])),
        f"commit {', '.join(dict.fromkeys(run.commit for run in runs))}",
        *(f"`{command}`" for command in _commands(runs)),
        f"run files {', '.join(f'`{run.file}`' for run in runs)}",
    ]
    return escape("; ".join(parts))


def _commands(runs: Sequence[Run]) -> list[str]:
    """The commands that make the runs again, one for all runs with the same options."""
    asked: dict[tuple[str, ...], list[str]] = {}
    for run in runs:
        words = [word for word in shlex.split(run.command)[3:] if not word.startswith(("--backend", "--device"))]
        backends = asked.setdefault(tuple(words), [])
        backends += [run.backend] if run.backend not in backends else []
    return [
        " ".join(
            ["python -m bench devices --device all --backend", ",".join(backends), *(["--", *words] if words else [])]
        )
        for words, backends in asked.items()
    ]


def select_device_runs(runs: Iterable[Run]) -> list[Run]:
    """The newest whole run of each backend and device on the machine with most of them, in display order."""
    shown: dict[str, dict[tuple[str, str], Run]] = {}
    for run in sorted(runs, key=lambda one: one.started_at):
        if run.dataset == PUBLISHED_DATASET and is_whole(run):
            shown.setdefault(str(run.machine.name), {})[run.backend, run.device] = run
    most = max(shown.values(), key=len, default={})
    return sorted(most.values(), key=_position)


def devices_pages(runs: Sequence[Run]) -> dict[str, str]:
    """The page `devices` by its name; empty without runs of several devices."""
    return {"devices": devices_page(runs)} if len(runs) >= FEWEST_DEVICES else {}


def _position(run: Run) -> tuple[object, ...]:
    return not run.device.startswith("cpu"), run.threads, run.device, run.backend != BASE[0], run.backend


def _row(recipe: str, run: Run, base: Mapping[str, Record]) -> list[str]:
    train = next((record for record in run.of(TrainRecord) if record.recipe == recipe), None)
    single, many = (_find_calls(run, recipe, size) for size in (1, 1000))
    return [
        recipe,
        run.backend,
        run.device,
        _accuracy(train),
        _cell(train, _base(base, recipe, None), rate=True),
        _cell(single, _base(base, recipe, 1), rate=False),
        _cell(many, _base(base, recipe, 1000), rate=True),
        _proof(train, single),
    ]


def _find_calls(run: Run, recipe: str, batch_size: int) -> InferRecord | None:
    """The calls of a model by a batch size, with the run's number of threads, if there are any."""
    wanted = (recipe, batch_size, run.threads)
    found = (record for record in run.of(InferRecord) if (record.recipe, record.batch_size, record.threads) == wanted)
    return next(found, None)


def _base(base: Mapping[str, Record], recipe: str, batch_size: int | None) -> Record | None:
    """The base run's calls of a batch size on one thread, or its training where there is none."""
    if batch_size is not None:
        return base.get(case_name("infer", recipe, batch=batch_size, threads=1))
    return next((one for one in base.values() if (one.recipe, one.stage) == (recipe, "train")), None)


def _cell(record: Record | None, base: Record | None, *, rate: bool) -> str:
    if record is None or record.faults or not record.values_s:
        return invalid_or_missing(record)
    shown = rate_text(record) if rate else typical_text(record)
    if base is None or base.faults or not base.images_per_s:
        return shown
    return f"{shown} ({_ratio(record, base)})"


def _ratio(record: Record, base: Record) -> str:
    """How many times as fast as the base: with its interval where both were visited, else to one decimal."""
    ours, theirs = latency.typical(record), latency.typical(base)
    if not (ours and theirs and ours.half_width and theirs.half_width):
        return f"{(record.images_per_s or 0) / (base.images_per_s or 1):.1f}×"
    times = record.batch_size * theirs.value / (base.batch_size * ours.value)
    return f"{times:.2f}× ± {percent(math.hypot(ours.half_width, theirs.half_width))}"


def _accuracy(record: TrainRecord | None) -> str:
    if record is None or not record.test_accuracies:
        return NOT_MEASURED
    return "INVALID" if record.faults else format_accuracy(statistics.fmean(record.test_accuracies))


def _proof(train: TrainRecord | None, infer: InferRecord | None) -> str:
    where = ", ".join(dict.fromkeys(train.placed_on)) if train else ""
    nodes = infer.nodes if infer and infer.nodes else {}
    ran = ", ".join(f"{count} by {name}" for name, count in nodes.items())
    return f"{where or NOT_MEASURED}; {ran or NOT_MEASURED}"
