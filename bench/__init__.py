"""The measuring half of densebench: data, training, inference, trials, records, reports."""
