"""HTML page of the report: its sections as JSON, the script that draws them, Plotly and the style in one file."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.files import write_atomically
from bench.records.record import SHAPE_ERRORS
from bench.report.html.sections import (
    answers,
    classes,
    compatibility,
    curves,
    explanations,
    headline,
    images,
    latency,
    releases,
    reproduced,
    selftest,
    sources,
    trainers,
)
from bench.report.html.view import FACETS, Section, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from bench.report.html.stored import Stored

HERE = Path(__file__).parent
TITLE = "densebench"
SECTIONS: dict[str, Callable[[Stored], Section]] = {
    "Three questions": answers.make_section,
    "Models": headline.make_section,
    "Latency": latency.make_section,
    "TensorFlow's releases": releases.make_section,
    "What survives an upgrade": compatibility.make_section,
    "Why is it slower?": explanations.make_section,
    "Trainers, devices, backends": trainers.make_section,
    "Learning curves": curves.make_section,
    "Classes": classes.make_section,
    "Images and answers": images.make_section,
    "The tutorials' figures": reproduced.make_section,
    "How far to trust a verdict": selftest.make_section,
    "Where the numbers come from": sources.make_section,
}
"""The chapters in their order."""
SCRIPTS = ("state", "tables", "plots", "pictures", "panels", "start")
"""The parts of the page's script, in the order in which they run; `tox -e script` checks their types."""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""Content security: the page can load nothing from anywhere."""
PLOTLY = HERE / "plotly" / "plotly-cartesian.min.js"
LICENCE = "Charts: plotly.js (MIT licence). Fashion-MNIST: Zalando SE (MIT licence). MNIST: LeCun, Cortes, Burges."


def write_report(stored: Stored, folder: Path) -> tuple[Path, list[str]]:
    """Write `index.html` into a folder; return its path and a warning for each chapter that could not be made.

    Raises:
        OSError: the page could not be written; the old one is kept.
    """
    sections, warnings = make_sections(stored)
    page = build_page(stored, sections, plotly_script())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    write_atomically(path, page.encode())
    return path, warnings


def make_sections(stored: Stored) -> tuple[list[Section], list[str]]:
    """Make all chapters; a warning for each that the stored data is not fit for."""
    sections, warnings = [], []
    for title, make in SECTIONS.items():
        try:
            sections.append(make(stored))
        except SHAPE_ERRORS as error:
            text = f"A stored run has something else where this chapter's figures should be: {shorten(repr(error))}"
            warnings.append(f"chapter {title!r}: {text}")
            sections.append(Section(key=f"broken-{len(sections)}", title=title, text=text, panels=[]))
    return sections, warnings


def plotly_script() -> str:
    """The source of plotly.js: the bundle for charts with two axes, a third of the whole.

    It is the npm package `plotly.js-cartesian-dist-min`, unchanged, with its licence beside it. The whole bundle comes
    in the Python package; this one does not.
    """
    return PLOTLY.read_text(encoding="utf-8")


def own_script() -> str:
    """The page's script, in a scope of its own; what it hands out is `densebench`."""
    parts = [(HERE / "script" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(['"use strict";', "const densebench = (() => {", *parts, "return { drawPlots, state };", "})();"])


def build_page(stored: Stored, sections: Sequence[Section], plotly: str) -> str:
    """The complete page as HTML."""
    run = stored.headline
    metadata = f"Newest run of the suite: {run.started_at[:10]}, commit {run.commit}." if run else ""
    shown, known = compact(sections)
    data = {"facets": FACETS, "links": stored.links, **known, "sections": shown}
    style = (HERE / "report.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="color-scheme" content="light dark">
<title>{TITLE}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header>
<h1>{TITLE}</h1>
<p>Dense classifiers, trained, exported and timed. {html.escape(shorten(metadata))}</p>
</header>
<div id="controls"></div>
<main id="main" tabindex="-1"><noscript>This page draws its figures with a script; the same numbers stand as tables in
results/tables/.</noscript></main>
<footer><p>{LICENCE}</p></footer>
<script type="application/json" id="data">{embed(data)}</script>
<script>{own_script()}</script>
<script>{plotly}</script>
<script>densebench.drawPlots();</script>
</body>
</html>
"""


def compact(sections: Sequence[Section]) -> tuple[Any, dict[str, list[Any]]]:
    """Chapters as plain data, with the number of each facet set and file name in its place, and the lists of these.

    Some thousand lines and traces share a few of them, which else make a fifth of the page.
    """
    shown = msgspec.to_builtins(sections)
    known: dict[str, dict[str, int]] = {"facet_sets": {}, "files": {}}
    values: dict[str, list[Any]] = {name: [] for name in known}

    def number(name: str, value: Any) -> int:
        key = msgspec.json.encode(value).decode()
        if key not in known[name]:
            known[name][key] = len(values[name])
            values[name].append(value)
        return known[name][key]

    for panel in (panel for section in shown for panel in section["panels"]):
        for item in (*panel.get("traces", ()), *(panel.get("table") or {}).get("lines", ())):
            if "facets" in item:
                item["facets"] = number("facet_sets", item["facets"])
            if isinstance(item.get("file", item.get("files")), str):
                name = "file" if "file" in item else "files"
                item[name] = number("files", item[name])
    return shown, values


def embed(data: Any) -> str:
    """Data as JSON, escaped for use inside a script element; what is no finite number becomes ``null``."""
    text = msgspec.json.encode(data).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
