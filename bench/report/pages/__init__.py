"""Markdown pages, one module each, made from stored runs."""
