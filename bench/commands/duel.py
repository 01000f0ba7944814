"""`python -m bench duel BASE HEAD`: two environments against each other, interleaved, until each row is settled."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from time import monotonic
from typing import Any

from bench.commands.arguments import add_common, command_line, duration_s, names, public_word, share
from bench.data.datasets import load_dataset
from bench.errors import ALARM, FAILED, FINE, UNTOLD, DensebenchError
from bench.files import short
from bench.formats import format_counted
from bench.host.devices import Device, parse_device
from bench.host.machine import machine_name
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.duels import FOLDER, SIDES, Margins, Row, outcomes, read_duel, run_content
from bench.records.injection import parse_injection
from bench.records.run_file import DEFAULT_RESULTS, Content, RunWriter, reserve_run_path
from bench.report.pages.duel_table import VERDICTS, duel_page, verdicts
from bench.stats.verdicts import CANNOT_TELL
from bench.trials.duels.arena import SIDE_TIMEOUT_S, ProcessArena, check_packages
from bench.trials.duels.cases import DEFAULT_CASES, select_cases
from bench.trials.duels.duel import LARGEST_SEED, fight, scout_all
from bench.trials.duels.metadata import duel_metadata
from bench.trials.duels.sides import find_side, missing_environments

DEFAULT_FAIL_ON = "slower,worse,missing"
MEMORY_BYTES = 2_500_000_000
"""Of both sides at the same time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("base", metavar="BASE", help="tox environment, requirement, or path to a Python interpreter")
    parser.add_argument("head", metavar="HEAD", help="likewise; the one that is judged")
    parser.add_argument("--cases", help=f"names or patterns with commas between (default: {', '.join(DEFAULT_CASES)})")
    parser.add_argument("--budget", default="5m", help="90s, 3m30s or 1h (default: 5m); a settled duel ends sooner")
    parser.add_argument("--fail-on", default=DEFAULT_FAIL_ON, help=f"what exits with 1 (default: {DEFAULT_FAIL_ON})")
    parser.add_argument("--seed", type=int, help="of trainings and orders (default: drawn, and recorded)")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on with the duel of this run file")
    add_duel_arguments(parser)
    parser.add_argument("--inject", "--plant", dest="injection", help=argparse.SUPPRESS)  # HEAD made worse


def add_duel_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that all commands with duels share."""
    parser.add_argument("--margin", default="3%", help="what still counts as the same time (default: 3%%)")
    parser.add_argument("--accuracy-margin", default="1%", help="likewise in points of accuracy (default: 1%%)")
    add_common(parser, "device", "dataset", "data-dir")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")
    parser.add_argument("--time-limit", default=f"{SIDE_TIMEOUT_S:.0f}s", help="after which a silent side is ended")


def run(arguments: argparse.Namespace) -> int:
    """Fight, save after each block, and print the page; the exit status that the verdicts call for.

    Raises:
        DensebenchError: an option is wrong, a side or the data cannot be had, or the duel to go on with is another one.
    """
    device, margins, fail_on = duel_device(arguments.device), parse_margins(arguments), parse_fail_on(arguments.fail_on)
    budget_s, timeout_s = duration_s(arguments.budget, "--budget"), duration_s(arguments.time_limit, "--time-limit")
    cases = select_cases(arguments.cases, device.threads)
    parse_injection(arguments.injection)
    progress = Progress(sys.stdout)
    metadata, rows = _begin(arguments, device, [Row(case) for case in cases])
    given = (arguments.base, arguments.head)
    say_needs(progress, memory_bytes=MEMORY_BYTES, results=arguments.results, environments=missing_environments(given))
    sides = {side: find_side(word) for side, word in zip(SIDES, given, strict=True)}
    seed = metadata["duel"]["seed"]
    arena = ProcessArena(
        sides, arguments.dataset, arguments.data_dir, device.threads, seed, arguments.injection, timeout_s
    )
    writer = RunWriter(_reserve(arguments, metadata), progress)

    def content(*, complete: bool) -> Content:
        return run_content(rows, metadata, complete=complete)

    def save() -> None:
        writer.save(content(complete=False))

    progress.done(f"each finished block is saved to {writer.path}; --resume goes on from there")

    def kept() -> str:
        blocks = sum(len(row.blocks) for row in rows)
        if not blocks:
            return "No block was complete, so nothing is kept."
        where = f"{format_counted(blocks, 'block')} in {writer.path}"
        return f"Kept: {where}; the same command goes on with `--resume {writer.path}`."

    start_s = monotonic()
    with kept_on_interrupt(progress, kept), closing(arena):
        scout_all(rows, arena, progress)
        check_packages(metadata["packages_by_side"], arena.packages)
        metadata["packages_by_side"] |= arena.packages
        metadata["packages"] = metadata["packages_by_side"].get(SIDES[1], {})
        save()
        rest_s = budget_s - (monotonic() - start_s)
        fight(rows, arena, margins, seed=seed, budget_s=rest_s, save=save, progress=progress, clock=monotonic)
    found = outcomes(rows, margins)
    progress.done(f"\n{duel_page(rows, found, margins, metadata)}\n")
    if writer.finish(content(complete=True)):
        progress.done(f"Wrote:\n  {short(writer.path)}")
    words = [word for _, word in verdicts(rows, found)]
    return exit_status(words if writer.error is None and not writer.rescued else [*words, "failed"], fail_on)


def _begin(arguments: argparse.Namespace, device: Device, rows: list[Row]) -> tuple[dict[str, Any], list[Row]]:
    """Metadata and rows of a duel before its first block; with ``--resume``, the stored blocks."""
    if not 0 <= (seed := arguments.seed or 0) <= LARGEST_SEED:
        raise DensebenchError(f"--seed {seed} is no seed: a whole number from 0 up to {LARGEST_SEED} is.")
    dataset = load_dataset(arguments.dataset, arguments.data_dir)
    duel = {
        "base": public_word(arguments.base),
        "head": public_word(arguments.head),
        "plant": arguments.injection,
        "seed": secrets.randbelow(2**16) if arguments.seed is None else seed,
    }
    metadata = duel_metadata(device, datetime.now(timezone.utc), dataset, command=command_line(arguments), duel=duel)
    return _resume(arguments, metadata, rows) if arguments.resume else (metadata, rows)


def _resume(
    arguments: argparse.Namespace, metadata: dict[str, Any], rows: Sequence[Row]
) -> tuple[dict[str, Any], list[Row]]:
    """The stored duel, where it is the one that was asked for; what went wrong in it is tried again."""
    stored, old_rows = read_duel(arguments.resume)
    now = {"cases": [row.case.name for row in rows], **_identity(metadata)}
    before = {"cases": [row.case.name for row in old_rows], **_identity(stored)}
    if arguments.seed is None:
        now["seed"] = before["seed"]
    differing = [
        f"{name} {before[name]!r}, now {now[name]!r}"
        for name in now
        if _in_any_order(before[name]) != _in_any_order(now[name])
    ]
    if differing:
        raise DensebenchError(f"--resume {arguments.resume}: that duel is another one: {'; '.join(differing)}.")
    for row in old_rows:
        row.failed, row.missing = None, {}
    kept = {name: stored[name] for name in ("duel", "packages_by_side", "started_at", "command")}
    return {**metadata, **kept}, old_rows


def _identity(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that must be equal for a stored duel to be resumed."""
    return {
        **metadata["duel"],
        **{name: metadata[name] for name in ("dataset", "dataset_sha256", "device", "threads")},
        "machine": metadata["machine"]["name"],
    }


def _in_any_order(value: Any) -> Any:
    """A list sorted, anything else as it is."""
    return sorted(value) if isinstance(value, list) else value


def _reserve(arguments: argparse.Namespace, metadata: Mapping[str, Any]) -> Path:
    started_at = datetime.fromisoformat(metadata["started_at"])
    label = f"{metadata['dataset']}-{metadata['device'].replace(':', '')}-duel"
    path = reserve_run_path(arguments.results, f"{machine_name()}/{FOLDER}", label, started_at)
    return arguments.resume.absolute() if arguments.resume else path


def duel_device(text: str) -> Device:
    """Parse ``--device``; duels run on CPUs only. Raises DensebenchError."""
    device = parse_device(text)
    if device.kind != "cpu":
        raise DensebenchError(f"--device {text!r}: duels run on cpu or cpu:N only.")
    return device


def parse_margins(arguments: argparse.Namespace) -> Margins:
    """The margins that the user asked for. Raises DensebenchError."""
    return Margins(share(arguments.margin, "--margin"), share(arguments.accuracy_margin, "--accuracy-margin"))


def parse_fail_on(text: str, known: Sequence[str] = VERDICTS) -> list[str]:
    """The verdicts that the user wants to fail on; none of them for an empty text. Raises DensebenchError."""
    return names(text, known, "verdict") if text else []


FAILURE = "failed"
NO_VERDICT = (CANNOT_TELL, "missing", "new", "not comparable")


def exit_status(words: Sequence[str], fail_on: Sequence[str]) -> int:
    """`ALARM` where a word of `fail_on` was found; else `FAILED` or `UNTOLD` where there is such a word."""
    if any(word in fail_on for word in words):
        return ALARM
    if FAILURE in words:
        return FAILED
    return UNTOLD if any(word in NO_VERDICT for word in words) else FINE
