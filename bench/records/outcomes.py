"""What may become of a file that is loaded; read by processes that have no msgspec, too."""

from __future__ import annotations

IDENTICAL, ROUNDED, OTHERWISE, FAILS = "identical", "rounded", "otherwise", "fails"
"""What becomes of a file that is loaded: it answers bit for bit what the saved model did, or as nearly as rounding
allows and without another prediction, or otherwise; or it does not load."""
