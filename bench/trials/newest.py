"""The newest of what may come after the newest known release of TensorFlow, as lines for a CI: ``base=`` and ``head=``.

`python -m bench.trials.newest nightly`, or ``candidate``; the head is empty where there is none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

from bench.errors import FINE, USAGE, DensebenchError, unknown_name
from bench.records.known_releases import known_releases
from bench.trials.candidates import NIGHTLY, RELEASE, listed_versions
from bench.trials.environments import run_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PACKAGES = {"nightly": NIGHTLY, "candidate": RELEASE}


def newest(which: str, *, run: Callable[[Sequence[str]], str] = run_quietly) -> tuple[str, str]:
    """The newest known release, and the nightly or the candidate after it; empty where there is none.

    Args:
        which: ``nightly`` or ``candidate``.
        run: runs a command and returns what it prints.

    Raises:
        DensebenchError: `which` is neither, or the registry cannot be asked.
    """
    if which not in PACKAGES:
        raise unknown_name("kind of version", which, PACKAGES)
    base, package = known_releases()[-1].requirement, PACKAGES[which]
    (pin,) = Requirement(base).specifier
    later = [version for version in listed_versions(package, run=run) if version > Version(pin.version)]
    head = max((version for version in later if version.is_prerelease), default=None)
    return base, f"{package}=={head}" if head else ""


def main(words: Sequence[str]) -> int:
    """Print the lines; the exit status."""
    try:
        base, head = newest(words[0] if words else "")
    except DensebenchError as error:
        sys.stderr.write(f"error: {error}\n")
        return USAGE
    sys.stdout.write(f"base={base}\nhead={head}\n")
    return FINE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
