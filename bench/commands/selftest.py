"""`python -m bench selftest`: how often duels are wrong on this machine, and what they and other rules catch."""

from __future__ import annotations

import secrets
import sys
from contextlib import AbstractContextManager, closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from bench.commands.arguments import command_line, duel_device, duration_s
from bench.commands.paired import MEMORY_BYTES, add_duel_arguments, parse_margins
from bench.data.datasets import load_dataset
from bench.errors import ALARM, FAILED, FINE, DensebenchError
from bench.files import public_word
from bench.formats import format_counted
from bench.host.machine import machine_name
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.duels import SIDES, run_content
from bench.records.record import RunReader
from bench.records.run_file import Content, RunSeries, reserve_run_path, run_path
from bench.records.selftests import FOLDER, SelftestDuel, by_id, read_selftest_duels, to_go_on_with
from bench.report.own_pages import refresh_pages
from bench.report.pages.selftest import false_alarms, selftest_page
from bench.stats.verdicts import ALARM_ERROR
from bench.trials.duels.arena import ProcessArena, check_packages
from bench.trials.duels.cases import DEFAULT_CASES, select_cases
from bench.trials.duels.metadata import duel_metadata
from bench.trials.duels.sides import find_side, missing_environments
from bench.trials.selftest.trials import Ground, Limits, Trial, fight_trials, plan_trials

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.host.devices import Device
    from bench.records.duels import Row

DEFAULT_DUELS = 20
DEFAULT_INJECTIONS = "none,2%,5%,10%,labels:50%"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--side", default=sys.executable, help="as a duel's BASE (default: this Python)")
    parser.add_argument("--cases", help=f"names or patterns with commas between (default: {', '.join(DEFAULT_CASES)})")
    parser.add_argument(
        "--inject",
        "--plants",
        dest="injections",
        default=DEFAULT_INJECTIONS,
        help="what is injected into HEAD: none, 5%% slower, labels:50%% wrong (default: %(default)s)",
    )
    parser.add_argument("--duels", type=int, default=DEFAULT_DUELS, help="of each kind (default: %(default)s)")
    parser.add_argument("--budget", default="2m", help="of one duel: 90s, 5m or 1h (default: %(default)s)")
    parser.add_argument("--total", default="20m", help="of all; --resume goes on later (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with the newest self-test of these options")
    parser.add_argument("--seed", type=int, help="of a new self-test (default: drawn, and recorded)")
    add_duel_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fight, store each duel that has ended, and print the page.

    Returns:
        `ALARM` where the false alarms are too many for the promise of at most 1 in 100 to be true; else `FAILED` where
        a duel failed or could not be stored in its place, and `FINE` where none did.

    Raises:
        DensebenchError: an option is wrong, the side or the data cannot be had.
    """
    device, margins = duel_device(arguments.device), parse_margins(arguments)
    limits = Limits(duration_s(arguments.budget, "--budget"), duration_s(arguments.total, "--total"))
    if arguments.duels < 1 or limits.total_s < limits.duel_s:
        raise DensebenchError(
            f"--duels {arguments.duels} and --total {arguments.total} leave no time for a single duel."
        )
    trials = plan_trials(select_cases(arguments.cases, device.threads), arguments.injections, arguments.duels)
    progress = Progress(sys.stdout)
    made = missing_environments([arguments.side])
    say_needs(progress, memory_bytes=MEMORY_BYTES, results=arguments.results, environments=made)
    metadata, before = _begin(arguments, device, limits)
    done = {one.key for one in before}
    folder = _folder(arguments)
    progress.done(f"{len(trials)} duels, {len(done)} of them done; each one that ends is saved to {folder}")
    known: list[SelftestDuel] = []
    series = RunSeries(progress)
    ended: list[Trial] = []

    def kept() -> str:
        series.finish()
        where = f"{format_counted(len(before) + len(ended), 'duel')} in {folder}"
        return (
            f"Kept: {where}; the same command goes on with --resume." if before or ended else "No duel has ended yet."
        )

    def keep(trial: Trial, ground: Ground, row: Row) -> None:
        series.save(*_stored(arguments, metadata, trial, ground, row))
        ended.append(trial)

    with kept_on_interrupt(progress, kept):
        try:
            left = fight_trials(
                trials,
                done,
                _arenas(arguments, device, metadata),
                margins,
                limits,
                drawn=metadata["duel"]["seed"],
                keep=keep,
                progress=progress,
            )
            progress.done(f"{left} duels are left; --resume goes on with them." if left else "All duels are done.")
        finally:
            saved = series.finish()
            known = _conclude(arguments.results, metadata["selftest"]["id"], progress)
    if false_alarms(known).interval()[0] > ALARM_ERROR:
        return ALARM
    return FINE if all(one.counts for one in known) and saved else FAILED


def _begin(arguments: argparse.Namespace, device: Device, limits: Limits) -> tuple[dict[str, Any], list[SelftestDuel]]:
    """Metadata that all duels share, and with ``--resume`` the stored duels. Raises DensebenchError."""
    dataset, started_at = load_dataset(arguments.dataset, arguments.data_dir), datetime.now(timezone.utc)
    margins, word = parse_margins(arguments), _side_word(arguments.side)
    duel = {"base": word, "head": word, "plant": None, "seed": arguments.seed}
    own = {
        "id": f"{started_at:%Y%m%dT%H%M%SZ}",
        "budget_s": limits.duel_s,
        "margin": margins.time,
        "accuracy_margin": margins.accuracy,
    }
    metadata = duel_metadata(device, started_at, dataset, command=command_line(arguments), duel=duel, selftest=own)
    before = to_go_on_with(read_selftest_duels(arguments.results, RunReader())[0], metadata) if arguments.resume else []
    if before:
        first = before[0].metadata
        metadata["selftest"] |= {name: first["selftest"][name] for name in ("id", "drawn")}
        metadata["packages_by_side"] = first["packages_by_side"]
    drawn = secrets.randbelow(2**16) if arguments.seed is None else arguments.seed
    metadata["duel"]["seed"] = metadata["selftest"].setdefault("drawn", drawn)
    return metadata, before


def _arenas(
    arguments: argparse.Namespace, device: Device, metadata: Mapping[str, Any]
) -> Callable[[Trial], AbstractContextManager[Ground]]:
    """Returns a function that makes a trial's processes: the same side twice, HEAD with the injection."""
    side = find_side(arguments.side)
    timeout_s = duration_s(arguments.time_limit, "--time-limit")

    def arena(trial: Trial) -> AbstractContextManager[ProcessArena]:
        sides, seed = dict.fromkeys(SIDES, side), trial.seed(metadata["duel"]["seed"])
        return closing(
            ProcessArena(sides, arguments.dataset, arguments.data_dir, device.threads, seed, trial.injection, timeout_s)
        )

    return arena


def _stored(
    arguments: argparse.Namespace, metadata: dict[str, Any], trial: Trial, ground: Ground, row: Row
) -> tuple[Path, Content]:
    """The run file of a duel that has ended: its path and its content.

    Raises:
        DensebenchError: the side has changed since the first duel.
    """
    check_packages(metadata["packages_by_side"], ground.packages)
    metadata["packages_by_side"] = {**metadata["packages_by_side"], **ground.packages}
    ended_at = datetime.now(timezone.utc)
    own = {
        **metadata,
        "started_at": ended_at.isoformat(timespec="seconds"),
        "packages": metadata["packages_by_side"].get(SIDES[1], {}),
        "duel": {**metadata["duel"], "plant": trial.injection, "seed": trial.seed(metadata["duel"]["seed"])},
        "selftest": {**metadata["selftest"], "number": trial.number},
    }
    label = f"{metadata['dataset']}-{metadata['device'].replace(':', '')}-selftest"
    path = run_path(arguments.results, f"{machine_name()}/{FOLDER}", label, ended_at)
    return path, run_content([row], own, complete=True)


def _conclude(results: Path, name: str, progress: Progress) -> list[SelftestDuel]:
    """The duels of this self-test as they are stored; their page is printed, and the stored one made anew."""
    reader = RunReader()
    known = by_id(read_selftest_duels(results, reader)[0]).get(name, [])
    if known:
        progress.done(f"\n{selftest_page(known)}")
        progress.done("\n  ".join(["Wrote:", *refresh_pages(results, "selftest", reader)]))
    return known


def _folder(arguments: argparse.Namespace) -> Path:
    """The folder of the duels' run files. Raises DensebenchError where nothing can be written to it."""
    return _reserve(arguments, "selftest", datetime.now(timezone.utc)).parent


def _reserve(arguments: argparse.Namespace, label: str, started_at: datetime) -> Path:
    return reserve_run_path(arguments.results, f"{machine_name()}/{FOLDER}", label, started_at)


def _side_word(word: str) -> str:
    """The side's name without the folders of this machine."""
    return "this Python" if word == sys.executable else public_word(word)
