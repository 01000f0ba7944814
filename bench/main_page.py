"""The suite's page: a stored run of a data set as tables. No framework is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tables import caption, headline_table, latency_table, notices, readme_table, training_table

if TYPE_CHECKING:
    from bench.records.record import Run


def readme_section(run: Run) -> str:
    """The README's part of it: what the models are, how accurate, how fast; all else is on the page of the data set."""
    return "\n\n".join([*notices(run), readme_table(run), caption(run)])


def headline_section(run: Run) -> str:
    """The results table with its caption and whatever must be known before believing it."""
    return "\n\n".join([*notices(run), headline_table(run), caption(run)])


def tables_page(run: Run) -> str:
    """All tables of one run as a Markdown page."""
    return (
        "\n\n".join(
            [
                f"# {run.dataset}",
                headline_section(run),
                "## Training, seed by seed",
                training_table(run),
                "## ONNX Runtime latency",
                latency_table(run),
            ]
        )
        + "\n"
    )
