"""Decision rules of two other tools for "HEAD is slower", on the turns of stored trials.

Both pool all rounds of a side, as those tools do within a run. A turn's mean stands for one of their samples, which are
means over as many calls as fill about 10 ms; they see all interleaved rounds, more than those tools would measure.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.records.schema.trials import TrialRecord

MEDIAN_LIMIT = 0.05
"""``--compare-fail=median:5%``."""
ASV_FACTOR = 1.05
ASV_P = 0.002
"""asv's `is_different` (its module `statistics`) and the factor of ``asv continuous --factor 1.05``."""


def median_says_slower(base: TrialRecord, head: TrialRecord) -> bool:
    """True if ``pytest-benchmark compare --compare-fail=median:5%`` would fail."""
    base_s, head_s = pooled(base), pooled(head)
    return statistics.median(head_s) / statistics.median(base_s) - 1 > MEDIAN_LIMIT


def asv_says_slower(base: TrialRecord, head: TrialRecord) -> bool:
    """True if asv would report a regression: Mann-Whitney's U test rejects, and the medians differ by its factor."""
    from scipy import stats

    base_s, head_s = pooled(base), pooled(head)
    if statistics.median(head_s) <= statistics.median(base_s) * ASV_FACTOR:
        return False
    return bool(stats.mannwhitneyu(base_s, head_s, alternative="two-sided").pvalue < ASV_P)


def pooled(record: TrialRecord) -> list[float]:
    """The mean seconds of a step or call in each turn of all rounds."""
    return [turn.mean for turns in record.turns for turn in turns]


RULES: dict[str, Callable[[TrialRecord, TrialRecord], bool]] = {
    "pytest-benchmark, median:5%": median_says_slower,
    "asv, p < 0.002 and factor 1.05": asv_says_slower,
}
"""The rules by the name that the table has for them."""
