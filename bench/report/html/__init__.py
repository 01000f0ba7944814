"""The HTML report: stored runs go in, one self-contained page comes out. No framework is imported."""
