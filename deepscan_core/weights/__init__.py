"""Floor 1: from the name of a network to a file that was checked, and from there to its weights. Never by unpickling."""
