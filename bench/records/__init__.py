"""Run files: written, read back, and what they mean. No framework, and nothing that measures."""
