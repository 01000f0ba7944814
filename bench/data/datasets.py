"""The registry of data sets, in display order, and the function that loads one."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.data import sources
from bench.data.idx import format_idx, parse_idx
from bench.errors import DensebenchError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

DEFAULT = PUBLISHED_DATASET = "fashion_mnist"
FALLBACK = "digits"


# Compared by identity: "==" on arrays has no single answer.
@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images with their labels, for training and for testing.

    Attributes:
        name: its key in `DATASETS`.
        train_images: uint8, ``(n, 28, 28)``, 0 is the background and 255 full ink; read-only, like all four arrays. A
            user's own data are numbers of any shape ``(n, ...)``.
        train_labels: uint8, ``(n,)``, indices into ``class_names``.
        test_images: uint8, ``(m, 28, 28)``.
        test_labels: uint8, ``(m,)``.
        class_names: the class of each label.
        source: title of the source that delivered it; no path, since run files are published.
        sha256: SHA-256 of the hex digests of the four uncompressed IDX files, joined: training images, training
            labels, test images, test labels.
        fallback_reason: set if this data set replaces one that no source could deliver; a line for each source.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    class_names: tuple[str, ...]
    source: str
    sha256: str
    fallback_reason: str | None = None


MADE_UP = Dataset(
    name="made-up",
    train_images=np.zeros((0, 28, 28), np.uint8),
    train_labels=np.zeros(0, np.uint8),
    test_images=np.zeros((0, 28, 28), np.uint8),
    test_labels=np.zeros(0, np.uint8),
    class_names=(),
    source="NumPy's random numbers",
    sha256="",
)
"""What stands for the data where only models are measured that come without any."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One data set of the registry.

    Attributes:
        title: its name in texts.
        class_names: the class of each label.
        sizes: number of training images and of test images.
        deliver: returns its four IDX files; takes the arguments of `bench.data.sources.deliver`.
    """

    title: str
    class_names: tuple[str, ...]
    sizes: tuple[int, int]
    deliver: Callable[[str, Path | None], sources.Delivery]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The availability of a data set from one source, with the source's own message."""

    source: str
    available: bool
    detail: str


def load_dataset(name: str | None, data_dir: Path | None = None) -> Dataset:
    """A data set, verified, from the first source that has it.

    Args:
        name: a key of `DATASETS`; None: Fashion-MNIST, or else the digits, with ``fallback_reason`` set.
        data_dir: a directory that holds ``fashion-mnist/`` and ``mnist/``; None: the one that the environment
            variable DENSEBENCH_DATA names, if it does. The digits need none and do not look at it.

    Raises:
        DensebenchError: the name is unknown; no source has the data set that was asked for by name; or the directory
            that the user named does not exist or holds a damaged file.
    """
    wanted = DEFAULT if name is None else name
    entry = _find_entry(wanted)
    try:
        return _assemble(wanted, entry.deliver(wanted, data_dir))
    except sources.UnavailableError as failure:
        if name is not None:
            raise DensebenchError(f"{failure}\n{_advice(name)}") from None
        reason = str(failure)
    return replace(load_dataset(FALLBACK), fallback_reason=reason)


def probe_sources(name: str, data_dir: Path | None = None) -> list[SourceReport]:
    """The availability of a data set from each source, in the order in which they are tried.

    Downloads nothing and changes nothing; takes seconds where the network is silent. Never raises.

    Args:
        name: a key of `DATASETS`; for another name, the one report says that it is unknown.
        data_dir: as for `load_dataset`.
    """
    if name == "digits":
        found = importlib.util.find_spec("sklearn") is not None
        return [
            SourceReport("scikit-learn", found, "part of the package" if found else "scikit-learn is not installed")
        ]
    if name not in sources.CHECKSUMS:
        return [SourceReport("registry", available=False, detail=str(unknown_name("data set", name, DATASETS)))]
    return [_probe(source, sources.Wanted(name, data_dir)) for source in sources.SOURCES]


def _probe(source: sources.Source, wanted: sources.Wanted) -> SourceReport:
    try:
        return SourceReport(source.title, available=True, detail=source.probe(wanted))
    except Exception as problem:  # noqa: BLE001 - a report on what is broken must not break
        return SourceReport(source.title, available=False, detail=str(problem) or repr(problem))


def _find_entry(name: str) -> Entry:
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    return DATASETS[name]


def _assemble(name: str, delivery: sources.Delivery) -> Dataset:
    entry, files = DATASETS[name], delivery.files
    arrays = [parse_idx(files[file]) for file in sources.FILES]
    train_size, test_size = entry.sizes
    expected = [(train_size, 28, 28), (train_size,), (test_size, 28, 28), (test_size,)]
    found = [array.shape for array in arrays]
    if found != expected:
        raise ValueError(f"the arrays of {name} should have the shapes {expected}, found {found}")
    digests = "".join(hashlib.sha256(files[file]).hexdigest() for file in sources.FILES)
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        name=name,
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        class_names=entry.class_names,
        source=delivery.source,
        sha256=hashlib.sha256(digests.encode()).hexdigest(),
    )


def _advice(name: str) -> str:
    files = ", ".join(f"{file}.gz" for file in sources.FILES)
    lines = [
        "Any one of these mends it:",
        f"  - put {files}",
        f"    into DIRECTORY/{sources.FOLDERS[name]}/ and name DIRECTORY by --data-dir or {sources.DATA_DIR_VARIABLE};",
        f"  - let this machine reach {sources.KERAS_URL} once;",
    ]
    if name == "fashion_mnist":
        lines.append(f"  - on Debian or Ubuntu: apt-get install {sources.DEBIAN_PACKAGE};")
    lines.append(f"  - ask for the data set {FALLBACK!r}, which needs no download.")
    return "\n".join(lines)


def _generate_digits(_name: str, _data_dir: Path | None) -> sources.Delivery:
    """scikit-learn's 1,797 digits, 8x8 with values 0 to 16, as the files of a small MNIST."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images, labels = _enlarge(digits.images), digits.target.astype(np.uint8)
    test_size = DATASETS["digits"].sizes[1]
    split = train_test_split(images, labels, test_size=test_size, stratify=labels, random_state=42)
    train_images, test_images, train_labels, test_labels = split
    arrays = (train_images, train_labels, test_images, test_labels)
    return sources.Delivery("scikit-learn", dict(zip(sources.FILES, map(format_idx, arrays), strict=True)))


def _enlarge(images: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Images of 8x8 values in [0, 16] as 28x28 in [0, 255]: each pixel three times as wide and high, and a border."""
    bytes_ = np.rint(images * (255 / 16)).astype(np.uint8)
    return np.pad(bytes_.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))


_DIGIT_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_FASHION_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

DATASETS: dict[str, Entry] = {
    "fashion_mnist": Entry("Fashion-MNIST", _FASHION_NAMES, (60_000, 10_000), sources.deliver),
    "mnist": Entry("MNIST", _DIGIT_NAMES, (60_000, 10_000), sources.deliver),
    "digits": Entry("scikit-learn's digits at 28x28", _DIGIT_NAMES, (1_437, 360), _generate_digits),
}
