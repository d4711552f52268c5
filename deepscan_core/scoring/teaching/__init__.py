"""Mode B: learning what to look for from a few clicks."""
