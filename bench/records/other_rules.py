"""Decision rules of this suite and of two other tools for "HEAD is slower", on the same raw data. Pure functions.

The two other rules pool all rounds of a side, as their own tools do within a run. They get the interleaved rounds of
all blocks, which is more than those tools would measure.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.records.duels import outcomes
from bench.stats.verdicts import SLOWER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.records.duels import Margins, Row

MEDIAN_LIMIT = 0.05
"""``--compare-fail=median:5%``."""
ASV_FACTOR = 1.05
ASV_P = 0.002
"""asv's `is_different` (its module `statistics`) and the factor of ``asv continuous --factor 1.05``."""


def duel_says_slower(row: Row, margins: Margins) -> bool:
    """True if the duel's own verdict is ``slower``."""
    (known,) = outcomes([row], margins)
    return known.time.verdict == SLOWER


def median_says_slower(row: Row, _margins: Margins) -> bool:
    """True if ``pytest-benchmark compare --compare-fail=median:5%`` would fail."""
    base_s, head_s = pooled(row)
    return statistics.median(head_s) / statistics.median(base_s) - 1 > MEDIAN_LIMIT


def asv_says_slower(row: Row, _margins: Margins) -> bool:
    """True if asv would report a regression: Mann-Whitney's U test rejects, and the medians differ by its factor."""
    from scipy import stats

    base_s, head_s = pooled(row)
    if statistics.median(head_s) <= statistics.median(base_s) * ASV_FACTOR:
        return False
    return bool(stats.mannwhitneyu(base_s, head_s, alternative="two-sided").pvalue < ASV_P)


def pooled(row: Row) -> tuple[list[float], list[float]]:
    """The seconds of all rounds of all blocks, of BASE and of HEAD."""
    base_s = [value_s for block in row.blocks for value_s in block.base_s]
    return base_s, [value_s for block in row.blocks for value_s in block.head_s]


RULES: dict[str, Callable[[Row, Margins], bool]] = {
    "this duel": duel_says_slower,
    "pytest-benchmark, median:5%": median_says_slower,
    "asv, p < 0.002 and factor 1.05": asv_says_slower,
}
"""The rules by the name that the table has for them."""
