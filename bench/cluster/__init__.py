"""Measuring on other machines: tasks, the plan they make up, the driver that hands them out, and the node's side."""
