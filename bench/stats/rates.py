"""Rates with exact intervals.

The interval is that of Clopper and Pearson (Biometrika, 1934): it covers the true rate with at least 95 % probability
whatever that rate is, also where the count is 0. Where several counts come from each trial, what goes wrong with one
may go wrong with all of them: the interval is then that of as many counts as there are trials, of the same share.
"""

from __future__ import annotations

from dataclasses import dataclass

ERROR = 0.05
"""Probability with which an interval misses the truth."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A count of successes.

    Attributes:
        of: among so many.
        trials: that these come from, where several come from each; 0 for one from each.
    """

    count: int
    of: int
    trials: int = 0

    def interval(self) -> tuple[float, float]:
        """The ends of the exact 95 % interval of the true rate (0-1)."""
        from scipy import special

        scale = self.trials / self.of if self.trials and self.of else 1.0
        count, rest = scale * self.count, scale * (self.of - self.count)
        low = float(special.betaincinv(count, rest + 1, ERROR / 2)) if count else 0.0
        high = float(special.betaincinv(count + 1, rest, 1 - ERROR / 2)) if rest else 1.0
        return low, high
