"""The five sources of Fashion-MNIST and MNIST, tried in order.

No byte is used before the SHA-256 of its uncompressed IDX file was verified. A source that cannot deliver says why
(`UnavailableError`), and the next one is tried. Only a damaged file in a directory that the user named stops the run.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bench.data.sources.debian_download import fetch_apt, probe_apt
from bench.data.sources.delivery import CHECKSUMS, FILES, FOLDERS, Delivery, Source, UnavailableError, Wanted
from bench.data.sources.keras_download import KERAS_URL, fetch_keras, probe_keras
from bench.data.sources.local import (
    DATA_DIR_VARIABLE,
    DEBIAN_PACKAGE,
    fetch_cache,
    probe_by_reading,
    read_cache,
    read_data_dir,
    read_debian,
    store,
)

if TYPE_CHECKING:
    from pathlib import Path

# What the rest of the suite uses; nothing outside this package imports its modules, but for their tests.
__all__ = [
    "CHECKSUMS",
    "DATA_DIR_VARIABLE",
    "DEBIAN_PACKAGE",
    "FILES",
    "FOLDERS",
    "KERAS_URL",
    "SOURCES",
    "Delivery",
    "Source",
    "UnavailableError",
    "Wanted",
    "deliver",
]

LOG = logging.getLogger("densebench")


def deliver(name: str, data_dir: Path | None) -> Delivery:
    """The files of a data set from the first source that has it; downloads are stored in the cache.

    Args:
        name: a key of `CHECKSUMS`.
        data_dir: the directory that the user named; None: the one in the environment variable DENSEBENCH_DATA, if any.

    Raises:
        UnavailableError: no source has it; the text has one line for each source.
        DensebenchError: the directory that the user named does not exist, or holds a damaged file.
    """
    reasons = [f"{name} could not be had from any source:"]
    for source in SOURCES:
        try:
            files = source.fetch(Wanted(name, data_dir))
        except (UnavailableError, OSError) as problem:
            LOG.debug("%s: %s: %s", name, source.title, problem)
            reasons.append(f"  - {source.title}: {problem}")
        else:
            if source.keep:
                store(name, files)
            return Delivery(source.title, files)
    raise UnavailableError("\n".join(reasons))


SOURCES: tuple[Source, ...] = (
    Source("data directory", read_data_dir, probe_by_reading(read_data_dir), keep=False),
    Source("cache", fetch_cache, probe_by_reading(read_cache), keep=False),
    Source("Debian package", read_debian, probe_by_reading(read_debian), keep=True),
    Source("Keras download", fetch_keras, probe_keras, keep=True),
    Source("apt-get download", fetch_apt, probe_apt, keep=True),
)
