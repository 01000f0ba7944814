"""Training and validation arrays of a recipe, split and scaled as its protocol says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.data.datasets import Dataset
    from models import Holdout, Training

EDGE, PIXELS = 28, 784


@dataclass(frozen=True, slots=True, eq=False)
class PixelScaling:
    """Pixels `x` in [0, 1] become ``x * slope + offset``; both float64 (784,)."""

    slope: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Training and validation arrays: images float32 (n, 784), labels int64 (n,).

    Validation is empty if the protocol has none.

    Attributes:
        scaling: the scaling that was applied to images in [0, 1]; ``None`` if none was.
    """

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    validation_images: NDArray[np.float32]
    validation_labels: NDArray[np.int64]
    scaling: PixelScaling | None = None


def scale(images: NDArray[Any]) -> NDArray[np.float32]:
    """Pixels (n, 28, 28) of 0-255 as float32 rows (n, 784) in [0, 1]; examples of any other kind as float32."""
    if images.dtype != np.uint8 or images.shape[1:] != (EDGE, EDGE):
        return images.astype(np.float32)
    scaled: NDArray[np.float32] = images.reshape(len(images), PIXELS).astype(np.float32) / np.float32(255)
    return scaled


def make_split(dataset: Dataset, training: Training) -> Split:
    """The training and validation arrays of a protocol.

    A cap on the training images takes the first ones after the last split; scaling is fitted on what is then left.
    """
    images = scale(dataset.train_images)
    labels = dataset.train_labels.astype(np.int64)
    validation_images, validation_labels = images[:0], labels[:0]
    holdout = training.holdout
    if holdout:
        for _ in range(holdout.times):
            images, validation_images, labels, validation_labels = _split_off(images, labels, holdout)
    cap = training.train_images
    split = Split(images[:cap], labels[:cap], validation_images, validation_labels)
    return split if training.scaling == "unit" else _scale_split(split, training.scaling)


def _split_off(images: Any, labels: Any, holdout: Holdout) -> list[Any]:
    from sklearn.model_selection import train_test_split

    shuffled = holdout.random_state is not None
    parts: list[Any] = train_test_split(
        images, labels, test_size=holdout.fraction, random_state=holdout.random_state, shuffle=shuffled
    )
    return parts


def _scale_split(split: Split, kind: str) -> Split:
    """scikit-learn's scaler of that kind, fitted on the training images and applied to both parts."""
    from sklearn import preprocessing

    scalers = {
        "min-max": preprocessing.MinMaxScaler,
        "robust": preprocessing.RobustScaler,
        "standard": preprocessing.StandardScaler,
    }
    scaler = scalers[kind]().fit(split.train_images.astype(np.float64))
    offset, unit = scaler.transform(np.stack([np.zeros(PIXELS), np.ones(PIXELS)]))
    scaling = PixelScaling(slope=unit - offset, offset=offset)
    return replace(
        split,
        train_images=apply_scaling(scaling, split.train_images),
        validation_images=apply_scaling(scaling, split.validation_images),
        scaling=scaling,
    )


def apply_scaling(scaling: PixelScaling, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images (n, 784) in [0, 1] after the scaling, float32."""
    return (images * scaling.slope + scaling.offset).astype(np.float32)
