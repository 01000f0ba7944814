"""Models of the user's own: what a file is, whether it may be opened, and what is asked of it."""
