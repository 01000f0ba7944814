"""The commands of `python -m bench`, by their names, and what `pytest bench/` is made of."""
