"""Sample images that the tutorials show, encoded for run files, so that reports draw them without the data set."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.data.datasets import Dataset

GRIDS = {
    "The first ten": [f"training:{place}" for place in range(10)],
    "Twenty-five from 20,000 on": [f"training:{place}" for place in range(20_000, 20_025)],
    "The first nine of the test images": [f"test:{place}" for place in range(9)],
}
"""What each grid of samples shows."""
SHOWCASE = {"training": (3,), "test": (*range(15), 800, 2000)}
"""The images whose probabilities the tutorials show, by part and place: one of 001, a grid of 15 and two of 004."""
ANSWERED = [f"test:{place}" for place in SHOWCASE["test"]]
"""Those beside which they draw the ten probabilities."""


def show_images(dataset: Dataset) -> dict[str, Any]:
    """Class names, and the sample images that the data set has: ``"test:0"`` to its `label` and `pixels` in base64.

    An image is 28 rows of 28 pixels, row by row; a pixel is a byte from 0 to 255, as in the data set.
    """
    parts = {
        "training": (dataset.train_images, dataset.train_labels),
        "test": (dataset.test_images, dataset.test_labels),
    }
    shown = {}
    for name in dict.fromkeys([*(name for grid in GRIDS.values() for name in grid), *ANSWERED]):
        part, place = name.split(":")
        images, labels = parts[part]
        if int(place) < len(images):
            pixels = base64.b64encode(images[int(place)].tobytes()).decode()
            shown[name] = {"label": int(labels[int(place)]), "pixels": pixels}
    return {"class_names": list(dataset.class_names), "images": shown}
