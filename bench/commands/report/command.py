"""`python -m bench report`: what the stored runs say: your own, and those that the project publishes."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.arguments import existing_results
from bench.commands.report.measure import forget, measure, plan
from bench.errors import ALARM, FINE
from bench.files import ROOT, short, write_atomically
from bench.records.record import RunReader
from bench.records.run_file import DEFAULT_RESULTS, PUBLISHED
from bench.report.check import check
from bench.report.figures_csv import figures_csv
from bench.report.html.page import write_report
from bench.report.html.stored import make_stored
from bench.report.html.view import YOURS
from bench.report.own_pages import write_pages
from bench.report.pages.suite import headline_section
from bench.report.publish import publish, unpinned, write_published
from bench.report.readme_sections import headline
from bench.report.registry import KINDS, make_pages, read_shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.registry import Shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--html", action="store_true", help="write report/index.html, too: your runs and the published")
    what.add_argument(
        "--check", action="store_true", help="write nothing; name what is published and no pinned run gives"
    )
    what.add_argument("--publish", nargs="+", metavar="RUN", help="pin runs, and make what is published anew from them")
    what.add_argument(
        "--readme", action="store_true", help="make anew what is published, from the runs that are pinned"
    )
    what.add_argument(
        "--measure", nargs="*", metavar="KIND", help=f"measure anew what is published: all, or of {', '.join(KINDS)}"
    )
    what.add_argument("--prune", action="store_true", help="name run files that nothing published is made from")
    what.add_argument("--csv", type=Path, metavar="FILE", help="write every figure of your runs and of the published")
    parser.add_argument("--yes", action="store_true", help="with --prune: delete them")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR", help="where your own runs are")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Write, check or publish; the exit status.

    Raises:
        DensebenchError: there is no such folder or run, or a README lacks a marker.
    """
    published: Path = arguments.published
    if arguments.check:
        return _check(published)
    if arguments.prune:
        return _prune(published, delete=arguments.yes)
    if arguments.readme:
        return _tell_written(write_published(read_shown(published, RunReader()), readmes_of(published)))
    if arguments.measure is not None:
        return _measure(read_shown(published, RunReader()), arguments.measure, arguments.results)
    if arguments.results != DEFAULT_RESULTS:
        existing_results(arguments.results, "pytest bench/ --benchmark-only")
    if arguments.publish:
        written = publish(arguments.publish, arguments.results, published, readmes_of(published))
        forget(arguments.results)
        return _tell_written(written)
    reader = RunReader()
    own, theirs = read_shown(arguments.results, reader), read_shown(published, reader)
    return _write_csv(arguments.csv, own, theirs) if arguments.csv else _show(own, theirs, html=arguments.html)


def readmes_of(published: Path) -> list[Path]:
    """The READMEs of the checkout that a folder of published results belongs to."""
    root = published.parent
    return [*sorted(root.glob("README*.md")), *sorted(root.glob("[!.]*/README.md"))]


def _show(own: Shown, published: Shown, *, html: bool) -> int:
    """Your own pages, and your headline table or else the published one."""
    pages, warnings = make_pages(own)
    for warning in dict.fromkeys([*own.warnings, *published.warnings, *warnings]):
        print(f"skipped: {warning}", file=sys.stderr)
    mine, theirs = headline(own) or next(iter(own.kinds["suite"]), None), headline(published)
    if mine or theirs:
        print(f"{'Your own run' if mine else 'No run of your own is stored. The published one'}:\n")
        print(headline_section(mine or theirs))  # type: ignore[arg-type]  # one of them is there
    written = [] if own.pins else write_pages(own.results, pages)
    if html:
        folder = own.results / "report"
        page, more = write_report(make_stored(published, own, page=folder), folder)
        for warning in more:
            print(f"skipped: {warning}", file=sys.stderr)
        written.append(short(page))
    return _tell_written(written)


def _write_csv(path: Path, own: Shown, published: Shown) -> int:
    """Every figure of the user's runs and of the published ones, as CSV. Raises OSError."""
    for warning in dict.fromkeys([*own.warnings, *published.warnings]):
        print(f"skipped: {warning}", file=sys.stderr)
    mine = [replace(run, origin=YOURS) for found in own.stored.values() for run in found]
    theirs = {run.name: run for found in published.candidates.values() for run in found}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, figures_csv([*mine, *theirs.values()]).encode())
    return _tell_written([short(path)])


def _tell_written(lines: Sequence[str]) -> int:
    if lines:
        print("\nWrote:", *lines, sep="\n  ")
    return FINE


def _measure(published: Shown, kinds: Sequence[str], results: Path) -> int:
    """Measure anew what is published, and tell what publishes it."""
    made = measure(plan(published, kinds), results, print)
    print(f"\nMeasured. To publish it:\n  python -m bench report --publish {' '.join(dict.fromkeys(made))}")
    return FINE


def _check(published: Path) -> int:
    """Print what differs; `ALARM` where anything does."""
    found = check(published, readmes_of(published))
    for line in found:
        print(line)
    if found:
        print(f"\n{len(found)} differences. `python -m bench report --readme` makes what is published anew.")
        return ALARM
    print("Everything that is published is what the pinned runs give.")
    return FINE


def _prune(published: Path, *, delete: bool) -> int:
    """Name the run files that no published cell cites; with `delete`, they go."""
    paths = unpinned(published)
    for path in paths:
        print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    size = sum(path.stat().st_size for path in paths)
    if delete:
        for path in paths:
            path.unlink()
    verb = "Deleted" if delete else "Nothing published is made from these; `--prune --yes` deletes them"
    print(f"{verb}: {len(paths)} run files, {size / 1e6:.1f} MB.")
    return FINE
