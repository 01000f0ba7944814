"""The command line: a parser that suggests what was meant, and what several commands read from their options."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bench.data.datasets import DATASETS, DEFAULT
from bench.errors import USAGE, DensebenchError, close_names, did_you_mean, unknown_name
from bench.files import public_word
from bench.host.devices import Device, parse_device

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0}
DURATION = re.compile(
    r"""(?:(?P<h>\d+(?:\.\d+)?)\s*h)? \s*
        (?:(?P<m>\d+(?:\.\d+)?)\s*m(?:in)?)? \s*
        (?:(?P<s>\d+(?:\.\d+)?)\s*s)?""",
    re.VERBOSE,
)
OF_THIS_MACHINE = (
    *("help", "results", "data_dir", "published", "comment", "junit"),
    *("on", "nodes", "kind", "retries", "part"),
)
"""What says where things lie or are done, and nothing of what is measured."""
OPTION = re.compile(r"(--[A-Za-z][\w-]*)(=.*)?", re.DOTALL)
"""A word of the command line that looks like an option."""


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations, whose errors are one line that names the closest known option."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self._words: Sequence[str] = ()

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """The options as a namespace; a mistake ends the process with `USAGE`."""
        self._words = words
        self.set_defaults(parser=self)
        return self.parse_args(list(words))

    def error(self, message: str) -> NoReturn:
        """End the process with one line: the mistake, what was probably meant, and where all options are listed."""
        message += "."
        if unknown := unknown_options(self._words, self._option_string_actions):
            message = " ".join(f"there is no option {word}. {did_you_mean(close)}" for word, close in unknown.items())
        sys.stderr.write(f"error: {message.strip()} `{self.prog} --help` lists all options.\n")
        sys.exit(USAGE)


def unknown_options(words: Sequence[str], known: Iterable[str]) -> dict[str, list[str]]:
    """Find mistyped options: each unknown word that begins with dashes, with the known options that resemble it.

    Args:
        words: of the command line; what follows ``--`` is not looked at.
        known: every option, with its dashes.
    """
    options = [option for option in known if option.startswith("--")]
    own = takewhile(lambda word: word != "--", words)
    given = [match[1] for word in own if (match := OPTION.fullmatch(word))]
    bare = [option.removeprefix("--") for option in options]
    return {
        word: [f"--{name}" for name in close_names(word.removeprefix("--"), bare)]
        for word in given
        if word not in options
    }


def command_line(arguments: argparse.Namespace) -> str:
    """The command as a reader types it: what differs from its parser's own defaults, without paths of this machine.

    Args:
        arguments: from `Parser.parse_words`, which notes the parser in it.
    """
    parser: argparse.ArgumentParser = arguments.parser
    words = parser.prog.split()
    for action in parser._actions:  # noqa: SLF001  argparse tells of its options in no other way
        value = getattr(arguments, action.dest, None)
        if action.dest in OF_THIS_MACHINE or value is None or value == parser.get_default(action.dest):
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        if not action.option_strings:
            words += [public_word(str(one)) for one in values]
        elif action.nargs == 0:
            words.append(action.option_strings[0])
        else:
            words += [f"{action.option_strings[0]}={public_word(str(one))}" for one in values]
    return shlex.join(words)


def add_common(parser: argparse.ArgumentParser, *names: str) -> None:
    """Give a parser options that mean the same in several commands: of ``device``, ``dataset`` and ``data-dir``."""
    for name in names:
        parser.add_argument(f"--{name}", **_COMMON[name])


_COMMON: dict[str, dict[str, Any]] = {
    "device": {"default": "cpu", "help": "cpu (all cores) or cpu:N (N threads) (default: cpu)"},
    "dataset": {"default": DEFAULT, "metavar": "NAME", "help": f"{', '.join(DATASETS)} (default: {DEFAULT})"},
    "data-dir": {
        "type": Path,
        "metavar": "DIR",
        "help": "folder with fashion-mnist/ and mnist/ (or set DENSEBENCH_DATA)",
    },
}


def names(text: str | None, known: Iterable[str], noun: str) -> list[str]:
    """The names that the user listed with commas between, in the order of `known`; all of them without a text.

    Args:
        text: what stood behind the option ``--<noun>s``.
        known: every name that would be right, in display order.
        noun: what is named, in the singular: ``"model"``.

    Raises:
        DensebenchError: a name is unknown, or there is none.
    """
    every = list(known)
    if text is None:
        return every
    wanted = words_of(text)
    for name in wanted:
        if name not in every:
            raise unknown_name(noun, name, every)
    if not wanted:
        raise DensebenchError(f"--{noun}s {text!r} names no {noun}. Known: {', '.join(every)}.")
    return [name for name in every if name in wanted]


def existing_results(path: Path, making: str) -> Path:
    """The folder of results, which must be there.

    Args:
        path: what stood behind ``--results``.
        making: the command that makes results.

    Raises:
        DensebenchError: there is no such folder.
    """
    if not path.is_dir():
        raise DensebenchError(f"the results folder {path} does not exist. `{making}` makes it.")
    return path


def words_of(text: str) -> list[str]:
    """The words between commas, without the spaces around them and without empty ones."""
    return [word.strip() for word in text.split(",") if word.strip()]


def duration_s(text: str, option: str) -> float:
    """The seconds of a duration above 0, as people type it or as it is printed: ``90s``, ``3m30s``, ``3 min 30 s``.

    Raises:
        DensebenchError: it is no such thing; the text names the option.
    """
    match = DURATION.fullmatch(text.strip())
    seconds = sum(float(match[unit] or 0) * each_s for unit, each_s in UNITS_S.items()) if match else 0.0
    if not seconds:
        raise DensebenchError(f"{option} {text!r} is no duration: 90s, 5m, 3m30s, 1h30m and 1.5h are.")
    return seconds


def share(text: str, option: str) -> float:
    """A share above 0 and below 1, from ``3%`` or ``0.03``.

    Raises:
        DensebenchError: it is no such thing; the text names the option.
    """
    match = re.fullmatch(r"(\d*\.?\d+)\s*(%?)", text)
    found = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < found < 1:
        raise DensebenchError(f"{option} {text!r} is no share: 3% and 0.03 are.")
    return found


def part_of(arguments: argparse.Namespace) -> tuple[str, int] | None:
    """What of a larger whole this task is: two words with a colon between; ``None`` for all. Raises DensebenchError."""
    if not getattr(arguments, "part", None):
        return None
    first, _, second = arguments.part.partition(":")
    if not second.isdigit():
        raise DensebenchError(f"--part {arguments.part!r} is no part: 0:4 is.")
    return first, int(second)


def duel_device(text: str) -> Device:
    """Parse ``--device``; duels run on CPUs only. Raises DensebenchError."""
    device = parse_device(text)
    if device.kind != "cpu":
        raise DensebenchError(f"--device {text!r}: duels run on cpu or cpu:N only.")
    return device
