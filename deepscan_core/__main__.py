"""``python -m deepscan_core`` is the command ``deepscan``."""

from deepscan_core.cli import entry

if __name__ == "__main__":
    raise SystemExit(entry())
