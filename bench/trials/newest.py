"""The newest of what may come after the newest known release of TensorFlow, as lines for a CI: ``base=`` and ``head=``.

`python -m bench.trials.newest nightly`, ``candidate`` or ``release``; the head is empty where there is none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

from bench.errors import FINE, USAGE, DensebenchError, unknown_name
from bench.records.known_releases import known_releases
from bench.trials.candidates import FULL_NIGHTLY, FULL_RELEASE, NIGHTLY, RELEASE, listed_versions
from bench.trials.plans import run_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CPU = {RELEASE: RELEASE}
PACKAGES = {"release": CPU, "candidate": CPU, "nightly": {NIGHTLY: RELEASE, FULL_NIGHTLY: FULL_RELEASE}}
"""What is looked for, to the packages that may have it, and to each that of the release which it is held against."""


def newest(which: str, *, run: Callable[[Sequence[str]], str] = run_quietly) -> tuple[str, str]:
    """The newest known release, and the release, candidate or nightly after it; empty where there is none.

    Of two packages that of the newer version is taken, and the release in the same build.

    Args:
        which: a key of `PACKAGES`.
        run: runs a command and returns what it prints.

    Raises:
        DensebenchError: `which` is none, or the registry cannot be asked.
    """
    if which not in PACKAGES:
        raise unknown_name("kind of version", which, PACKAGES)
    (pin,) = Requirement(known_releases()[-1].requirement).specifier
    known = Version(pin.version)
    found = []
    for package, release in PACKAGES[which].items():
        later = [
            one
            for one in listed_versions(package, run=run)
            if one > known and one.is_prerelease == (which != "release")
        ]
        found += [(max(later), f"{release}=={known}", f"{package}=={max(later)}")] if later else []
    _, base, head = max(found, key=lambda one: one[0], default=(known, known_releases()[-1].requirement, ""))
    return base, head


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
