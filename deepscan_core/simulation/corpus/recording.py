"""From a drawing to a micrograph: blur, shot noise, gamma, line jitter, uneven light."""

from __future__ import annotations

import numpy as np

from deepscan_core.simulation.corpus.grounds import lit
from deepscan_core.simulation.corpus.painting import Rng, log_uniform, noise
from deepscan_core.simulation.corpus.scene import FloatArray

MOST_COUNTS, LEAST_COUNTS = 2000.0, 20.0


def recorded(image: FloatArray, rng: Rng) -> FloatArray:
    """The picture as an instrument gives it, values from 0 to 1."""
    from scipy import ndimage

    seen = lit(image, rng)
    sigma = rng.choice([0.0, 0.5, 0.8, 1.3, 2.0], p=[0.2, 0.3, 0.25, 0.17, 0.08])
    if sigma:
        seen = ndimage.gaussian_filter(seen, sigma)
    low, high = np.percentile(seen, [0.1, 99.9])
    seen = np.clip((seen - low) / (high - low + 1e-6), 0, 1) ** log_uniform(rng, 0.6, 1.7)
    if rng.random() < 0.15:
        seen = _jittered(seen, rng)
    counts = log_uniform(rng, LEAST_COUNTS, MOST_COUNTS)
    seen = rng.poisson(np.maximum(seen + rng.uniform(0.02, 0.2), 0) * counts) / counts
    if rng.random() < 0.25:  # of the detector, or compressed files
        seen = seen + rng.uniform(0.005, 0.03) * noise(rng, (seen.shape[0], seen.shape[1]), 2.0, slope=1.0)
    if rng.random() < 0.3:
        seen = ndimage.gaussian_filter(seen, rng.uniform(0.3, 0.9))
    if rng.random() < 0.2:  # clipped
        low, high = np.percentile(seen, [rng.uniform(0, 6), rng.uniform(92, 100)])
        seen = np.clip(seen, low, high)
    low, high = float(seen.min()), float(seen.max())
    stretched: FloatArray = ((seen - low) / (high - low + 1e-6)).astype(np.float32)
    return stretched


def _jittered(image: FloatArray, rng: Rng) -> FloatArray:
    """Each line shifted along itself by a pixel or so."""
    shifts = np.rint(rng.normal(0, rng.uniform(0.2, 0.8), image.shape[0])).astype(int)
    columns = (np.arange(image.shape[1])[None, :] + shifts[:, None]) % image.shape[1]
    return np.take_along_axis(image, columns, 1)
