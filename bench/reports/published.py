"""All that is published, in order: pages for `results/tables`, sections for the README. Adding one is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.device_table import make_devices_page
from bench.main_page import choose_run, headline_section, make_tables
from bench.records import SHAPE_ERRORS, read_runs
from bench.releases.store import choose_attempts, read_attempts
from bench.releases.versions_page import make_versions_page, versions_section
from bench.reproduction.page import make_reproduction_pages
from bench.runtimes.page import make_runtimes_page, published_runtimes_run, runtimes_section
from bench.selftest.page import make_selftest_page, selftest_section
from bench.selftest.store import choose_selftest, read_fought
from bench.trainer_report import make_trainer_page, published_trainer_run, trainer_section

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.files import Pages

README_DATASET = "fashion_mnist"
LONGEST = 120
"""Characters of an error that are quoted."""
MAKERS: tuple[Callable[[Path], Pages], ...] = (
    make_tables,
    make_devices_page,
    make_trainer_page,
    make_reproduction_pages,
    make_runtimes_page,
    make_selftest_page,
    make_versions_page,
)


def make_pages(results: Path) -> Pages:
    """Every page that the stored runs are enough for."""
    pages: dict[str, str] = {}
    complaints: list[str] = []
    for make in MAKERS:
        try:
            made, more = make(results)
        except SHAPE_ERRORS as error:
            what = make.__name__.removeprefix("make_")
            complaints.append(f"{what}: a stored run holds something of an unexpected shape: {str(error)[:LONGEST]!r}")
            continue
        pages |= made
        complaints += more
    return pages, list(dict.fromkeys(complaints))


def make_sections(results: Path) -> dict[str, str]:
    """The README's sections, by name, as far as the stored runs are enough for them."""
    made = {name: make(results) for name, make in SECTIONS.items()}
    return {name: text for name, text in made.items() if text}


def _results_section(results: Path) -> str:
    run = choose_run(read_runs(results)[0], README_DATASET)
    return headline_section(run) if run else ""


def _trainers_section(results: Path) -> str:
    run, _ = published_trainer_run(results)
    return trainer_section(run) if run else ""


def _selftest_section(results: Path) -> str:
    fought = choose_selftest(read_fought(results)[0])
    return selftest_section(fought) if fought else ""


def _runtimes_section(results: Path) -> str:
    run, _ = published_runtimes_run(results)
    return runtimes_section(run) if run else ""


def _releases_section(results: Path) -> str:
    attempts = choose_attempts(read_attempts(results)[0])
    return versions_section(attempts) if attempts else ""


RESULTS_TABLE = "results table"
SECTIONS: dict[str, Callable[[Path], str]] = {
    RESULTS_TABLE: _results_section,
    "runtimes table": _runtimes_section,
    "releases table": _releases_section,
    "trainers table": _trainers_section,
    "self-test table": _selftest_section,
}
