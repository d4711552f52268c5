"""Floor 2: the order in which regions are visited."""
