"""The host: its description, devices, resources, interference, processes and clock."""
