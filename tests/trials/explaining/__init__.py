"""Tests of what survives an upgrade."""
