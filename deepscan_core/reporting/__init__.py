"""Floor 4: what a run leaves behind for people and programs."""
