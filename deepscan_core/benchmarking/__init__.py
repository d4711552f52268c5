"""Floor 4: what fraction of known defects a strategy captures for what total dose and time, against real alternatives."""
