"""Grey values of any instrument into the range that networks were trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite

Denoising = Literal["none", "gaussian", "median", "tv", "nl_means"]

LARGEST_PLAIN = {np.dtype(np.float32): 1e30, np.dtype(np.float64): 1e100}


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What is done to an image before features are made. The image itself, and what is measured in it, stay untouched.

    Attributes
    ----------
    low_percentile, high_percentile : grey values that become 0 and 1.
    denoise : filter of scikit-image, or "none".
    clahe : contrast-limited adaptive histogram equalisation.
    """

    low_percentile: float = 0.5
    high_percentile: float = 99.5
    denoise: Denoising = "none"
    clahe: bool = False

    def __post_init__(self) -> None:
        check_finite("percentiles", self.low_percentile, self.high_percentile)
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise InputError(
                f"percentiles {self.low_percentile:g} and {self.high_percentile:g}: give 0 <= low < high <= 100"
            )
        if self.denoise not in get_args(Denoising):
            raise InputError(f"denoising {self.denoise!r} is not known: give one of {', '.join(get_args(Denoising))}")


def normalise(array: npt.NDArray[Any], settings: Preprocessing | None = None) -> npt.NDArray[np.float32]:
    """Scale an image so that its bulk lies between 0 and 1.

    Parameters
    ----------
    array : ndarray of shape (rows, cols), real; NaN and infinity mean "not measured".
    settings : see `Preprocessing`.

    Returns
    -------
    float32 ndarray of shape (rows, cols), finite, most of it in [0, 1]. Pixels never measured take the median. A constant
    image becomes zeros: there is nothing to see in it.

    Notes
    -----
    Invariant to gain and offset of the detector. Beyond the percentiles brightness counts logarithmically: one hot pixel
    must not rule the range, and something rare and very bright must not look like the bulk's brightest noise.
    """
    settings = settings or Preprocessing()
    values = fill_unmeasured(array)
    low, high = grey_range(values, settings)
    if high <= low:
        return np.zeros(array.shape, np.float32)
    scaled = ((values - values.dtype.type(low)) / values.dtype.type(high - low)).astype(np.float32, copy=False)
    below, above = scaled < 0, scaled > 1
    scaled[below] = -np.log1p(-scaled[below])
    scaled[above] = 1 + np.log1p(scaled[above] - 1)
    return _equalise(_denoise(scaled, settings.denoise), settings.clahe)


def grey_range(values: npt.NDArray[np.floating[Any]], settings: Preprocessing | None = None) -> tuple[float, float]:
    """The grey values that become 0 and 1, of what `fill_unmeasured` gives; equal ones for a constant image."""
    settings = settings or Preprocessing()
    low, high = np.percentile(values, [settings.low_percentile, settings.high_percentile])
    if high <= low:  # a nearly constant image with a few different pixels
        low, high = values.min(), values.max()
    return float(low), float(high)


def fill_unmeasured(array: npt.NDArray[Any]) -> npt.NDArray[np.floating[Any]]:
    """An image as floats that hold its numbers exactly enough, with the median where it is NaN or infinite.

    float32 for up to 16 bits and float32, float64 for the rest; very large numbers are scaled down, so that differences
    of them stay finite.
    """
    narrow = array.dtype.itemsize <= 2 or array.dtype == np.float32
    values: npt.NDArray[np.floating[Any]] = array.astype(np.float32 if narrow else np.float64)
    if array.dtype.kind == "f":
        measured = np.isfinite(values)
        if not measured.all():
            values = np.where(measured, values, np.median(values[measured]))
    largest = float(np.abs(values).max())
    return values / largest if largest > LARGEST_PLAIN[values.dtype] else values


def _denoise(scaled: npt.NDArray[np.float32], kind: Denoising) -> npt.NDArray[np.float32]:
    if kind == "none":
        return scaled
    from skimage import filters, restoration

    if kind == "gaussian":
        filtered = filters.gaussian(scaled, sigma=1.0, preserve_range=True)
    elif kind == "median":
        filtered = filters.median(scaled, np.ones((3, 3), bool))
    elif kind == "tv":
        filtered = restoration.denoise_tv_chambolle(scaled, weight=0.1)
    else:
        sigma = float(restoration.estimate_sigma(scaled))
        filtered = restoration.denoise_nl_means(
            scaled, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, fast_mode=True
        )
    result: npt.NDArray[np.float32] = filtered.astype(np.float32)
    return result


def _equalise(scaled: npt.NDArray[np.float32], clahe: bool) -> npt.NDArray[np.float32]:
    if not clahe:
        return scaled
    from skimage import exposure

    result: npt.NDArray[np.float32] = exposure.equalize_adapthist(np.clip(scaled, 0, 1)).astype(np.float32)
    return result
