"""Three rules on the same raw data: does HEAD count as slower? Pure functions.

The two others see what their own tools would make of a run: all rounds of a side in one heap. They see the rounds of
every block, interleaved, which is more than those tools would measure.
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
    """Whether the duel's own verdict is `slower`."""
    (known,) = outcomes([row], margins)
    return known.time.verdict == SLOWER


def median_says_slower(row: Row, _margins: Margins) -> bool:
    """Whether ``pytest-benchmark compare --compare-fail=median:5%`` would fail."""
    base_s, head_s = pooled(row)
    return statistics.median(head_s) / statistics.median(base_s) - 1 > MEDIAN_LIMIT


def asv_says_slower(row: Row, _margins: Margins) -> bool:
    """Whether asv would report a regression: Mann-Whitney's U differs (two-sided), and the medians by its factor."""
    from scipy import stats

    base_s, head_s = pooled(row)
    if statistics.median(head_s) <= statistics.median(base_s) * ASV_FACTOR:
        return False
    return bool(stats.mannwhitneyu(base_s, head_s, alternative="two-sided").pvalue < ASV_P)


def pooled(row: Row) -> tuple[list[float], list[float]]:
    """BASE's and HEAD's seconds of all rounds of all blocks."""
    base_s = [value_s for block in row.blocks for value_s in block.base_s]
    return base_s, [value_s for block in row.blocks for value_s in block.head_s]


RULES: dict[str, Callable[[Row, Margins], bool]] = {
    "this duel": duel_says_slower,
    "pytest-benchmark, median:5%": median_says_slower,
    "asv, p < 0.002 and factor 1.05": asv_says_slower,
}
"""The rules by the name that the table has for them."""
