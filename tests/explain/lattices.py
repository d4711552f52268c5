"""Crystals with known vectors, for tests."""

from __future__ import annotations

import numpy as np

SQUARE = np.array([[14.0, 0.0], [0.0, 14.0]])
HEXAGONAL = np.array([[0.0, 15.7], [13.6, 7.85]])


def turned(vectors: np.ndarray, angle_rad: float, stretch_y: float = 1.0) -> np.ndarray:
    """Translations ``(y, x)`` stretched along y, then turned counter-clockwise as seen on the screen."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return vectors @ np.diag([stretch_y, 1.0]) @ np.array([[cos, -sin], [sin, cos]]).T


def crystal(
    shape: tuple[int, int], vectors: np.ndarray, *, counts: float | None = None, seed: int = 0, sharp: float = 1.0
) -> np.ndarray:
    """Columns on a lattice, float32 ndarray of shape `shape` with the mean 1, or `counts` with shot noise."""
    first, second = np.linalg.inv(vectors).T
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = sum(np.cos(2 * np.pi * (g[0] * y + g[1] * x)) for g in (first, second, first + second))
    values = np.exp(sharp * waves)
    values /= values.mean()
    if counts is None:
        return values.astype(np.float32)
    return np.random.default_rng(seed).poisson(counts * values).astype(np.float32)
