"""Where a change lies: swaps, profiles, and scripts that show it without densebench."""
