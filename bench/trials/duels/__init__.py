"""Duels: two environments against each other, and verdicts that state their own error rate."""
