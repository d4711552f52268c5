"""Floor 2: from a score map to rectangles worth a visit, and from those to measured objects."""
