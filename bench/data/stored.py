"""A data set in a folder of its own, from which processes of a trial map it into memory instead of unpacking it."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from bench.data.datasets import Dataset

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
FACTS = "facts.json"


def store(dataset: Dataset, folder: Path) -> None:
    """Write a data set into a folder, which is made."""
    folder.mkdir()
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(dataset, name), allow_pickle=False)
    facts = {field.name: getattr(dataset, field.name) for field in fields(dataset) if field.name not in ARRAYS}
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def open_stored(folder: Path) -> Dataset:
    """The data set that `store` wrote into a folder; its arrays are read when they are used."""
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
    return Dataset(**{**facts, "class_names": tuple(facts["class_names"])}, **arrays)
