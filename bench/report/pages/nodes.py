"""One comparison on several machines: each machine's own value, and what can be said of machines in general."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.records.nodes import FEWEST_NODES, across_nodes
from bench.report.markdown import escape, markdown_table
from bench.report.pages.trials import LABELS
from bench.stats.simultaneous import ALARM_ERROR, ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.nodes import AcrossNodes
    from bench.records.trials import StoredTrial

DEPENDS = "depends on the node"
ALONE = "each node alone"


def nodes_page(trials: Sequence[StoredTrial]) -> str:
    """A table with a column per machine, and a verdict where there are enough of them."""
    found = across_nodes(trials)
    nodes = [trial.options.node for trial in trials]
    rows = [
        [
            *(f"{against} to {role}" for against, role in [one.key[0]]),
            f"{one.key[1]} {LABELS[one.key[2]]}",
            *(f"{math.exp(one.values[node]):.3f}" for node in nodes),
            f"{100 * one.spread.deviation:.1f} %",
            word(one),
        ]
        for one in found
    ]
    headers = ["Pair", "Finding", *nodes, "Between nodes (sd)", "Verdict"]
    parts = ["## On several machines", markdown_table(headers, rows, text_columns=(0, 1, len(headers) - 1))]
    if len(trials) < FEWEST_NODES:
        parts.append(
            f"{len(trials)} machines: each has its own verdicts, and of machines in general nothing is said with fewer "
            f"than {FEWEST_NODES}."
        )
    else:
        parts.append(
            f"One value per machine is judged: a false alarm in at most {100 * ALARM_ERROR:.0f} of 100 such "
            f"comparisons, anything wrong in at most {100 * ERROR:.0f}; these {len(trials)} are a sample of them."
        )
    parts.append(f"*{DEPENDS}*: the machines differ by more than the margin, and by more than their rounds explain.")
    return "\n\n".join(escape(part) if not part.startswith("|") else part for part in parts) + "\n"


def word(one: AcrossNodes) -> str:
    """The verdict on machines in general, or that there is none."""
    if one.spread.matters:
        return DEPENDS
    return one.effect.word if one.effect else ALONE
