"""Statistics: pure functions of numbers, independent of what was measured."""
