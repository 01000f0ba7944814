"""A data set in a folder, mapped into memory."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from bench.data.datasets import load_dataset
from bench.data.stored import ARRAYS, open_stored, store

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_stored_is_read_back_without_being_unpacked(tmp_path: Path) -> None:
    dataset = load_dataset("digits")
    store(dataset, tmp_path / "data")
    found = open_stored(tmp_path / "data")
    for name in ARRAYS:
        assert isinstance(getattr(found, name), np.memmap)
        assert np.array_equal(getattr(found, name), getattr(dataset, name))
    others = [field.name for field in fields(dataset) if field.name not in ARRAYS]
    assert [getattr(found, name) for name in others] == [getattr(dataset, name) for name in others]
