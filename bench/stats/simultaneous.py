"""Simultaneous confidence intervals for a trial: which environments differ from the base, whenever it stops.

A trial compares environments in rounds. What is judged is a family of series: of each case, head and finding, the
logarithms of the ratio of the head to the base, one per round. A round is one sample, whatever was measured in it:
what one process measures shares its memory layout and its moment of the day (Kalibera and Jones, ISMM 2013).

The rule is one interval per series, and a word that follows from that interval alone:

- A series is judged at interim analyses only, after numbers of rounds that were fixed beforehand (`looks`).
- At each, there is Student's interval for the plain mean (Student, Biometrika 1908), at an error rate of `ERROR`,
  shared out equally between all series of the family and all their interim analyses. What is told is what the intervals
  of a series so far have in common, so that no noisy hour takes back what was known. By the union bound (Bonferroni;
  Dunn, JASA 1961), all intervals of the family, at all interim analyses, hold their true values at once with
  probability 1 - `ERROR` at least, and so does what they have in common (Darling and Robbins, PNAS 1967), however the
  series depend on each other and whatever a stop depends on.
- So ``same`` is wrong in at most `ERROR` of all trials. ``slower`` and ``faster`` are alarms, and ask for more: an
  interval that is clear of 0 by `CLEARANCE` of its half-width, and that lies beyond half of the margin or whose middle
  lies beyond all of it. In trials without differences at most `ALARM_ERROR` have any.

Student's interval is exact for normal noise, and for symmetric noise with heavier tails it is rather too wide than too
narrow (Benjamini, JASA 1983). For other noise `tests/stats/test_simultaneous.py` simulates it, and records what was
tried instead.

The true value is the mean over rounds. What a round never shows (a mode that one process in a hundred has) no interval
knows of. What belongs to an environment for the whole trial, as where its files lie on the disk, is a difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats.estimate import Centre, centre

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR = 0.05
"""Probability that any interval of a family misses its true value at any interim analysis, at most."""
ALARM_ERROR = 0.01
"""Probability that anything is ``slower`` or ``faster`` in a trial of equal environments, at most."""
CLEARANCE = 0.35
"""How far an alarm's interval lies off 0, in half-widths. It was chosen by simulation: even where the margin is next to
nothing, at most 0.8 % of trials have a false alarm; with 0.25 they are 1.0 %."""
LOOKS = (8, 10, 12, 14, 16, 18, 20, 23, 26, 30, 35, 41, 48, 56, 64)
"""Rounds of a series after which it is judged; each number is about a seventh larger than the one before."""
ALIKE_SHARE = 0.1
"""The part of `ALARM_ERROR` that rounds which are alike by chance may take at the first analysis (see `looks`)."""

SLOWER, FASTER, SAME, CANNOT_TELL = "slower", "faster", "same", "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is known of one series: the word, and the estimate with the interval that it follows from.

    Attributes:
        word: ``slower`` where the head's figure is larger, ``faster`` where it is smaller, ``same``, ``cannot tell``.
        value: the mean logarithm of the ratio over `rounds`, or the end of the interval that is nearest to it; ``None``
            where there is none, or one is no number.
        low: lower end of its simultaneous interval; ``None`` before the first interim analysis.
        high: upper end.
        rounds: how many rounds these rest on: those of the last interim analysis, or before the first one all.
        more_rounds: how many more would probably settle it; 0 if it is settled, ``None`` if all that may be judged
            would not.
    """

    word: str
    value: float | None
    low: float | None
    high: float | None
    rounds: int
    more_rounds: int | None

    @property
    def settled(self) -> bool:
        """True unless the word is ``cannot tell``."""
        return self.word != CANNOT_TELL


def judge(series: Sequence[Sequence[float]], margins: Sequence[float]) -> list[Effect]:
    """Judge a whole family of series at once: the error rate holds for all of them together.

    Args:
        series: per series the logarithm of head over base in each round, oldest first. All series that the trial set
            out to judge, those without a value included: how many there are sets the error rate. Their lengths may
            differ.
        margins: per series the largest difference that counts as the same, as a share: 0.03 is a ratio of 1.03 or of
            1 / 1.03.

    Returns:
        One effect per series, in their order.

    Raises:
        ValueError: there are not as many margins as series.
    """
    due = looks(len(series))
    error_rate = ERROR / max(len(series), 1) / len(due)
    return [
        _effect(values, math.log1p(margin), due, error_rate) for values, margin in zip(series, margins, strict=True)
    ]


def looks(family: int) -> tuple[int, ...]:
    """The numbers of rounds at which a family of so many series is judged.

    Large families start later. Where processes have two modes, equally often, a ratio is that of the slow mode to the
    fast one in a quarter of the rounds. That all n rounds show it, or all show its inverse, has the probability
    2 / 4^n: an alarm, with a spread that says it is certain. All series together may do so with `ALIKE_SHARE` of
    `ALARM_ERROR`: up to 32 series start at 8 rounds, up to 524 at 10.

    Args:
        family: how many series are judged together.
    """
    return tuple(rounds for rounds in LOOKS if family * 2 / 4**rounds <= ALIKE_SHARE * ALARM_ERROR)


def select_word(low: float, high: float, margin: float) -> str:
    """The word for an interval of the logarithm of a ratio.

    ``same`` is an interval wholly inside the margin; ``slower`` and ``faster`` is one that is clear of 0 by `CLEARANCE`
    of its half-width and that lies beyond half of the margin, or whose middle, the best estimate, lies beyond all of
    it. What is certain but smaller waits for more rounds: what belongs to a copy of an environment, as where its files
    lie, is of that size.

    Args:
        low: lower end of the interval.
        high: upper end.
        margin: largest distance from 0 that counts as the same, as a logarithm.
    """
    if -margin < low and high < margin:
        return SAME
    if _is_beyond(low, high, margin):
        return SLOWER
    return FASTER if _is_beyond(-high, -low, margin) else CANNOT_TELL


def _is_beyond(low: float, high: float, margin: float) -> bool:
    """Whether an interval says that a true value is larger than what counts as the same."""
    middle, clear = (low + high) / 2, CLEARANCE * (high - low) / 2
    return low > clear and (low > margin / 2 or middle > margin)


def rounds_needed(found: Centre, rounds: int, margin: float, due: Sequence[int], error_rate: float) -> int | None:
    """The rounds that would settle a series if its mean and its standard deviation stay as they are.

    Args:
        found: its mean at the last interim analysis.
        rounds: how many rounds it has by now.
        margin: as in `select_word`.
        due: numbers of rounds at which it is judged.
        error_rate: of its interval at each of these.

    Returns:
        How many more are needed; ``None`` if the last interim analysis would not settle it either.
    """
    deviation = found.error * math.sqrt(found.count)
    for later in due:
        then = Centre(found.value, deviation / math.sqrt(later), later - 1, later)
        if later > rounds and select_word(*then.interval(error_rate), margin) != CANNOT_TELL:
            return later - rounds
    return None


def _effect(values: Sequence[float], margin: float, due: Sequence[int], error_rate: float) -> Effect:
    rounds = max((look for look in due if look <= len(values)), default=0)
    if not rounds:
        mean = math.fsum(values) / len(values) if values and all(map(math.isfinite, values)) else None
        return _open(mean, len(values), due[0] - len(values))
    found = [centre(values[:look]) for look in due if look <= rounds]
    centres = [one for one in found if one is not None]
    if len(centres) < len(found):
        return _open(None, rounds, None)
    low, high = common_interval(centres, error_rate)
    word = select_word(low, high, margin)
    more = rounds_needed(centres[-1], len(values), margin, due, error_rate) if word == CANNOT_TELL else 0
    value = min(max(centres[-1].value, low), high)
    return Effect(word=word, value=value, low=low, high=high, rounds=rounds, more_rounds=more)


def common_interval(centres: Sequence[Centre], error_rate: float) -> tuple[float, float]:
    """What the intervals of a series, the one of the most rounds last, have in common; where that is nothing, one of
    them misses, and the last stands alone.
    """
    low, high = -math.inf, math.inf
    for one in centres:
        begin, end = one.interval(error_rate)
        low, high = max(low, begin), min(high, end)
        if low > high:
            low, high = begin, end
    return low, high


def _open(value: float | None, rounds: int, more_rounds: int | None) -> Effect:
    return Effect(word=CANNOT_TELL, value=value, low=None, high=None, rounds=rounds, more_rounds=more_rounds)
