"""`python -m bench report`: tables, README sections and the HTML report from the stored runs, and the check of all."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.arguments import existing_results
from bench.errors import DensebenchError
from bench.exit_status import ALARM, FINE
from bench.files import write_pages
from bench.records import reading_once
from bench.reports.check import check
from bench.reports.pictures import check_pictures, write_pictures
from bench.reports.published import README_DATASET, RESULTS_TABLE, make_pages, make_sections
from bench.reports.readme import refresh_readme
from bench.settings import DEFAULT_RESULTS
from bench.web.page import write_report
from bench.web.stored import read_stored

READMES = (Path("README.md"), Path("README.ko.md"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--html", action="store_true", help="write results/report/index.html, too: all in pictures")
    parser.add_argument("--readme", action="store_true", help="refresh the README's tables and pictures, too")
    parser.add_argument("--check", action="store_true", help="write nothing; name what differs from the stored runs")
    parser.add_argument("--readme-path", type=Path, action="append", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")


def run(arguments: argparse.Namespace) -> int:
    """Write or check; the exit status.

    Raises:
        DensebenchError: no run is stored, or a README lacks a marker.
    """
    existing_results(arguments.results, "pytest bench/ --benchmark-only")
    readmes = arguments.readme_path or [path for path in READMES if path.exists()]
    with reading_once():
        return _check(arguments.results, readmes) if arguments.check else _write(arguments, readmes)


def _write(arguments: argparse.Namespace, readmes: list[Path]) -> int:
    """The pages, and what else was asked for."""
    pages, complaints = make_pages(arguments.results)
    for complaint in complaints:
        print(f"skipped: {complaint}", file=sys.stderr)
    if not pages:
        raise DensebenchError(
            f"{arguments.results / 'raw'} holds no full run to report. `pytest bench/ --benchmark-only` makes one."
        )
    written = write_pages(arguments.results, pages)
    sections = make_sections(arguments.results)
    print(sections.get(RESULTS_TABLE, ""))
    if arguments.html:
        page, more = write_report(arguments.results, README_DATASET)
        for complaint in more:
            if complaint not in complaints:
                print(f"skipped: {complaint}", file=sys.stderr)
        written.append(page)
    if arguments.readme:
        written += write_pictures(arguments.results, read_stored(arguments.results, README_DATASET))
        for readme in readmes:
            refresh_readme(readme, sections)
        written += readmes
    print("\nWrote:", *written, sep="\n  ")
    return FINE


def _check(results: Path, readmes: list[Path]) -> int:
    """Print what differs; `ALARM` where anything does."""
    found = [*check(results, readmes), *check_pictures(results, read_stored(results, README_DATASET))]
    for line in found:
        print(line)
    if found:
        print(f"\n{len(found)} differences. `python -m bench report --readme` makes tables and README anew.")
        return ALARM
    print("Every published table is what the stored runs give.")
    return FINE
