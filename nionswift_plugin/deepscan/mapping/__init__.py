"""Maps that follow an image: what they are asked, who makes them, and where they are shown."""
