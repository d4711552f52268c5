"""Clicks that teach: points on the image, what each knows, and the frames they were made on."""
