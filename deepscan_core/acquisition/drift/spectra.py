"""Spectra of pictures, and how much each of their bins may say about a shift."""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]
SMALLEST_SIDE_PX = 32  # below this a windowed frame has too few independent samples for a spectrum
SMOOTHING_BINS = 7
RING_BINS, SMOOTHED_RINGS = 2, 3
DOUBTFUL_SMOOTH, DOUBTFUL_RINGS = 1.4, 1.15  # means of 49 bins and medians of a ring vary, in noise, by about as much
OUTER_CYCLES_A_PX = 0.35  # noise is read beyond; the sampling ends at 0.5
LEAKAGE = 1e-5  # of the highest power is found anywhere, because the window is finite
PERIODS_LEFT_OUT = 1.5  # slower variations are shading and the window itself


def spectrum_of(values: npt.NDArray[np.floating]) -> ComplexArray:
    """Fourier transform of a picture without its mean, under a Hann window; complex, in the shape of the picture.

    Raises `InputError` for a picture of less than 32 px a side.
    """
    array = np.asarray(values, float)
    if array.ndim != 2 or min(array.shape) < SMALLEST_SIDE_PX:
        raise InputError(
            f"a picture of shape {array.shape} is too small to be compared: give {SMALLEST_SIDE_PX} px a side"
        )
    window = _window(array.shape[0])[:, None] * _window(array.shape[1])[None, :]
    level = float((array * window).sum() / window.sum())
    return np.asarray(np.fft.fft2((array - level) * window), complex)


def is_blank(values: npt.NDArray[np.floating]) -> bool:
    """Whether a picture holds nothing to compare: one value everywhere, or values that are no numbers."""
    return not np.isfinite(values).all() or float(np.ptp(values)) == 0.0


def unlike_itself(spectrum: ComplexArray) -> float:
    """How many bins of a picture hold more than noise and no lattice: a cheap forecast of `match_itself`'s confidence."""
    _, weights = weightings(np.abs(spectrum) ** 2)
    return float((weights * np.abs(spectrum) ** 2).sum())


def weightings(power: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights of the bins, from their power: with a lattice at full weight, and with one at that of its surroundings.

    One over the smoothed power of a bin, times the squared coherence that the height of that power above the noise speaks
    of; in the second the height of the median power at that distance from the origin, which a lattice does not raise.
    """
    smooth = smoothed(power)
    flat = np.where(_counted(power.shape), 1 / np.maximum(smooth, _tiny(smooth)), 0.0)
    rings = _ring_medians(power)
    return flat * _coherence(smooth, DOUBTFUL_SMOOTH) ** 2, flat * _coherence(rings, DOUBTFUL_RINGS) ** 2


def likelihood_weights(power: FloatArray) -> FloatArray:
    """Weights of maximum likelihood, from the power of the bins: ``S / (2 S + N)`` of signal S in noise N."""
    smooth = smoothed(power)
    noise = noise_level(smooth)
    signal = np.maximum(smooth - noise, 0.0)
    return np.where(_counted(power.shape), signal / np.maximum(2 * signal + noise, _tiny(smooth)), 0.0)


@functools.cache
def _counted(shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Bins that count: neither slower than a frame is wide nor at the very end of the sampling."""
    turns_y, turns_x = (np.abs(np.fft.fftfreq(n)) * n for n in shape)
    slow = np.hypot(turns_y[:, None], turns_x[None, :]) <= PERIODS_LEFT_OUT
    last = (turns_y[:, None] >= shape[0] / 2) | (turns_x[None, :] >= shape[1] / 2)
    counted: npt.NDArray[np.bool_] = ~(slow | last)
    return counted


@functools.cache
def frequencies(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Angular frequencies of the bins along y and x, shapes (rows, 1) and (1, cols)."""
    ky, kx = (np.asarray(2 * np.pi * np.fft.fftfreq(n), float) for n in shape)
    return ky[:, None], kx[None, :]


@functools.cache
def noise_gain(shape: tuple[int, int]) -> float:
    """By how much a window raises the variance of a sum over bins: neighbouring bins share their noise."""
    return math.prod(n * float((_window(n) ** 4).sum()) / float((_window(n) ** 2).sum()) ** 2 for n in shape)


@functools.cache
def _window(n: int) -> FloatArray:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n))


def overlap(shape: tuple[int, int], y_px: FloatArray | float, x_px: FloatArray | float) -> FloatArray:
    """Share of the windows' product that is left at shifts, by broadcasting; at most 1."""
    parts = []
    for n, shift_px in zip(shape, (y_px, x_px), strict=True):
        parts.append(np.interp(np.abs(shift_px), np.arange(n), _shared(n)))
    return np.asarray(parts[0] * parts[1])


@functools.cache
def _shared(n: int) -> FloatArray:
    """Correlation of a window with itself at whole shifts, 1 at none."""
    window = np.pad(_window(n), (0, n))
    shared = np.fft.irfft(np.abs(np.fft.rfft(window)) ** 2, 2 * n)[:n]
    return np.asarray(shared / shared[0])


def smoothed(power: FloatArray) -> FloatArray:
    """Mean power of a bin and its neighbours."""
    from scipy import ndimage

    return np.asarray(ndimage.uniform_filter(power, SMOOTHING_BINS, mode="wrap"), float)


def noise_level(smooth: FloatArray) -> float:
    """Of a power spectrum: its median where hardly anything is shown, or what leaks there if that is more."""
    ky, kx = frequencies(smooth.shape)
    outer = np.maximum(np.abs(ky), np.abs(kx)) > 2 * np.pi * OUTER_CYCLES_A_PX
    return max(float(np.median(smooth[outer])), LEAKAGE * float(smooth.max()))


def _coherence(power: FloatArray, doubtful: float) -> FloatArray:
    """Share of the power that is surely not noise: up to so many times the level of noise, none."""
    return np.asarray(np.clip(1 - doubtful * noise_level(power) / np.maximum(power, _tiny(power)), 0, 1))


def _tiny(power: FloatArray) -> float:
    return float(power.max()) * 1e-9 + float(np.finfo(float).tiny)


def _ring_medians(power: FloatArray) -> FloatArray:
    """For each bin the median power of all bins as far from the origin, smoothed over neighbouring rings."""
    from scipy import ndimage

    rings, order, starts = _rings(power.shape)
    medians = np.array([np.median(ring) for ring in np.split(power.ravel()[order], starts)])
    smooth = ndimage.uniform_filter1d(medians, SMOOTHED_RINGS, mode="nearest")
    return np.asarray(smooth[rings], float)


@functools.cache
def _rings(shape: tuple[int, int]) -> tuple[IntArray, IntArray, IntArray]:
    """The ring of each bin, the bins in the order of their rings, and where in it each ring but the first begins."""
    ky, kx = frequencies(shape)
    _, rings = np.unique((np.hypot(ky, kx) * max(shape) / (2 * np.pi * RING_BINS)).astype(int), return_inverse=True)
    order = np.argsort(rings.ravel(), kind="stable")
    return rings.reshape(shape), order, np.flatnonzero(np.diff(rings.ravel()[order])) + 1
