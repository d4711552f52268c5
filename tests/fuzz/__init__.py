"""Damaged files, protocols and settings by the thousand: `python -m tests.fuzz --minutes 10`."""
