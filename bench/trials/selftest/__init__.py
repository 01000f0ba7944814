"""`python -m bench selftest`: how often duels are wrong on this machine, and what they catch."""
