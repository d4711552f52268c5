"""Floor 2: files into images, images into the range a network expects."""
