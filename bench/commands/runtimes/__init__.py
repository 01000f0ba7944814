"""`python -m bench runtimes`: every runtime on every model, from start to steady state."""
