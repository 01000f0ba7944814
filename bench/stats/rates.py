"""Rates with exact intervals.

The interval is that of Clopper and Pearson (Biometrika, 1934): it covers the true rate with at least 95 % probability
whatever that rate is, also where the count is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

ERROR = 0.05
"""Probability with which an interval misses the truth."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A count of successes among trials."""

    count: int
    of: int

    def interval(self) -> tuple[float, float]:
        """The ends of the exact 95 % interval of the true rate (0-1)."""
        from scipy import special

        rest = self.of - self.count
        low = float(special.betaincinv(self.count, rest + 1, ERROR / 2)) if self.count else 0.0
        high = float(special.betaincinv(self.count + 1, rest, 1 - ERROR / 2)) if rest else 1.0
        return low, high
