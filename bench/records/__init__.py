"""Run files and their types: written, read back and compared. Imports no framework and nothing that measures."""
