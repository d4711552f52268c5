"""Floor 2: how a plan is carried out on any instrument, and what is refused before the first electron."""
