"""The page's chapters, a file each."""
