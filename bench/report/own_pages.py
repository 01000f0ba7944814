"""Pages of the user's own runs, written after each command; never the published ones."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from bench.files import short, write_changed
from bench.records.record import Run, RunFileError, RunReader
from bench.records.run_file import PUBLISHED
from bench.records.schema.suite import InferRecord, TrainRecord
from bench.records.selection import is_whole
from bench.report.pins import FILE, Pin, read_pins
from bench.report.registry import KINDS, read_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bench.progress import Progress
    from bench.records.schema.rows import Record

NOTABLE = 1.25
"""A factor between a run and the published one that is worth a word."""
STAGES = {"train": "training", "infer": "calls of ONNX Runtime"}


def refresh_pages(results: Path, kind: str, reader: RunReader, run: Run | None = None) -> list[str]:
    """Make the pages of a kind anew from all runs in a folder, and return the lines that the command prints.

    Args:
        results: the folder that holds `raw`; one with a `published.toml` is left as it is.
        kind: a key of `KINDS`.
        reader: what the command reads run files with.
        run: the new run; if a fuller run is shown in its place, a line says so.
    """
    if read_pins(results) is not None:
        return [
            f"{short(results / 'tables')}: unchanged, made from {FILE}; `python -m bench report --publish` changes it"
        ]
    shown = read_shown(results, reader)
    found, pages = shown.kinds[kind], KINDS[kind].pages
    lines = [f"skipped: {warning}" for warning in shown.warnings] + write_pages(results, pages(found))
    if run is None or kind == "devices":
        return lines
    fuller = [one for one in found if one.dataset == run.dataset and one.file != run.file]
    return lines + [
        f"{short(results / 'tables' / name)}.md: unchanged, a fuller run is shown ({one.file})"
        for one in fuller
        for name in pages([one])
    ]


def print_stored(path: Path, results: Path, kind: str, page: Callable[[Run], str], progress: Progress) -> None:
    """Print the page of a run that was just stored, make the pages of its kind anew, and print what was written."""
    reader = RunReader()
    run = reader.read(path)
    written = [short(path), *refresh_pages(results, kind, reader, run)]
    progress.done(page(run))
    progress.done("\n  ".join(["Wrote:", *written]))


def write_pages(results: Path, pages: Mapping[str, str]) -> list[str]:
    """Write pages, given by name, as ``results/tables/<name>.md``, and return the paths of those that changed.

    Raises:
        OSError: a page could not be written; its old file is kept.
    """
    return write_changed(results / "tables", {f"{name}.md": text.encode() for name, text in pages.items()})


def beside_published(run: Run, reader: RunReader, published: Path = PUBLISHED) -> list[str]:
    """Compare a run's times with the published run's on the same kind of machine; lines only where they differ much.

    A line each for what differs and for the signs of disturbance that the run has stored; none where the times are
    alike, or where no run was published on such a machine.
    """
    other = _published_run(run, reader, published)
    if other is None or not is_whole(run):
        return []
    ratios = {stage: _ratio(run.records, other.records, stage) for stage in STAGES}
    notable = [
        f"{STAGES[stage]} took {ratio:.1f} times as long"
        if ratio > 1
        else f"{STAGES[stage]} took {ratio:.2f} of the time"
        for stage, ratio in ratios.items()
        if ratio is not None and not 1 / NOTABLE < ratio < NOTABLE
    ]
    if not notable:
        return []
    day = other.started_at[:10]
    line = f"Beside the published run on such a machine ({day}, {other.file}): {'; '.join(notable)}."
    return [line, f"{_disturbance(run)} `python -m bench doctor` tells what disturbs this machine now."]


def _published_run(run: Run, reader: RunReader, published: Path) -> Run | None:
    pins = read_pins(published) or {}
    for name in pins.get("suite", Pin()).runs:
        for path in (published / "raw").glob(f"{run.machine.name}/{name}.json"):
            try:
                other = reader.read(path)
            except RunFileError:
                continue
            if _alike(other) == _alike(run):
                return other
    return None


def _alike(run: Run) -> tuple[Any, ...]:
    return run.machine.name, run.dataset, run.device, run.threads, run.trainer, run.backend


def _ratio(ours: Sequence[Record], theirs: Sequence[Record], stage: str) -> float | None:
    """The median ratio of our median time to theirs over common cases; ``None`` if there are none."""
    known = {one.case: one.median_s for one in theirs if one.stage == stage and one.values_s and not one.faults}
    logs = [
        math.log(one.median_s / known[one.case])
        for one in ours
        if one.stage == stage and one.values_s and one.case in known
    ]
    return math.exp(statistics.median(logs)) if logs else None


def _disturbance(run: Run) -> str:
    """The interference that the rows of a run have stored, as a sentence."""
    rows: list[TrainRecord | InferRecord] = [*run.of(TrainRecord), *run.of(InferRecord)]
    stored = [row.interference for row in rows if row.interference]
    stolen_s = sum(one.steal_s or 0 for one in stored)
    switches = sum(one.involuntary_context_switches for one in stored)
    load = max((one.load_1min_before for one in stored), default=0)
    signs = [f"{stolen_s:.1f} s of CPU time stolen by the hypervisor"] if stolen_s >= 1 else []
    signs += [f"{switches:,.0f} involuntary context switches"] if switches else []
    signs += [f"a load of {load:.1f}"] if load > (run.machine.cpus or 1) else []
    if not signs:
        return "The run has no sign of disturbance; a core of a shared machine can still run at half its speed."
    return f"Signs of disturbance in this run: {', '.join(signs)}."
