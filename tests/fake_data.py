"""Two made-up data sets of a few images, the files that hold them, and every way in which such a file is damaged."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.idx import format_idx
from bench.data.sources import FILES
from bench.data.sources.keras_download import KERAS_NPZ_KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from bench.data.datasets import Dataset

TRAIN, TEST = 5, 3
IMAGES, LABELS = "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
PACKED = sorted(f"{file}.gz" for file in FILES)


def make_arrays(seed: int) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    random = np.random.default_rng(seed)
    shapes = [(TRAIN, 28, 28), (TRAIN,), (TEST, 28, 28), (TEST,)]
    return [random.integers(0, 10, shape, np.uint8) for shape in shapes]


ARRAYS = {"fashion_mnist": make_arrays(1), "mnist": make_arrays(2)}
RAW = {
    name: dict(zip(FILES, map(format_idx, arrays), strict=True)) for name, arrays in ARRAYS.items()
}  # what the four files hold, uncompressed

GOOD = gzip.compress(RAW["fashion_mnist"][IMAGES])
ALTERED = RAW["fashion_mnist"][IMAGES][:-1] + b"\xff"
DAMAGES = {
    "truncated": (GOOD[:-20], "is a truncated gzip file"),
    "header only": (GOOD[:5], "is a truncated gzip file"),
    "empty": (b"", "is not a gzip file (0 bytes"),
    "no gzip": (b"<html>not found", "is not a gzip file (15 bytes, starting with b'<html>no')"),
    "bit flipped": (GOOD[:-8] + b"\x00\x00\x00\x00" + GOOD[-4:], "is a damaged gzip file (CRC check failed"),
    "damaged inside": (GOOD[:10] + b"\xff" * 20 + GOOD[30:], "is a damaged gzip file"),
    "altered": (gzip.compress(ALTERED), "has another checksum: SHA-256 expected: "),
    "short": (gzip.compress(ALTERED[:-9]), "truncated: its header (5, 28, 28) asks for 3,936 bytes, found 3,927"),
    "foreign": (gzip.compress(RAW["mnist"][IMAGES]), "holds mnist's train-images-idx3-ubyte instead"),
}


def write_files(directory: Path, name: str, *, packed: bool = True) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for file, raw in RAW[name].items():
        if packed:
            (directory / f"{file}.gz").write_bytes(gzip.compress(raw))
        else:
            (directory / file).write_bytes(raw)


def make_npz(**changes: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    arrays: dict[str, Any] = dict(zip(KERAS_NPZ_KEYS, ARRAYS["mnist"], strict=True)) | changes
    np.savez(stream, **arrays)
    return stream.getvalue()


def assert_is(dataset: Dataset, name: str) -> None:
    found = (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels)
    for array, expected in zip(found, ARRAYS[name], strict=True):
        np.testing.assert_array_equal(array, expected)
    assert (dataset.name, dataset.fallback_reason) == (name, None)
