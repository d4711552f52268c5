"""The panel: its fields, its layout, and what its buttons do."""
