"""The runtimes' page: a stored run goes in, Markdown comes out. No framework is imported."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from bench.formats import format_bytes, format_counted, format_duration
from bench.records import Record, Run, read_runs
from bench.tables import NOT_MEASURED, escape, latency, markdown_table, rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bench.files import Pages

FOLDER = "runtimes"
"""Where the run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""
NEEDS = {"position": int, "status": str, "runtime": str}
"""What is stored beside every row of such a run."""
PUBLISHED_DATASET = "fashion_mnist"
README_RECIPE = "deep_mlp"
BATCH_SIZES = (1, 32, 1000)
EXPLANATION = (
    "Each runtime answers in fresh processes of its own, one at a time, in an order drawn for each round; NumPy "
    "arrays in and out. *p50*, *p99*: of single calls (p99 from 662 timings on). *Start*: the median time from the "
    "start of the process to its first answer, and in brackets its parts: Python and imports, loading the model, "
    "the first answer. *Memory*: resident after that. *Size*: of the file that the runtime loads. *Accuracy*: test "
    "accuracy minus the trained model's, in percentage points, and how many of its predictions changed. A runtime "
    "in the trained model's precision may change none; one in less may lose half a point, or it is INVALID. All "
    "have the same number of threads for operators and BLAS; ONNX Runtime's spin while they wait, as by default."
)


def runtimes_page(run: Run) -> str:
    """All that a run measured, a table per model."""
    recipes = list(dict.fromkeys(record.recipe for record in run.records))
    parts = ["# What to deploy: runtimes side by side", *runtimes_notices(run)]
    for recipe in recipes:
        parts += [f"## {recipe}", runtimes_table([record for record in run.records if record.recipe == recipe])]
    return "\n\n".join([*parts, EXPLANATION, runtimes_caption(run)]) + "\n"


def runtimes_section(run: Run) -> str:
    """The README's part of it: one model on one thread."""
    records = [record for record in run.records if record.recipe == README_RECIPE and record.threads == 1]
    return "\n\n".join([*runtimes_notices(run), runtimes_table(records), runtimes_caption(run)])


def runtimes_notices(run: Run) -> list[str]:
    """What a reader must know before believing the tables."""
    lines = ["**Quick run: the figures say nothing about the models.**"] if run.quick else []
    lines += [] if run.complete else ["**This run was interrupted: processes of later rounds are missing.**"]
    failed = {
        (_title(one), fault): None for one in run.records if one.papers["status"] == "failed" for fault in one.faults
    }
    missing = {
        (one.papers["runtime"], fault): None
        for one in run.records
        if one.papers["status"] == "unavailable"
        for fault in one.faults
    }
    lines += [f"**INVALID: {title}: {fault}**" for title, fault in failed]
    lines += [f"Not measured: {runtime}: {fault}" for runtime, fault in missing]
    return [escape(line) for line in lines]


def runtimes_table(records: Sequence[Record]) -> str:
    """A row per runtime and number of threads, of one model."""
    headers = [
        "Runtime",
        "Threads",
        *(f"p50 / p99, batch {size}" for size in BATCH_SIZES[:2]),
        f"images/s, batch {BATCH_SIZES[2]}",
        "Start (imports + loading + first answer)",
        "Memory",
        "Size",
        "Accuracy, changed predictions",
    ]
    cases: dict[tuple[str, int], list[Record]] = {}
    for record in sorted(records, key=lambda one: one.position):
        if record.papers["status"] != "unavailable":
            cases.setdefault((record.papers["runtime"], record.threads), []).append(record)
    return markdown_table(headers, [_row(*case, rows) for case, rows in cases.items()], text_columns=(0,))


def runtimes_caption(run: Run) -> str:
    """What was measured on what, when, and with which command."""
    packages = ("tensorflow", "onnxruntime", "ai-edge-litert", "openvino", "scikit-learn", "numpy")
    versions = [f"{name} {run.packages[name]}" for name in packages if run.packages.get(name)]
    rounds = max((len(record.values_s) for record in run.records if record.stage == "start"), default=0)
    parts = [
        f"{run.dataset}, {run.device}",
        f"{rounds} fresh process{'es' * (rounds != 1)} of each",
        f"{run.machine.get('cpu')}, {run.machine.get('cpus')} CPUs",
        f"Python {run.machine.get('python')}, {', '.join(versions)}",
        run.started_at[:10],
        f"commit {run.commit}",
        f"`{run.command}`",
        f"run file `{run.file}`",
    ]
    return escape("; ".join(parts))


def choose_runtimes_run(runs: Iterable[Run]) -> Run | None:
    """The run that the page shows: of those with most rows, the newest; quick ones and other data sets never."""
    shown = [run for run in runs if run.dataset == PUBLISHED_DATASET and not run.quick]
    return max(shown, key=lambda run: (sum(not one.faults for one in run.records), run.started_at), default=None)


def make_runtimes_page(results: Path) -> Pages:
    """The page `runtimes`, if there is a run to show."""
    run, complaints = published_runtimes_run(results)
    return ({"runtimes": runtimes_page(run)} if run else {}), complaints


def published_runtimes_run(results: Path) -> tuple[Run | None, list[str]]:
    """The stored run that the page shows, if there is one, and a line for each file that could not be read."""
    runs, complaints = read_runs(results, FOLDER, NEEDS)
    return choose_runtimes_run(runs), complaints


def _title(record: Record) -> str:
    return f"{record.recipe}, {record.papers['runtime']}, {format_counted(record.threads, 'thread')}"


def _row(runtime: str, threads: int, records: Sequence[Record]) -> list[str]:
    by_batch = {record.batch_size: record for record in records if record.stage == "runtime"}
    start = next((record for record in records if record.stage == "start"), None)
    if any(record.faults for record in records):
        return [runtime, str(threads), *["INVALID"] * 3, *[NOT_MEASURED] * 2, _size(records[0]), _accuracy(records[0])]
    return [
        runtime,
        str(threads),
        *(latency(by_batch.get(size)) for size in BATCH_SIZES[:2]),
        rate(by_batch.get(BATCH_SIZES[2])),
        _start(start),
        _memory(start),
        _size(records[0]),
        _accuracy(records[0]),
    ]


def _start(record: Record | None) -> str:
    if record is None or not record.values_s:
        return NOT_MEASURED
    parts = (_median(record, name) for name in ("import_s", "load_s", "first_s"))
    shown = " + ".join(NOT_MEASURED if part is None else format_duration(part) for part in parts)
    return f"{format_duration(statistics.median(record.values_s))} ({shown})"


def _memory(record: Record | None) -> str:
    value = _median(record, "resident_bytes") if record else None
    return NOT_MEASURED if value is None else format_bytes(round(value))


def _size(record: Record) -> str:
    size = record.papers.get("artifact_bytes")
    return format_bytes(size) if isinstance(size, int) else NOT_MEASURED


def _accuracy(record: Record) -> str:
    parity: Any = record.papers.get("parity") or {}
    change, changed = parity.get("accuracy_change"), parity.get("changed_predictions")
    if not isinstance(change, (int, float)):
        return NOT_MEASURED
    return f"{100 * change:+.2f}, {changed} changed"


def _median(record: Record, name: str) -> float | None:
    starts = record.papers.get("starts") or {}
    values = [value for value in starts.get(name, []) if isinstance(value, (int, float))]
    return statistics.median(values) if values else None
