"""The types that the fields of run files have: numbers within bounds, texts of bounded length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

LARGEST = 2**53
"""Beyond this number readers of JSON disagree."""

Integer = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Number = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Meta(ge=1, le=LARGEST)]
Size = Annotated[int, Meta(ge=0, le=LARGEST)]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=1e-9, le=1e8)]
"""A duration: from the nanosecond that the clock resolves to three years."""
Positive = Annotated[float, Meta(ge=1e-9, le=LARGEST)]
Elapsed = Annotated[float, Meta(ge=0, le=1e8)]
"""A duration that may be rounded to 0."""
Text = Annotated[str, Meta(max_length=1_000_000)]
Name = Annotated[str, Meta(min_length=1, max_length=10_000)]
Date = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d", max_length=40)]
"""ISO 8601, in UTC."""
Versions = Mapping[Name, Text | None]
"""Version by package; ``None`` for one that is not installed."""


class Part(Struct, frozen=True, kw_only=True):
    """A part of a row or of a run."""
