"""Strategies on large frames with few defects: what they capture, and what all of it costs against a slow raster."""
