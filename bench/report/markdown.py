"""Markdown from stored runs: tables, captions and escaped text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.record import Run


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: Sequence[int]) -> str:
    """A table of escaped cells; columns in `text_columns` (indices) are aligned to the left, others to the right."""
    align = ["left" if column in text_columns else "right" for column in range(len(headers))]
    cells = [[escape(cell) for cell in row] for row in rows]
    return tabulate(
        cells,
        [escape(header) for header in headers],
        tablefmt="pipe",
        colalign=align if cells else None,
        disable_numparse=True,
    )


def escape(text: str) -> str:
    """Text from a run file, escaped for a Markdown table cell: one line without HTML or column separators."""
    one_line = re.sub(r"\s+", " ", text)
    return html.escape(one_line, quote=False).replace("|", "\\|")


def plain(text: str, *, stars: bool = False) -> str:
    """A sentence without its Markdown: backticks and what `escape` did are taken away, and stars unless wanted."""
    found = html.unescape(text.replace("`", "").replace("\\|", "|"))
    return found if stars else found.replace("**", "")


PACKAGE_NAMES = {
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "jax": "JAX",
    "torch": "PyTorch",
    "numpy": "NumPy",
    "scikit-learn": "scikit-learn",
    "onnxruntime": "ONNX Runtime",
}
"""Packages as they are stored, and as readers know them."""


def provenance(run: Run, packages: Sequence[str]) -> list[str]:
    """Provenance of figures: processor, versions, date, commit, command and run file.

    Args:
        run: whose figures they are.
        packages: of `PACKAGE_NAMES`, whose versions are told; missing ones are left out.
    """
    machine, found = run.machine, run.packages
    versions = [f"{PACKAGE_NAMES[name]} {found[name]}" for name in packages if found.get(name)]
    return [
        f"{machine.cpu}, {machine.cpus} CPUs",
        ", ".join([f"Python {machine.python}", *versions]),
        run.started_at[:10],
        f"commit {run.commit}",
        f"`{run.command}`",
        f"run file `{run.file}`",
    ]
