"""``python -m deepscan_core`` is the command ``deepscan``."""

from deepscan_core.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
