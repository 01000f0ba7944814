"""User errors, shown as one line without a traceback, and the exit statuses of all commands."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


FINE = 0
ALARM = 1
UNTOLD = 2
FAILED = 3
USAGE = 4
INTERRUPTED = 130

MEANINGS: dict[int, str] = {
    FINE: "all is well: nothing got worse",
    ALARM: "something got worse, is INVALID or differs",
    UNTOLD: "it cannot be told",
    FAILED: "something could not be measured or saved: a side failed, a process crashed, a block was lost",
    USAGE: "a wrong option; or data, a file or an environment that cannot be had",
    INTERRUPTED: "Ctrl-C",
}
"""In the order of a table. `USAGE` is pytest's own status for the same thing."""

GRAVEST_FIRST = (INTERRUPTED, ALARM, FAILED, USAGE, UNTOLD)

SIMILAR = 0.6
"""Of `difflib`'s ratio (0-1): names that are less alike are not suggested."""


LONGEST = 250
"""Characters that are quoted of an error that is none of this project's."""


class DensebenchError(Exception):
    """An error that the user can correct. The message names the wrong value, its origin and a right value.

    Attributes:
        status: the exit status of a command that ends with this error.
    """

    status = USAGE


class Unavailable(Exception):
    """Something that this machine, or this build of a framework, does not have, though nothing is broken."""


def one_line(error: BaseException) -> str:
    """What a library raised, as one line: ``ValueError: no such layer``, cut after `LONGEST` characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:LONGEST].rstrip(".: ")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> DensebenchError:
    """An error for a name that is not in a registry, with the closest known ones first.

    Args:
        kind: what was named, in the singular, as the message says it: ``"model"``.
        name: what the user wrote.
        known: every name that would have been right, in display order.
    """
    names = list(known)
    return DensebenchError(
        f"unknown {kind} {name!r}. {did_you_mean(close_names(name, names))}Known: {', '.join(names)}."
    )


def did_you_mean(close: Iterable[str]) -> str:
    """``Did you mean 'deep_mlp' or 'dropout_mlp'? ``, with a space at the end; empty where nothing is close."""
    quoted = " or ".join(repr(name) for name in close)
    return f"Did you mean {quoted}? " if quoted else ""


def close_names(name: str, known: Iterable[str], most: int = 2) -> list[str]:
    """The known names that the user may have meant, in whatever case: those that contain it, or are spelt alike."""
    names = list(known)
    wanted = name.casefold()
    containing = [one for one in names if len(wanted) > 1 and wanted in one.casefold()]
    spelt = {one.casefold(): one for one in reversed(names)}
    alike = difflib.get_close_matches(wanted, spelt, n=most, cutoff=SIMILAR)
    return list(dict.fromkeys([*containing, *(spelt[match] for match in alike)]))[:most]


class InvalidRow(DensebenchError):
    """A measured row that must not be published as a result.

    Attributes:
        faults: the reasons, one line each.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        """The error for `faults`: one line each, at least one."""
        super().__init__("; ".join(faults))
        self.faults = list(faults)


def gravest(statuses: Iterable[int]) -> int:
    """The most severe of several exit statuses; one without a meaning here counts as `FAILED`."""
    found = {status if status in MEANINGS else FAILED for status in statuses}
    return next((status for status in GRAVEST_FIRST if status in found), FINE)
