"""TensorFlow's releases against each other: in which one did a case change, and what became of all cases."""
