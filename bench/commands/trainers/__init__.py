"""`python -m bench trainers`: every way to train, side by side."""
