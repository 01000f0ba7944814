"""Generated sections of READMEs: finds and replaces the text between their markers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


BY = ", written by `python -m bench report --readme`"
END = "end of "
MARKER = re.compile(rf"<!-- densebench: (.*?)(?:{re.escape(BY)})? -->")


def markers(name: str) -> tuple[str, str]:
    """The first and the last marker line of a section."""
    return f"<!-- densebench: {name}{BY} -->", f"<!-- densebench: {END}{name} -->"


def find_sections(readme: Path, text: str, sections: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Find the sections of a README: start and end of each, without its markers, by name in the order of the text.

    Raises:
        DensebenchError: a marker is missing or in the wrong order, or nothing has its name.
    """
    places: dict[str, tuple[int, int]] = {}
    end = 0
    for match in MARKER.finditer(text):
        name = match[1]
        if match.start() < end:
            continue
        if name.startswith(END):
            raise DensebenchError(f"{readme}: the marker {match[0]!r} ends what has not begun.")
        if name not in sections:
            raise DensebenchError(
                f"{readme}: {match[0]!r}: there is no section {name!r}. Known: {', '.join(sections)}."
            )
        last = markers(name)[1]
        end = text.find(last, match.end())
        if end < 0:
            raise DensebenchError(f"{readme}: the marker {last!r} is missing after {match[0]!r}.")
        places[name] = (match.end(), end)
        end += len(last)
    return places


def refresh_readme(readme: Path, sections: Mapping[str, str]) -> bool:
    """Put each section between the README's markers of its name; whether that changed the file.

    Raises:
        DensebenchError: as `find_sections`; the file is not changed.
    """
    before = text = readme.read_text(encoding="utf-8")
    for name, (start, end) in reversed(find_sections(readme, text, sections).items()):
        text = f"{text[:start]}\n\n{sections[name]}\n\n{text[end:]}"
    if text == before:
        return False
    write_atomically(readme, text.encode())
    return True
