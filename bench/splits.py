"""The arrays that a recipe trains and is scored on, cut from a data set exactly as its protocol says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.datasets import Dataset
    from models import Training

SPLIT_FRACTION = 0.2
SPLIT_SEED = 42


@dataclass(frozen=True, slots=True)
class Split:
    """Images float32 (n, 784) in [0, 1], labels int64 (n,). Validation is empty where the protocol has none."""

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    validation_images: NDArray[np.float32]
    validation_labels: NDArray[np.int64]


def scale(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels (n, 28, 28) of 0-255 as float32 rows (n, 784) in [0, 1]."""
    scaled: NDArray[np.float32] = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    return scaled


def make_split(dataset: Dataset, training: Training) -> Split:
    """The training and validation arrays of a protocol.

    Each split is scikit-learn's ``train_test_split(test_size=0.2, random_state=42)``, as in the tutorials, applied to
    what the one before it left for training. A cap on the training images takes the first ones after the last split.
    """
    images = scale(dataset.train_images)
    labels = dataset.train_labels.astype(np.int64)
    validation_images, validation_labels = images[:0], labels[:0]
    for _ in range(training.validation_splits):
        from sklearn.model_selection import train_test_split  # noqa: PLC0415  slow to import, and not always needed

        images, validation_images, labels, validation_labels = train_test_split(
            images, labels, test_size=SPLIT_FRACTION, random_state=SPLIT_SEED
        )
    cap = training.train_images
    return Split(images[:cap], labels[:cap], validation_images, validation_labels)
