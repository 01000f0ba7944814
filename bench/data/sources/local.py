"""The sources on this machine: the directory that the user named, the cache and the installed Debian package."""

from __future__ import annotations

import gzip
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from bench.data.sources.delivery import FOLDERS, DamagedError, Files, UnavailableError, Wanted, read_files
from bench.errors import DensebenchError
from bench.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("densebench")

DATA_DIR_VARIABLE = "DENSEBENCH_DATA"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_DIR = Path("/usr/share/datasets/fashion-mnist")


# 1. The directory that the user named.


def read_data_dir(wanted: Wanted) -> Files:
    """The files in the directory that the user named.

    Raises:
        UnavailableError: the user named none, or files are missing there.
        DensebenchError: the directory does not exist, or holds a damaged file.
    """
    directory, origin = _named_directory(wanted)
    try:
        return read_files(directory / FOLDERS[wanted.name], wanted.name)
    except DamagedError as damage:
        mend = "Put the original file there, or remove this one and other sources are tried"
        raise DensebenchError(f"{damage}. The directory comes from {origin}. {mend}.") from None
    except UnavailableError as lack:
        LOG.info("%s (named by %s), so other sources of %s are tried", lack, origin, wanted.name)
        raise


def _named_directory(wanted: Wanted) -> tuple[Path, str]:
    """The directory that the user named, and where they named it."""
    directory, origin = wanted.data_dir, "--data-dir"
    if directory is None:
        value, origin = os.environ.get(DATA_DIR_VARIABLE, ""), DATA_DIR_VARIABLE
        if not value:
            raise UnavailableError(f"none was named (--data-dir or {DATA_DIR_VARIABLE})")
        directory = Path(value)
    if not _is_directory(directory):
        right = f"It should be a directory that holds {' and '.join(f'{folder}/' for folder in FOLDERS.values())}"
        raise DensebenchError(f"{origin} names {str(directory)!r}, which is not there or no directory. {right}.")
    return directory, origin


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a parent that may not be entered
        return False


# 2. The cache.


def cache_dir(name: str) -> Path:
    """The directory in the user's cache that holds a data set's files."""
    return platformdirs.user_cache_path("densebench") / "datasets" / FOLDERS[name]


def read_cache(wanted: Wanted) -> Files:
    """The files in the cache; damaged ones are left there.

    Raises:
        UnavailableError: files are missing or damaged.
    """
    return read_files(cache_dir(wanted.name), wanted.name)


def fetch_cache(wanted: Wanted) -> Files:
    """The files in the cache; a damaged one is removed, so that it is downloaded again.

    Raises:
        UnavailableError: files are missing or damaged.
    """
    try:
        return read_cache(wanted)
    except DamagedError as damage:
        LOG.warning("removing a damaged file from the cache: %s", damage)
        damage.path.unlink(missing_ok=True)
        raise


def store(name: str, files: Files) -> None:
    """Write verified files to the cache; a failure is logged as a warning."""
    directory = cache_dir(name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, raw in files.items():
            write_atomically(directory / f"{file}.gz", gzip.compress(raw, 6, mtime=0))
    except OSError as problem:
        LOG.warning("%s is fine, but could not be kept in the cache: %s", name, problem)


# 3. The installed Debian package.


def read_debian(wanted: Wanted) -> Files:
    """The files of the installed Debian package.

    Raises:
        UnavailableError: Debian has no such package, it is not installed, or a file of it is damaged.
    """
    require_debian_package(wanted)
    return read_files(DEBIAN_DIR, wanted.name)


def require_debian_package(wanted: Wanted) -> None:
    """Raise UnavailableError if Debian has no package of the data set."""
    if wanted.name != "fashion_mnist":
        raise UnavailableError(f"Debian has no package of {wanted.name}")


# The probe of each of the three.


def probe_by_reading(read: Callable[[Wanted], Files]) -> Callable[[Wanted], str]:
    """A probe for a source on this machine, which reads and verifies all files (about a second)."""
    return lambda wanted: f"{len(read(wanted))} files, checksums verified"
