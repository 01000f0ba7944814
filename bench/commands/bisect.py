"""`python -m bench bisect --good 2.15 --bad 2.21 --case 'train[deep_mlp]'`: the release in which a case changed."""

from __future__ import annotations

import argparse
import secrets
import sys
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.arguments import command_line, duel_device, duration_s
from bench.commands.paired import MEMORY_BYTES, add_duel_arguments, parse_margins
from bench.data.datasets import Dataset, load_dataset
from bench.errors import ALARM, FAILED, FINE, UNTOLD, DensebenchError
from bench.files import short
from bench.formats import NOT_MEASURED, format_counted
from bench.host.machine import machine_name
from bench.host.resources import say_needs
from bench.progress import Progress, kept_on_interrupt
from bench.records.bisections import CHANGED, UNCHANGED, Found, Step
from bench.records.duels import FOLDER, SIDES, Margins, Outcome, Row, outcomes, run_content
from bench.records.known_releases import releases_between
from bench.records.run_file import RunSeries, reserve_run_path, run_path
from bench.report.markdown import ratio_text
from bench.report.pages.bisection import bisection_page
from bench.stats.verdicts import CANNOT_TELL, Finding
from bench.trials.duels.arena import ProcessArena
from bench.trials.duels.cases import select_cases
from bench.trials.duels.duel import fight_alone
from bench.trials.duels.metadata import duel_metadata
from bench.trials.duels.search import search
from bench.trials.duels.sides import find_side, missing_environments

if TYPE_CHECKING:
    from bench.host.devices import Device
    from bench.records.cases import Case
    from bench.records.known_releases import Release

KINDS = ("time", "accuracy")
DEFAULT_BUDGET = "5m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--good", required=True, metavar="RELEASE", help="before the change: 2.15 or tf215")
    parser.add_argument("--bad", required=True, metavar="RELEASE", help="after the change")
    parser.add_argument("--case", required=True, help="one case: 'train[deep_mlp,trainer=fit]'")
    parser.add_argument("--look-for", choices=KINDS, default=KINDS[0], help="a change of which (default: %(default)s)")
    parser.add_argument("--budget", default=DEFAULT_BUDGET, help="of each duel (default: %(default)s)")
    add_duel_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Search, store each duel, and print what was found.

    Returns:
        `FINE` where the case did not change, `ALARM` where one release changed it; where that cannot be told or is a
        range, `FAILED` if a duel failed and `UNTOLD` otherwise.

    Raises:
        DensebenchError: an option is wrong, or the data cannot be had.
    """
    device, margins = duel_device(arguments.device), parse_margins(arguments)
    releases = releases_between(arguments.good, arguments.bad)
    cases = select_cases(arguments.case, device.threads)
    if len(cases) != 1 or (arguments.look_for == "accuracy" and cases[0].stage != "train"):
        raise DensebenchError(
            f"--case {arguments.case!r} must name one case, and its {arguments.look_for} must be measured."
        )
    duration_s(arguments.budget, "--budget")
    duration_s(arguments.time_limit, "--time-limit")
    dataset = load_dataset(arguments.dataset, arguments.data_dir)
    progress = Progress(sys.stdout)
    say_needs(
        progress,
        memory_bytes=MEMORY_BYTES,
        results=arguments.results,
        environments=missing_environments(one.environment for one in releases),
    )
    folder = f"{machine_name()}/{FOLDER}"
    reserve_run_path(arguments.results, folder, "duel", datetime.now(timezone.utc))
    fighter = Fighter(arguments, device, cases[0], dataset, margins, progress, RunSeries(progress))
    with kept_on_interrupt(progress, fighter.kept):
        found = search(releases, fighter.step)
    saved = fighter.series.finish()
    progress.done(f"\n{bisection_page(cases[0].name, found)}\n")
    return exit_status(found) if saved else FAILED


def exit_status(found: Found) -> int:
    """The exit status that an answer calls for."""
    if found.steps[0].word in UNCHANGED:
        return FINE
    if found.after and not found.between:
        return ALARM
    return FAILED if any(step.word == "failed" for step in found.steps) else UNTOLD


@dataclass(frozen=True, slots=True)
class Fighter:
    """The settings that all duels of a search share.

    Attributes:
        series: saves their run files.
        paths: where those of its duels so far are.
    """

    arguments: argparse.Namespace
    device: Device
    case: Case
    dataset: Dataset
    margins: Margins
    progress: Progress
    series: RunSeries
    paths: list[Path] = field(default_factory=list)

    def kept(self) -> str:
        """One line: which duels a stopped search has kept."""
        self.series.finish()
        if not self.paths:
            return "No duel has begun, so nothing is kept."
        count = format_counted(len(self.paths), "duel")
        return f"Kept: {count} in {self.paths[-1].parent}; the same command begins the search anew."

    def step(self, base: Release, head: Release) -> Step:
        """One duel of two releases, stored; a release that has no environment or no such case is told in its step."""
        self.progress.done(f"{self.case.name}: {base.name} against {head.name}")
        row, metadata = Row(self.case, wanted=self.arguments.look_for), self._metadata(base, head)
        try:
            sides = {side: find_side(one.environment) for side, one in zip(SIDES, (base, head), strict=True)}
        except DensebenchError as error:
            return Step(base, head, "failed", NOT_MEASURED, str(error))
        with closing(self._arena(sides, metadata["duel"]["seed"])) as arena:
            complete = False
            try:
                fight_alone(
                    row,
                    arena,
                    self.margins,
                    seed=metadata["duel"]["seed"],
                    budget_s=duration_s(self.arguments.budget, "--budget"),
                    progress=self.progress,
                )
                complete = True
            finally:
                metadata["packages_by_side"] |= arena.packages
                metadata["packages"] = metadata["packages_by_side"].get(SIDES[1], {})
                if complete or row.blocks:
                    self._store(row, metadata, complete=complete)
        (known,) = outcomes([row], self.margins)
        return make_step(base, head, row, known, self.arguments.look_for)

    def _arena(self, sides: dict[str, Any], seed: int) -> ProcessArena:
        arguments = self.arguments
        timeout_s = duration_s(arguments.time_limit, "--time-limit")
        return ProcessArena(
            sides, arguments.dataset, arguments.data_dir, self.device.threads, seed, timeout_s=timeout_s
        )

    def _metadata(self, base: Release, head: Release) -> dict[str, Any]:
        names = {"base": base.environment, "head": head.environment}
        duel = {**names, "plant": None, "seed": secrets.randbelow(2**16)}
        command = command_line(self.arguments)
        return duel_metadata(self.device, datetime.now(timezone.utc), self.dataset, command=command, duel=duel)

    def _store(self, row: Row, metadata: dict[str, Any], *, complete: bool) -> None:
        label = f"{metadata['dataset']}-{metadata['device'].replace(':', '')}-duel"
        started_at = datetime.fromisoformat(metadata["started_at"])
        folder = f"{machine_name()}/{FOLDER}"
        path = run_path(self.arguments.results, folder, label, started_at)
        self.series.save(path, run_content([row], metadata, complete=complete))
        if not self.series.waiting:
            self.progress.done(f"Wrote:\n  {short(path)}")
        self.paths.append(path)


def make_step(base: Release, head: Release, row: Row, known: Outcome, look_for: str) -> Step:
    """Turn a duel's outcome into a step of the search, for the kind of change that is searched for."""
    found = known.accuracy if look_for == "accuracy" else known.time
    if not row.measurable or found is None:
        word = "missing" if row.missing else "failed"
        reason = row.failed or "; ".join(f"{side}: {lack}" for side, lack in row.missing.items())
        return Step(base, head, word, NOT_MEASURED, reason, len(row.blocks))
    reason = _reason(found) if found.verdict not in {*CHANGED, *UNCHANGED} else ""
    return Step(base, head, found.verdict, _shown(found, look_for), reason, len(row.blocks))


def _reason(found: Finding) -> str:
    """The reason for a duel without a verdict."""
    more = "" if found.more_blocks is None else f"; about {found.more_blocks} more blocks would tell"
    return f"{CANNOT_TELL} within the budget{more}"


def _shown(found: Finding, look_for: str) -> str:
    if look_for == "time":
        return ratio_text(found)
    if found.value is None or found.low is None or found.high is None:
        return NOT_MEASURED
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
