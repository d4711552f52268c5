"""Which versions take part in a result."""

from __future__ import annotations

import importlib.metadata
import platform

import deepscan_core

_PACKAGES = ("numpy", "scipy", "scikit-image", "scikit-learn", "torch", "timm", "fast-tsp")


def versions() -> dict[str, str]:
    """Versions of what takes part in a result, ``"not installed"`` for what is missing."""
    found = {"deepscan": deepscan_core.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
