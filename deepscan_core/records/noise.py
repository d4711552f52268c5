"""How noisy a detector is, in grey values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite, check_positive


@dataclass(frozen=True, kw_only=True)
class NoiseModel:
    """Variance of a pixel over its mean: ``gain * (mean - offset) + read_noise ** 2``.

    Attributes
    ----------
    gain : grey values for one detected electron; 0 where noise does not grow with intensity.
    offset : grey value without any electron.
    read_noise : standard deviation without any electron, in grey values.
    gain_error : standard error of an estimated gain; 0 for a known one.
    """

    gain: float
    offset: float = 0.0
    read_noise: float = 0.0
    gain_error: float = 0.0

    def __post_init__(self) -> None:
        check_finite("gain, offset, read_noise, gain_error", self.gain, self.offset, self.read_noise, self.gain_error)
        if min(self.gain, self.read_noise, self.gain_error) < 0:
            raise InputError(f"gain {self.gain:g}, read noise {self.read_noise:g}: give numbers of at least 0")

    def variance(self, mean: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Variance of pixels of these mean grey values, at least 0, of the same shape."""
        expected: npt.NDArray[np.floating] = np.maximum(self.gain * (mean - self.offset) + self.read_noise**2, 0)
        return expected


@dataclass(frozen=True, kw_only=True)
class KnownNoise:
    """What a calibration of the detector says; None for what is to be estimated from the image.

    Attributes
    ----------
    gain, offset, read_noise : see `NoiseModel`, in grey values of the image.
    """

    gain: float | None = None
    offset: float | None = None
    read_noise: float | None = None

    def __post_init__(self) -> None:
        if self.gain is not None:
            check_positive("detector gain", self.gain)
        if self.offset is not None:
            check_finite("detector offset", self.offset)
        if self.read_noise is not None:
            check_finite("read noise", self.read_noise)
            if self.read_noise < 0:
                raise InputError(f"a read noise of {self.read_noise:g}: give a standard deviation of at least 0")

    def rescaled(self, low: float, high: float) -> KnownNoise:
        """The same after grey values were mapped so that `low` became 0 and `high` 1."""
        unit = high - low
        return KnownNoise(
            gain=None if self.gain is None else self.gain / unit,
            offset=None if self.offset is None else (self.offset - low) / unit,
            read_noise=None if self.read_noise is None else self.read_noise / unit,
        )
