"""Data sets: their sources, verification and splits."""
