"""Rendered scenes whose every object is known and named: what the image side of the text search learns from."""
