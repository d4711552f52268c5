"""The local Fourier transform: how much of what is seen in a window is a lattice, and which one.

The power spectrum of a window under a Hann taper. A peak stands out of the background of its ring (same spatial frequency,
all directions) and out of the power half way to its neighbours in the lattice. The first says no to noise and to amorphous
textures, whose power is spread over rings; the second to fibres, scratches and steps, whose power lies along streaks. The
lattice is the pair of peaks whose sums and differences hold most of the power that stands out.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from deepscan_core.explain.bins import (
    LEAST_BINS,
    SLOWEST_BINS,
    FloatImage,
    Floats,
    Ints,
    half_plane_bins,
    radius_of,
    refined,
    ring_background,
    taper_of,
)

SIDE_PX = 128  # four periods of the widest lattices that the surprisal is made for, and more
SMALLEST_SIDE_PX = 32
LOBE = 3  # bins across a peak: 98 % of the power of a sine under a Hann taper
# The ratio that a lobe must have over its background: of 2,000 windows of white noise about one in a hundred has a higher
# one (benchmarks/explain.py --null).
STANDS_OUT = 6.5
CANDIDATES = 8
MOST_ORDERS = 6
LEAST_SINE = 0.3  # of the angle between two lattice vectors
LEAST_SIGNAL_SHARE = 0.1  # of all power, by which peaks are divided where all is noise


@dataclass(frozen=True, kw_only=True, eq=False)
class Lattice:
    """Periods of a crystal or of fringes.

    Attributes
    ----------
    reciprocal_per_px : shape (n, 2), ``(y, x)`` in periods a pixel; n is 2 for a crystal and 1 for fringes.
    """

    reciprocal_per_px: Floats

    @property
    def vectors_px(self) -> Floats:
        """The shortest translations onto itself, shape (n, 2), ``(y, x)``; of fringes the one across them."""
        real: Floats = np.linalg.pinv(self.reciprocal_per_px).T.astype(float)
        return real if len(real) < 2 else reduced(real)

    @property
    def spacings_px(self) -> tuple[float, ...]:
        """Lengths of the vectors, the shorter first."""
        return tuple(sorted(float(length) for length in np.hypot(*self.vectors_px.T)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectrum:
    """The power spectrum of a square window.

    Attributes
    ----------
    rows, cols : of the window in the image.
    power : shape (n, n), zero frequency at ``(n // 2, n // 2)``, 1 / n periods a pixel from bin to bin; white noise of
        variance v has the mean v.
    peaks_bins : the lattice's peaks that stand out, shape (m, 2), ``(y, x)`` from the zero frequency, in one half plane.
    crystallinity : share of the power that is not noise in those peaks, from 0 to 1.
    lattice : None where nothing stands out.
    """

    rows: slice
    cols: slice
    power: FloatImage
    peaks_bins: Floats
    crystallinity: float
    lattice: Lattice | None

    @property
    def step_per_px(self) -> float:
        """Spatial frequency from bin to bin, in periods a pixel."""
        return 1 / len(self.power)


def spectrum_of(values: FloatImage, rows: slice, cols: slice, noise_variance: FloatImage | float) -> Spectrum:
    """The local Fourier transform.

    Parameters
    ----------
    values : the square window, float32 ndarray of shape (n, n).
    rows, cols : where it lies.
    noise_variance : of its pixels, a number or an ndarray of the same shape.

    Notes
    -----
    Assumes one lattice in the window; of two grains it finds the one with more power. Spacings beyond n / 3.5 px are not
    seen. Strain and vibration make the higher peaks weaker, not the measure. A texture with fewer than about ten objects in
    the window may by chance look like up to a few per cent of a lattice.
    """
    from scipy import fft

    side = len(values)
    taper = taper_of(side)
    centred = values - np.float32((values * taper).sum() / taper.sum())
    spectrum = fft.fftshift(fft.fft2(centred * taper))
    power: FloatImage = ((spectrum.real**2 + spectrum.imag**2) / (taper**2).sum()).astype(np.float32)
    noise = float((np.broadcast_to(noise_variance, values.shape) * taper**2).sum() / (taper**2).sum())
    found = _best_lattice(power)
    beyond = radius_of(side) > SLOWEST_BINS
    total = float(power[beyond].sum())
    if found is None or not total > 0:
        return Spectrum(rows=rows, cols=cols, power=power, peaks_bins=np.zeros((0, 2)), crystallinity=0.0, lattice=None)
    vectors, peaks, in_peaks = found
    signal = max(total - noise * int(beyond.sum()), LEAST_SIGNAL_SHARE * total, in_peaks)
    return Spectrum(
        rows=rows,
        cols=cols,
        power=power,
        peaks_bins=peaks,
        crystallinity=in_peaks / signal,
        lattice=Lattice(reciprocal_per_px=vectors / side),
    )


def reduced(vectors: Floats) -> Floats:
    """The two shortest vectors of the same plane lattice (Lagrange and Gauss), shape (2, 2), the shorter first.

    >>> reduced(np.array([[0.0, 3.0], [5.0, 7.0]])).tolist()
    [[0.0, 3.0], [5.0, 1.0]]
    """
    short, long = sorted(np.asarray(vectors, float), key=lambda v: float(v @ v))
    for _ in range(64):  # each round makes the longer one shorter
        long = long - round(float(long @ short) / float(short @ short)) * short
        if long @ long >= short @ short - 1e-12:
            break
        short, long = long, short
    return np.stack([short, long])


def _best_lattice(power: FloatImage) -> tuple[Floats, Floats, float] | None:
    """Reciprocal vectors in bins, peaks that stand out, and the power in them and their mirror images."""
    from scipy import ndimage

    side = len(power)
    middle = side // 2
    lobes = ndimage.uniform_filter(power, LOBE, mode="wrap") * np.float32(LOBE**2)
    limits = STANDS_OUT * np.float32(LOBE**2) * ring_background(power)
    y, x = half_plane_bins(side)
    inner = lobes[y, x]
    is_peak = (inner == ndimage.maximum_filter(lobes, LOBE, mode="wrap")[y, x]) & (inner > limits[y, x])
    is_peak &= np.hypot(y - middle, x - middle) >= LEAST_BINS
    order = np.argsort(-inner[is_peak], kind="stable")[:CANDIDATES]
    places = np.stack([y[is_peak][order], x[is_peak][order]], axis=1)
    if not len(places):
        return None
    vectors = refined(power, places) - middle
    pairs = _pairs(vectors)
    orders = np.array([(i, j) for i in range(MOST_ORDERS + 1) for j in range(-MOST_ORDERS, MOST_ORDERS + 1)])
    orders = orders[(orders[:, 0] > 0) | (orders[:, 1] > 0)]
    allowed = np.where(np.array([rank for _, rank in pairs])[:, None] == 2, True, (orders[:, 1] == 0)[None])
    bases = np.stack([basis for basis, _ in pairs])
    excess = _excess(lobes, limits, bases, orders) * allowed
    best = next(
        (k for k in np.argsort(-excess.sum(axis=1), kind="stable") if _spans(orders[excess[k] > 0], pairs[k][1])), None
    )
    if best is None:
        return None
    found = excess[best] > 0
    basis, rank = pairs[best]
    at = np.rint(orders[found] @ basis).astype(np.intp) + middle
    peaks = refined(power, at) - middle
    weights = np.sqrt(excess[best][found])[:, None]
    fitted, *_ = np.linalg.lstsq(orders[found][:, :rank] * weights, peaks * weights, rcond=None)
    return fitted, peaks, 2 * float(excess[best].sum())


def _pairs(vectors: Floats) -> list[tuple[Floats, int]]:
    """Bases of possible lattices, shape (2, 2), and their ranks; of rank 1 the second vector stands across the first."""
    found = [(np.stack([v, (-v[1], v[0])]), 1) for v in vectors]
    for a, b in itertools.combinations(vectors, 2):
        sine = abs(a[0] * b[1] - a[1] * b[0]) / math.sqrt(float(a @ a) * float(b @ b))
        if sine >= LEAST_SINE:
            found.append((np.stack([a, b]), 2))
    return found


def _spans(orders: Ints, rank: int) -> bool:
    """Whether these orders fix so many vectors."""
    return len(orders) > 0 and int(np.linalg.matrix_rank(orders)) >= rank


def _excess(lobes: FloatImage, limits: FloatImage, bases: Floats, orders: Ints) -> Floats:
    """Power of each peak over its background where it stands out, else 0, shape (n_bases, n_orders)."""
    middle = len(lobes) // 2

    def read(image: FloatImage, shift: tuple[float, float]) -> Floats:
        bins = np.rint((orders + shift) @ bases).astype(np.intp)
        inside = np.asarray((np.abs(bins) < middle - LOBE // 2).all(axis=-1))
        bins = np.where(inside[..., None], bins, 0) + middle
        return np.where(inside, image[bins[..., 0], bins[..., 1]], np.nan)

    own = read(lobes, (0, 0))
    half_ways = [read(lobes, shift) for shift in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))]
    beside = np.mean(np.nan_to_num(half_ways, nan=0.0), axis=0)
    rings = read(limits, (0, 0)) / STANDS_OUT
    background = np.fmax(beside, rings)
    is_out = np.nan_to_num(own) > STANDS_OUT * np.nan_to_num(background, nan=np.inf)
    return np.where(is_out, own - background, 0.0)
