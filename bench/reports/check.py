"""Whether what is published is what the stored runs say: every page is made anew and compared, cell by cell."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.reports.published import make_pages, make_sections
from bench.reports.readme import find_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

NOTHING = "nothing"
LONGEST = 120
"""Characters of a line without cells that are quoted."""


def check(results: Path, readmes: Sequence[Path]) -> list[str]:
    """A line for each cell, line or page that is not what the stored runs give, and each run that cannot be read."""
    pages, complaints = make_pages(results)
    found = [*complaints, *check_pages(results / "tables", pages)]
    sections = make_sections(results)
    for readme in readmes:
        found += check_readme(readme, sections)
    return found


def check_pages(folder: Path, pages: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the pages of a folder, given what they should be."""
    for name in sorted({*pages, *(path.stem for path in folder.glob("*.md"))}):
        path = folder / f"{name}.md"
        if name not in pages:
            yield f"{path}: no stored run says what it says"
        elif not path.exists():
            yield f"{path}: it is missing, though the stored runs are enough for it"
        else:
            yield from differences(str(path), path.read_text(encoding="utf-8"), pages[name], first_line=1)


def check_readme(readme: Path, sections: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the sections of a README, given what they should be."""
    text = readme.read_text(encoding="utf-8")
    for name, section in sections.items():
        try:
            start, end = find_section(readme, text, name)
        except DensebenchError as error:
            yield str(error)
            continue
        yield from differences(
            str(readme), text[start:end], f"\n\n{section}\n\n", first_line=text.count("\n", 0, start) + 1
        )


def differences(place: str, published: str, made: str, *, first_line: int) -> Iterator[str]:
    """A line for each cell, and for each other line, in which two texts differ."""
    headers: list[str] = []
    pairs = zip_longest(published.splitlines(), made.splitlines(), fillvalue="")
    for number, (stands, should) in enumerate(pairs, start=first_line):
        cells = _cells(should)
        if not cells:
            headers = []
        elif not headers:
            headers = cells
        if stands != should:
            yield from _line_differences(f"{place}, line {number}", stands, should, headers)


def _line_differences(place: str, stands: str, should: str, headers: Sequence[str]) -> Iterator[str]:
    ours, theirs = _cells(should), _cells(stands)
    if not ours or len(ours) != len(theirs) or ours == theirs:
        start = _start(stands, should)
        yield f"{place}: {_quote(stands, start)} stands there; the stored runs give {_quote(should, start)}"
        return
    for header, cell, given in zip(headers, theirs, ours, strict=True):
        if cell != given:
            yield f"{place}, {ours[0]}, {header!r}: {_quote(cell)} stands there; the stored runs give {_quote(given)}"


def _cells(line: str) -> list[str]:
    """The cells of a line of a table; empty for any other line."""
    if not line.startswith("|"):
        return []
    return [cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")]


def _start(stands: str, should: str) -> int:
    """From where two lines are quoted: a little before they begin to differ, or from the start of short ones."""
    if max(len(stands), len(should)) <= LONGEST:
        return 0
    alike = next(place for place, (a, b) in enumerate(zip_longest(stands, should)) if a != b)
    return max(0, alike - LONGEST // 3)


def _quote(text: str, start: int = 0) -> str:
    if not text:
        return NOTHING
    end = start + LONGEST
    return repr(f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}")
