"""The machine that is measured on: what it is, what it can do, what disturbs it, and its processes."""
