"""Floor 2: specimens whose truth is known, and the physics of looking at them."""
