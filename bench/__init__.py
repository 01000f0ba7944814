"""How densebench measures: data, training, export, timing, records, tables."""
