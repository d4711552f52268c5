"""The strategies that can be asked for by name; without importing what they need."""

STRATEGIES = ("follow", "refine", "explore", "coarse_to_fine")
