"""The parts of `pytest bench/`: its options, its models, and what it stores."""
