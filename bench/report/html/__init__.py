"""HTML report: one self-contained page, made from stored runs. Imports no framework."""
