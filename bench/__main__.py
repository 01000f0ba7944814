"""`python -m bench`: what works on stored runs, or on no run at all."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Protocol

from bench import race, run_all, trainer_ladder
from bench.duels import command as duel
from bench.duels import compare
from bench.errors import DensebenchError
from bench.prediction import command as prediction
from bench.releases import bisection, versions
from bench.reports import command as reports
from bench.reproduction import command as reproduction
from bench.runtimes import command as runtimes
from bench.selftest import command as selftest


class Command(Protocol):
    """A module that is a command."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Give a parser the command's options."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit status."""


USAGE_ERROR = 2
INTERRUPTED = 130


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
    "report": ("tables, README and the HTML report from the stored runs, and whether they agree", reports),
    "race": ("time to the tutorial's accuracy, by fit and by the compiled trainer", race),
}
"""What has a module of its own, beside `doctor` above."""


def parse(words: list[str] | None) -> argparse.Namespace:
    """The command line as a namespace whose `command` is the function to call."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
