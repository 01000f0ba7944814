"""The errors that densebench shows to its user as one line, without a traceback."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from bench.exit_status import FAILED, USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

SIMILAR = 0.6
"""Of `difflib`'s ratio (0-1): names that are less alike are not suggested."""


class DensebenchError(Exception):
    """Something that the user can mend. Its text names the wrong value, where it came from and what would be right.

    Attributes:
        status: what a command that ends with it exits with.
    """

    status = USAGE


class NotSavedError(DensebenchError):
    """Something that was measured and could not be written. Its text says what is kept."""

    status = FAILED


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
