"""Statistics: pure functions of numbers, which know nothing of what was measured."""
