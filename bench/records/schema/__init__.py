"""The types of everything that a run file holds; `run` has the whole, and the versions of the schema."""
