"""`python -m bench`: what works on stored runs, or on no run at all."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Protocol

from bench import race, run_all, trainer_ladder
from bench.datasets import DATASETS
from bench.device_table import write_devices_page
from bench.duels import command as duel
from bench.duels import compare
from bench.errors import DensebenchError
from bench.prediction import command as prediction
from bench.records import read_runs
from bench.releases import bisection, versions
from bench.releases.versions_page import write_versions_page
from bench.report import (
    README_DATASET,
    RESULTS_TABLE,
    SELFTEST_TABLE,
    TRAINERS_TABLE,
    choose_run,
    headline_section,
    refresh_readme,
    write_tables,
)
from bench.reproduction import command as reproduction
from bench.reproduction.page import write_pages
from bench.runtimes import command as runtimes
from bench.runtimes.page import write_runtimes_page
from bench.selftest import command as selftest
from bench.selftest.page import selftest_section, write_selftest_page
from bench.selftest.store import choose_selftest, read_fought
from bench.settings import DEFAULT_RESULTS
from bench.trainer_report import published_trainer_run, trainer_section, write_trainer_page


class Command(Protocol):
    """A module that is a command."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Give a parser the command's options."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit status."""


USAGE_ERROR = 2
INTERRUPTED = 130


def report(arguments: argparse.Namespace) -> int:
    """Rebuild the tables from the stored runs, and the README's section where asked."""
    runs, complaints = read_runs(arguments.results)
    written = write_tables(runs, arguments.results)
    for write_more in (
        write_devices_page,
        write_trainer_page,
        write_pages,
        write_runtimes_page,
        write_selftest_page,
        write_versions_page,
    ):
        pages, more_complaints = write_more(arguments.results)
        written += pages
        complaints += more_complaints
    for complaint in complaints:
        print(f"skipped: {complaint}", file=sys.stderr)
    if not written:
        raise DensebenchError(
            f"{arguments.results / 'raw'} holds no full run to report. `pytest bench/ --benchmark-only` makes one."
        )
    shown = next((run for dataset in DATASETS if (run := choose_run(runs, dataset))), None)
    if shown:
        print(headline_section(shown))
    if arguments.readme:
        published = choose_run(runs, README_DATASET)
        if published is None:
            raise DensebenchError(f"the README shows {README_DATASET}, and no full run of it is stored.")
        refresh_readme(arguments.readme_path, RESULTS_TABLE, headline_section(published))
        compared, _ = published_trainer_run(arguments.results)
        if compared:
            refresh_readme(arguments.readme_path, TRAINERS_TABLE, trainer_section(compared))
        if fought := choose_selftest(read_fought(arguments.results)[0]):
            refresh_readme(arguments.readme_path, SELFTEST_TABLE, selftest_section(fought))
        written.append(arguments.readme_path)
    print("\nWrote:", *written, sep="\n  ")
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Print what this machine offers."""
    from bench.doctor import examine  # noqa: PLC0415  imports TensorFlow, which a report must not

    for line in examine(arguments.data_dir):
        print(line, flush=True)
    return 0


COMMANDS: dict[str, tuple[str, Command]] = {
    "run": ("the main job on each device, and the table across them", run_all),
    "reproduce": ("train the tutorials' recipes, and hold their figures against ours", reproduction),
    "predict": ("what an exported model makes of your own pictures", prediction),
    "duel": ("two environments against each other: slower, faster, same, cannot tell", duel),
    "compare": ("a duel's verdicts from stored runs, with wider intervals", compare),
    "versions": ("the main job on each release of TensorFlow, and the table across them", versions),
    "bisect": ("the TensorFlow release in which a case changed, by duels over the releases", bisection),
    "selftest": ("how often duels are wrong on this machine, and what they catch", selftest),
    "runtimes": ("what to deploy: every runtime on every model, from its start to its thousandth answer", runtimes),
    "trainers": ("every way to train, side by side, and the machine's own limit", trainer_ladder),
    "race": ("time to the tutorial's accuracy, by fit and by the compiled trainer", race),
}
"""What has a module of its own, beside `report` and `doctor` above."""


def parse(words: list[str] | None) -> argparse.Namespace:
    """The command line as a namespace whose `command` is the function to call."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("report", help="rebuild results/tables/ from the stored runs")
    command.add_argument("--readme", action="store_true", help="refresh the README's tables, too")
    command.add_argument("--readme-path", type=Path, default=Path("README.md"), help=argparse.SUPPRESS)
    command.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR")
    command.set_defaults(command=report)
    command = commands.add_parser("doctor", help="what this machine offers: devices, packages, noise, data sources")
    command.add_argument("--data-dir", type=Path, metavar="DIR", help="as for pytest")
    command.set_defaults(command=doctor)
    for name, (text, module) in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        module.add_arguments(command)
        command.set_defaults(command=module.run)
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """The exit status of one command; the user's mistakes are one line on standard error."""
    arguments = parse(words)
    try:
        status: int = arguments.command(arguments)
    except DensebenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
