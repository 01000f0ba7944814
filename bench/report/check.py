"""Check of published pages, READMEs and pictures against the pinned runs: each is made anew and compared by cell."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from bench.errors import DensebenchError
from bench.records.record import RunReader
from bench.report.flames import check_flames
from bench.report.html.stored import make_stored
from bench.report.readme import find_sections
from bench.report.readme_sections import make_sections, mixed_machines
from bench.report.registry import make_pages, read_shown
from bench.report.svg import check_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

NOTHING = "nothing"
LONGEST = 120
"""Characters of a line without cells that are quoted."""
SECTION = re.compile(r"<!-- densebench: (?!end of)[^\n]*-->.*?<!-- densebench: end of [^\n]*-->", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\([^)\n]*\)")
MEASURED = re.compile(
    r"\b\d(?:[\d,.]*\d)?\s?(?:ns|µs|ms|images/s|GFLOP/s|times as|배)"
    r"|\b\d+ of (?!100\b)\d+\b|\b0\.\d{2,}\b|\b1\.\d\d\b"
    r"|\b\d+\.\d+\s?(?:%|s\b|points|포인트)"
)
"""Figures that only a measurement gives: durations below a second, rates, ratios, counts of duels, accuracies."""


def check(results: Path, readmes: Sequence[Path]) -> list[str]:
    """A line for each cell, line, picture or page that differs from the pinned runs, and for each other fault.

    Raises:
        DensebenchError: `published.toml` cannot be read.
    """
    shown = read_shown(results, RunReader())
    pages, warnings = make_pages(shown)
    found = [*shown.warnings, *warnings, *check_pages(results / "tables", pages)]
    found += [mixed] if (mixed := mixed_machines(shown)) else []
    sections = make_sections(shown)
    for readme in readmes:
        text = readme.read_text(encoding="utf-8")
        found += check_readme(readme, text, sections)
        found += check_prose(readme, text)
    found += check_flames(results, shown.kinds["explanations"])
    return [*found, *check_pictures(results, make_stored(shown))]


def check_pages(folder: Path, pages: Mapping[str, str]) -> Iterator[str]:
    """Yield the differences between a folder's pages and what they should be."""
    for name in sorted({*pages, *(path.stem for path in folder.glob("*.md"))}):
        path = folder / f"{name}.md"
        if name not in pages:
            yield f"{path}: no pinned run says what it says"
        elif not path.exists():
            yield f"{path}: it is missing, though the pinned runs are enough for it"
        else:
            yield from differences(str(path), path.read_text(encoding="utf-8"), pages[name], first_line=1)


def check_readme(readme: Path, text: str, sections: Mapping[str, str]) -> Iterator[str]:
    """Yield the differences between a README's sections and what they should be."""
    try:
        places = find_sections(readme, text, sections)
    except DensebenchError as error:
        yield str(error)
        return
    for name, (start, end) in places.items():
        yield from differences(
            str(readme), text[start:end], f"\n\n{sections[name]}\n\n", first_line=text.count("\n", 0, start) + 1
        )


def check_prose(readme: Path, text: str) -> Iterator[str]:
    """Yield a line for each measured figure in a README that is outside of its generated sections."""
    for pattern in (SECTION, CODE, LINK):
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for number, line in enumerate(text.splitlines(), start=1):
        for match in MEASURED.finditer(line):
            yield f"{readme}, line {number}: {match[0]!r} looks measured, and no stored run gives it"


def differences(place: str, published: str, made: str, *, first_line: int) -> Iterator[str]:
    """Yield a line for each table cell, and for each other line, in which two texts differ."""
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
        yield f"{place}: {_quote(stands, start)} stands there; the pinned runs give {_quote(should, start)}"
        return
    for header, cell, given in zip(headers, theirs, ours, strict=True):
        if cell != given:
            yield f"{place}, {ours[0]}, {header!r}: {_quote(cell)} stands there; the pinned runs give {_quote(given)}"


def _cells(line: str) -> list[str]:
    """The cells of a line of a table; empty for any other line."""
    if not line.startswith("|"):
        return []
    return [cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")]


def _start(stands: str, should: str) -> int:
    """The index from which two lines are quoted: shortly before they differ, or 0 if both are short."""
    if max(len(stands), len(should)) <= LONGEST:
        return 0
    alike = next(place for place, (a, b) in enumerate(zip_longest(stands, should)) if a != b)
    return max(0, alike - LONGEST // 3)


def _quote(text: str, start: int = 0) -> str:
    if not text:
        return NOTHING
    end = start + LONGEST
    return repr(f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}")
