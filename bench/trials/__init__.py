"""Environments measured against each other, in interleaved blocks of fresh processes."""
