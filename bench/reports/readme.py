"""The sections of the README that are made from stored runs; they stand between markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def markers(name: str) -> tuple[str, str]:
    """The lines between which a section of that name goes."""
    return (
        f"<!-- densebench: {name}, written by `python -m bench report --readme` -->",
        f"<!-- densebench: end of the {name} -->",
    )


def find_section(readme: Path, text: str, name: str) -> tuple[int, int]:
    """Where in the README's text the section of that name begins and ends, without its markers.

    Raises:
        DensebenchError: a marker is missing, or they stand in the wrong order.
    """
    first, last = markers(name)
    start, end = text.find(first), text.find(last)
    for marker, place in ((first, start), (last, end)):
        if place < 0:
            raise DensebenchError(f"{readme}: the marker {marker!r} is missing; the {name} goes between the two.")
    if end < start:
        raise DensebenchError(f"{readme}: the marker {last!r} stands before {first!r}.")
    return start + len(first), end


def refresh_readme(readme: Path, sections: Mapping[str, str]) -> None:
    """Put each section between the README's markers of its name.

    Raises:
        DensebenchError: as `find_section`; the file is left as it is.
    """
    text = readme.read_text(encoding="utf-8")
    for name, section in sections.items():
        start, end = find_section(readme, text, name)
        text = f"{text[:start]}\n\n{section}\n\n{text[end:]}"
    write_atomically(readme, text.encode())
