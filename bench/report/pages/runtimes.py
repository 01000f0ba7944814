"""Markdown page that compares inference runtimes, from a stored run. Imports no framework."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_bytes, format_counted, format_difference, format_duration
from bench.records import latency
from bench.records.cases import BATCH_SIZES
from bench.records.schema.runtimes import RuntimeRecord, StartRecord
from bench.report.latency_text import EXPLANATION as LATENCY_EXPLANATION
from bench.report.latency_text import median_text, p99_text, rate_text, typical_text
from bench.report.markdown import escape, markdown_table
from bench.report.shipping import quickest_line
from models import HEADLINE, RECIPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run
    from bench.records.schema.rows import Record

RuntimeRow = RuntimeRecord | StartRecord
FOLDER = "runtimes"
"""Where the run files lie, under `results/raw/<machine>`: apart, since they hold rows of another kind."""
FIRST_PACKAGES = ("tensorflow", "onnxruntime", "ai-edge-litert", "openvino", "scikit-learn", "numpy")
"""In the caption's order; those of other runtimes follow."""
BESIDE_THE_POINT = ("keras", "onnx", "tf2onnx", "skl2onnx", "pytest-benchmark", "joblib")
"""Stored packages that answer nothing."""
EXPLANATION = (
    "In each round every runtime starts in a fresh process of its own, alone; then the runtimes of a model take turns, "
    "in drawn order, and only one process runs at a time; NumPy arrays in and out. "
    f"{LATENCY_EXPLANATION} *Start*: the median time from the "
    "start of the process to its first answer, and in brackets its parts: Python and imports, loading the model, "
    "the first answer. *Memory*: resident after that. *Size*: of the file that the runtime loads. *Accuracy*: test "
    "accuracy minus the trained model's, in percentage points, and how many of its predictions changed. A runtime "
    "in the trained model's precision may change none; one in less may lose half a point, or it is INVALID. All "
    "have the same number of threads for operators and BLAS; ONNX Runtime's spin while they wait, as by default."
)


def runtimes_page(run: Run) -> str:
    """The page of all runtimes, with a table per model."""
    recipes = list(dict.fromkeys(record.recipe for record in run.records))
    parts = ["# What to deploy: runtimes side by side", *runtimes_notices(run)]
    for recipe in recipes:
        layers = RECIPES[recipe].layers if recipe in RECIPES else ""
        parts += [
            f"## {recipe}{f' ({layers})' if layers else ''}",
            escape(quickest_line(run, recipe)),
            runtimes_table([record for record in rows_of(run) if record.recipe == recipe]),
        ]
    return "\n\n".join(part for part in (*parts, EXPLANATION, runtimes_caption(run)) if part) + "\n"


def runtimes_section(run: Run) -> str:
    """The README's section on runtimes: one model on one thread, in a narrow table."""
    records = [record for record in rows_of(run) if record.recipe == HEADLINE and record.threads == 1]
    layers = RECIPES[HEADLINE].layers
    title = f"`{HEADLINE}` ({layers}) on one thread, by runtime:"
    return "\n\n".join([*runtimes_notices(run, records), title, readme_table(records), runtimes_caption(run)])


def readme_table(records: Sequence[RuntimeRow]) -> str:
    """A table with a row per runtime, of one model on one thread: speed, start, memory, size, accuracy."""
    headers = [
        "Runtime",
        "One image, typical",
        "images/s by 1000",
        "Start",
        "Memory",
        "File",
        "Accuracy change",
    ]
    rows, same = [], _same(records, BATCH_SIZES[0])
    for (runtime, _), of_runtime in _by_runtime(records).items():
        by_batch = {record.batch_size: record for record in of_runtime if isinstance(record, RuntimeRecord)}
        start = next((record for record in of_runtime if isinstance(record, StartRecord)), None)
        if any(record.faults for record in of_runtime):
            rows.append([runtime, *["INVALID"] * 3, NOT_MEASURED, _size(of_runtime[0]), NOT_MEASURED])
            continue
        start_s = statistics.median(start.values_s) if start and start.values_s else None
        rows.append(
            [
                runtime,
                typical_text(by_batch.get(BATCH_SIZES[0]), same),
                rate_text(by_batch.get(BATCH_SIZES[2])),
                NOT_MEASURED if start_s is None else format_duration(start_s),
                _memory(start),
                _size(of_runtime[0]),
                _accuracy(of_runtime[0]).partition(",")[0],
            ]
        )
    return markdown_table(headers, rows, text_columns=(0,))


def rows_of(run: Run) -> list[RuntimeRow]:
    """The rows of runtimes of a run."""
    return [record for record in run.records if isinstance(record, (RuntimeRecord, StartRecord))]


def runtimes_notices(run: Run, records: Sequence[RuntimeRow] | None = None) -> list[str]:
    """Warnings above the tables, of the whole run or of the records that are shown."""
    shown = rows_of(run) if records is None else records
    lines = ["**Quick run: the figures say nothing about the models.**"] if run.quick else []
    lines += [] if run.complete else ["**This run was interrupted: processes of later rounds are missing.**"]
    failed = {(_title(one), fault): None for one in shown if one.status == "failed" for fault in one.faults}
    missing: dict[tuple[str, str], dict[str, None]] = {}
    for one in shown:
        for fault in one.faults if one.status == "unavailable" else ():
            missing.setdefault((one.runtime, fault), {})[one.recipe] = None
    every = {one.recipe for one in shown}
    lines += [f"**INVALID: {title}: {fault}**" for title, fault in failed]
    for (runtime, fault), recipes in missing.items():
        which = "" if every == recipes.keys() else f" of {', '.join(recipes)}"
        lines.append(f"Not measured: {runtime}{which}: {fault}")
    return [escape(line) for line in lines]


def runtimes_table(records: Sequence[RuntimeRow]) -> str:
    """A table of one model with a row per runtime and number of threads."""
    headers = [
        "Runtime",
        "Threads",
        *(f"{what}, batch {size}" for size in BATCH_SIZES[:2] for what in ("Typical", "p50", "p99")),
        f"images/s, batch {BATCH_SIZES[2]}",
        "Start (imports + loading + first answer)",
        "Memory",
        "Size",
        "Accuracy, changed predictions",
    ]
    same = [one for size in BATCH_SIZES[:2] for one in _same(records, size)]
    rows = [_row(*case, of_case, same) for case, of_case in _by_runtime(records).items()]
    return markdown_table(headers, rows, text_columns=(0,))


def runtimes_caption(run: Run) -> str:
    """Caption: data, device, machine, versions, date, command."""
    packages = dict.fromkeys([*FIRST_PACKAGES, *run.packages])
    versions = [
        f"{name} {run.packages[name]}" for name in packages if run.packages.get(name) and name not in BESIDE_THE_POINT
    ]
    rounds = max((len(record.values_s) for record in run.of(StartRecord)), default=0)
    parts = [
        f"{run.dataset}, {run.device}",
        f"{rounds} fresh process{'es' * (rounds != 1)} of each",
        f"{run.machine.cpu}, {run.machine.cpus} CPUs",
        f"Python {run.machine.python}, {', '.join(versions)}",
        run.started_at[:10],
        f"commit {run.commit}",
        f"`{run.command}`",
        f"run file `{run.file}`",
    ]
    return escape("; ".join(parts))


def _by_runtime(records: Sequence[RuntimeRow]) -> dict[tuple[str, int], list[RuntimeRow]]:
    """The available records by runtime and number of threads, in the table's order."""
    cases: dict[tuple[str, int], list[RuntimeRow]] = {}
    for record in sorted(records, key=lambda one: one.position):
        if record.status != "unavailable":
            cases.setdefault((record.runtime, record.threads), []).append(record)
    return cases


def _title(record: RuntimeRow) -> str:
    return f"{record.recipe}, {record.runtime}, {format_counted(record.threads, 'thread')}"


def _same(records: Sequence[RuntimeRow], batch_size: int) -> list[Record]:
    """The rows of a batch size that cannot be told from the fastest of them."""
    calls = [one for one in records if isinstance(one, RuntimeRecord) and one.batch_size == batch_size]
    return latency.same_as_best(calls)


def _row(runtime: str, threads: int, records: Sequence[RuntimeRow], same: Sequence[Record]) -> list[str]:
    by_batch = {record.batch_size: record for record in records if isinstance(record, RuntimeRecord)}
    start = next((record for record in records if isinstance(record, StartRecord)), None)
    if any(record.faults for record in records):
        return [runtime, str(threads), *["INVALID"] * 7, *[NOT_MEASURED] * 2, _size(records[0]), _accuracy(records[0])]
    return [
        runtime,
        str(threads),
        *(
            text
            for record in map(by_batch.get, BATCH_SIZES[:2])
            for text in (typical_text(record, same), median_text(record), p99_text(record))
        ),
        rate_text(by_batch.get(BATCH_SIZES[2])),
        _start(start),
        _memory(start),
        _size(records[0]),
        _accuracy(records[0]),
    ]


def _start(record: StartRecord | None) -> str:
    if record is None or not record.values_s:
        return NOT_MEASURED
    starts = record.starts
    parts = map(_median, (starts.import_s, starts.load_s, starts.first_s))
    shown = " + ".join(NOT_MEASURED if part is None else format_duration(part) for part in parts)
    return f"{format_duration(statistics.median(record.values_s))} ({shown})"


def _memory(record: StartRecord | None) -> str:
    value = _median(record.starts.resident_bytes) if record else None
    return NOT_MEASURED if value is None else format_bytes(round(value))


def _size(record: RuntimeRow) -> str:
    return NOT_MEASURED if record.artifact_bytes is None else format_bytes(record.artifact_bytes)


def _accuracy(record: RuntimeRow) -> str:
    parity = record.parity
    if parity and parity.max_abs_diff is not None and parity.accuracy_change is None:  # a model without labels
        return f"{format_difference(parity.max_abs_diff)}, {parity.changed_predictions or 0} changed"
    if parity is None or parity.accuracy_change is None:
        return NOT_MEASURED
    return f"{100 * parity.accuracy_change:+.2f}, {parity.changed_predictions} changed"


def _median(values: Sequence[float | None]) -> float | None:
    """The median of the values that are known; ``None`` where none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
