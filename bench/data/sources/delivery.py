"""Requests to sources and their deliveries; each file is verified before a byte of it is used."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bench.data.idx import parse_idx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Files: TypeAlias = dict[str, bytes]
"""The four IDX files of one data set, uncompressed and verified, under their names without ``.gz``."""

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CHECKSUMS: dict[str, dict[str, str]] = {
    "fashion_mnist": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
}
FOLDERS = {"fashion_mnist": "fashion-mnist", "mnist": "mnist"}


class UnavailableError(Exception):
    """A source cannot deliver a data set; its text is the reason."""


class DamagedError(UnavailableError):
    """A file exists, but cannot be read or has another checksum than expected."""

    def __init__(self, path: Path, problem: str) -> None:
        """The error for the file at ``path``; ``problem`` completes the sentence "the file ..."."""
        super().__init__(f"{path} {problem}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for a data set: its name, and the directory that the user named, if any."""

    name: str
    data_dir: Path | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered data set: the title of its source and the four files."""

    source: str
    files: Files


@dataclass(frozen=True, slots=True)
class Source:
    """One place that may hold a data set.

    Attributes:
        title: its name in messages and run files, without a path.
        fetch: delivers the verified files, or raises `UnavailableError`.
        probe: says in one line what `fetch` would find, or raises `UnavailableError`; downloads no data set.
        keep: whether its files are stored in the cache.
    """

    title: str
    fetch: Callable[[Wanted], Files]
    probe: Callable[[Wanted], str]
    keep: bool


def verify(raw: bytes, digest: str) -> bytes:
    """``raw``, if its SHA-256 is ``digest``.

    Raises:
        ValueError: the checksum is another; the message names the content.
    """
    found = hashlib.sha256(raw).hexdigest()
    if found == digest:
        return raw
    names = {known: f"{name}'s {file}" for name, files in CHECKSUMS.items() for file, known in files.items()}
    if found in names:
        raise ValueError(f"holds {names[found]} instead (SHA-256 expected: {digest}, found: {found})")
    try:
        shape: object = parse_idx(raw).shape
    except ValueError as problem:
        shape = problem
    raise ValueError(f"has another checksum: SHA-256 expected: {digest}, found: {found} (content: {shape})")


def unpack(packed: bytes) -> bytes:
    """Unpack a gzip file's bytes; a ValueError says why that fails."""
    if not packed.startswith(b"\x1f\x8b"):
        raise ValueError(f"is not a gzip file ({len(packed):,} bytes, starting with {packed[:8]!r})")
    try:
        return gzip.decompress(packed)
    except EOFError:
        raise ValueError(f"is a truncated gzip file (it ends early, after {len(packed):,} bytes)") from None
    except (OSError, zlib.error) as problem:
        raise ValueError(f"is a damaged gzip file ({problem})") from None


def read_files(directory: Path, name: str) -> Files:
    """The four files of a data set from one directory, where they lie as ``.gz`` or unpacked.

    Raises:
        DamagedError: a file cannot be read or has another checksum.
        UnavailableError: files are missing.
    """
    found = {file: _read_file(directory / file, digest) for file, digest in CHECKSUMS[name].items()}
    files = {file: raw for file, raw in found.items() if raw is not None}
    missing = [f"{file}.gz" for file in found if file not in files]
    if missing:
        lacks = "has none of the four files" if not files else f"lacks {', '.join(missing)}"
        raise UnavailableError(f"{directory} {lacks}")
    return files


def _read_file(stem: Path, digest: str) -> bytes | None:
    packed = stem.with_name(f"{stem.name}.gz")
    path = packed if os.path.lexists(packed) else stem
    try:
        content = path.read_bytes()
        return verify(unpack(content) if path == packed else content, digest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise DamagedError(path, f"cannot be read ({problem.strerror})") from None
    except ValueError as problem:
        raise DamagedError(path, str(problem)) from None
