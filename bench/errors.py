"""The errors that densebench shows to its user as one line, without a traceback."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class DensebenchError(Exception):
    """Something that the user can mend. Its text names the wrong value, where it came from and what would be right."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> DensebenchError:
    """An error for a name that is not in a registry, with the closest known ones first.

    Args:
        kind: what was named, in the singular, as the message says it: ``"model"``.
        name: what the user wrote.
        known: every name that would have been right, in display order.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(repr(match) for match in close)}? " if close else ""
    return DensebenchError(f"unknown {kind} {name!r}. {hint}Known: {', '.join(names)}.")
