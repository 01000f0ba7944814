"""What an engine does: it knows machines, hands a request to one of them, and tells what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ended:
    """A request that has ended.

    Attributes:
        node: the machine that it was handed to.
        answer: what it wrote to standard output; ``None`` where it was lost.
        why: why it was lost.
    """

    node: str
    answer: bytes | None
    why: str = ""


class Engine(Protocol):
    """Hands requests to machines, each of which has one at a time."""

    def nodes(self) -> Mapping[str, str]:
        """The machines that are there now: what the engine calls each, to its address."""

    def submit(self, node: str, request: bytes) -> None:
        """Start a request on a machine that has none."""

    def wait(self, timeout_s: float) -> Ended | None:
        """The next request that ends, or whose machine is gone; ``None`` where none does in that time."""

    def close(self) -> None:
        """Leave the engine; requests that run are given up."""
