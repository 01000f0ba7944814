"""The exit statuses of all commands: each has one meaning, whichever command ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def gravest(statuses: Iterable[int]) -> int:
    """The one status that stands for several; one without a meaning here counts as `FAILED`."""
    found = {status if status in MEANINGS else FAILED for status in statuses}
    return next((status for status in GRAVEST_FIRST if status in found), FINE)
