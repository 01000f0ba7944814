"""Fields of stored JSON, checked as they are read: each function returns the stated type or raises ValueError."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_INTEGER = 2**53
"""Beyond it JSON readers disagree."""
_REQUIRED = object()


def field(owner: Any, name: str, kind: type | tuple[type, ...], *, default: Any = _REQUIRED) -> Any:
    """The value of a field, of the given type; `default`, if given, where the field is missing."""
    if not isinstance(owner, dict):
        raise ValueError(f"an object with {name!r} is expected where {type(owner).__name__} stands")  # noqa: TRY004  whatever is wrong in a file is a ValueError
    if name not in owner and default is not _REQUIRED:
        return default
    if name not in owner:
        raise ValueError(f"the field {name!r} is missing")
    value = owner[name]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(one.__name__ for one in kinds)
        raise ValueError(f"the field {name!r} is {str(value)[:40]!r}; {names} is expected")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError(f"the field {name!r} is too large a number")
    return value


def count(owner: Any, name: str) -> int:
    """A whole number of 1 or more."""
    value: int = field(owner, name, int)
    if value < 1:
        raise ValueError(f"the field {name!r} is {value}; 1 or more is expected")
    return value


def strings(owner: Any, name: str) -> tuple[str, ...]:
    """A list of strings."""
    values: Sequence[Any] = field(owner, name, list)
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"the field {name!r} must be a list of strings")
    return tuple(values)


def numbers(owner: Any, name: str) -> tuple[float, ...]:
    """A list of finite numbers; empty where the field is missing."""
    values: Sequence[Any] = field(owner, name, list, default=[])
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
        raise ValueError(f"the field {name!r} must be a list of finite numbers")
    return tuple(values)


def within(owner: Any, name: str, low: float, high: float) -> tuple[float, ...]:
    """A list of finite numbers from `low` to `high`; empty where the field is missing."""
    values = numbers(owner, name)
    if not all(low <= value <= high for value in values):
        raise ValueError(f"the field {name!r} must be a list of numbers from {low} to {high}")
    return values


def numbers_or_none(owner: Any, name: str) -> tuple[float | None, ...]:
    """A list of finite numbers or ``None`` (JSON `null`); empty where the field is missing."""
    values: Sequence[Any] = field(owner, name, list, default=[])
    known = iter(numbers({name: [value for value in values if value is not None]}, name))
    return tuple(None if value is None else next(known) for value in values)


def timings(owner: Any, name: str) -> tuple[float, ...]:
    """A list of seconds above 0; empty where the field is missing."""
    values = numbers(owner, name)
    if not all(value > 0 for value in values):
        raise ValueError(f"the field {name!r} holds timings that are not above 0")
    return values
