"""The locked packages of every tox environment, and what makes the locks."""
