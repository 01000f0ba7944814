"""Trained models as they are deployed: exported, certified, and run by every runtime."""
