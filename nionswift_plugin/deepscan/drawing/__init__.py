"""What is drawn on the image: the heat map, regions and route, and pictures of both."""
