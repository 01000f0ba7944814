"""`python -m bench COMMAND`: the list of all commands, of which only the one that is called is imported."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

PROGRAM = "python -m bench"
GROUPS = {
    "measure": "train, export and time; each result is stored",
    "judge": "did it get slower, faster or worse, and how sure is that?",
    "look": "at what is stored, at one picture, at this machine",
}


class Command(NamedTuple):
    """A command: its group, what it does and how long that takes, and its module with `add_arguments` and `run`."""

    group: str
    text: str
    module: str


COMMANDS: dict[str, Command] = {
    "devices": Command(
        "measure",
        "the suite on each device and backend, and the table across them (2 minutes each)",
        "bench.commands.devices",
    ),
    "trainers": Command(
        "measure",
        "every way to train, side by side, and the machine's own limit (25 minutes)",
        "bench.commands.trainers.command",
    ),
    "runtimes": Command(
        "measure",
        "every runtime that can answer with a model (20 minutes; --quick: 3)",
        "bench.commands.runtimes.command",
    ),
    "reproduce": Command(
        "measure",
        "the tutorials' recipes, their figures against ours (30 minutes; --quick: 2)",
        "bench.commands.reproduce.command",
    ),
    "duel": Command(
        "judge",
        "environments against each other: slower, faster, same (--budget: 8 minutes)",
        "bench.commands.duel",
    ),
    "releases": Command(
        "judge", "what changed from release to release (--budget: 45 minutes; 20 GB of disk)", "bench.commands.releases"
    ),
    "bisect": Command(
        "judge", "the release, nightly or package that changed a case (15 minutes)", "bench.commands.bisect"
    ),
    "explain": Command(
        "judge", "where a change lies, and which package or flag gives it back (20 minutes)", "bench.commands.explain"
    ),
    "compatibility": Command(
        "judge", "which files, numbers and trainings survive an upgrade (15 minutes)", "bench.commands.compatibility"
    ),
    "selftest": Command(
        "judge", "how often verdicts are wrong on this machine (--total: 20 minutes)", "bench.commands.selftest"
    ),
    "report": Command(
        "look",
        "tables, README and HTML from the stored runs, and their check (seconds)",
        "bench.commands.report.command",
    ),
    "predict": Command(
        "look", "what an exported model makes of your own pictures (seconds)", "bench.commands.predict.command"
    ),
    "doctor": Command("look", "what this machine offers, and what may disturb it (seconds)", "bench.commands.doctor"),
}
"""In the order in which they are listed."""


def overview() -> str:
    """The commands in their groups, as `python -m bench` prints them."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"usage: {PROGRAM} COMMAND [OPTION ...]"]
    for group, metadata in GROUPS.items():
        lines += ["", f"{group}: {metadata}"]
        lines += [f"  {name:{width}}{one.text}" for name, one in COMMANDS.items() if one.group == group]
    return "\n".join(
        [
            *lines,
            "",
            f"`{PROGRAM} COMMAND --help` lists a command's options.",
            "The suite itself is `pytest bench/ --benchmark-only` (2 minutes; --quick: 1).",
        ]
    )


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line as a namespace whose `command` is the function to call.

    Raises:
        DensebenchError: there is no such command.
    """
    from bench.commands.arguments import Parser  # the list of commands needs no other module
    from bench.errors import unknown_name

    name, *options = words
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    module = importlib.import_module(COMMANDS[name].module)
    parser = Parser(f"{PROGRAM} {name}", module.__doc__)
    module.add_arguments(parser)
    parser.set_defaults(command=module.run)
    return parser.parse_words(options)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; a user error is one line on standard error."""
    words = sys.argv[1:] if words is None else words
    if not words or words[0] in {"-h", "--help"}:
        print(overview())
        return 0
    from bench.errors import FAILED, INTERRUPTED, DensebenchError

    try:
        arguments = parse(words)
        status: int = arguments.command(arguments)
    except DensebenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


if __name__ == "__main__":
    status = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said and stored: nothing is left to interrupt
    sys.exit(status)
