"""How much a closer look at a place speaks for something being there.

A look is compared with what the rest of the preview predicts for it. Under "nothing is there" the matched filter of the
difference has unit variance; under "a spot is there" its mean is the spot's visibility, of unknown place, sign and size.
The evidence is the logarithm of the likelihood ratio, averaged over what is not known (Barrett and Myers, Foundations of
Image Science, 2004, sections 13.2.8 and 13.2.14).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_positive

FloatArray = npt.NDArray[np.float64]
VISIBILITIES = (4.0, 7.0, 12.0, 20.0, 40.0)  # standard deviations that are thought possible, alike


def matched_sigmas(
    values: npt.NDArray[np.floating],
    expected: npt.NDArray[np.floating],
    variance: npt.NDArray[np.floating],
    *,
    smoothing_px: float,
    spot_px: float,
) -> FloatArray:
    """What stands out of the expected as a spot, in standard deviations of the noise, shape (rows, cols), signed.

    Parameters
    ----------
    values : as recorded, shape (rows, cols).
    expected : of them, of the same shape and unit, but smoothed already.
    variance : of the independent noise of each value.
    smoothing_px : standard deviation of the smoothing of `expected`; `values` are smoothed alike before they are compared.
    spot_px : standard deviation of the spot that is looked for, in samples.

    Raises
    ------
    InputError
        Arrays of different shapes.
    """
    from scipy import ndimage

    if not values.shape == expected.shape == variance.shape:
        raise InputError(f"arrays of {values.shape}, {expected.shape} and {variance.shape}: give three of one shape")
    check_positive("smoothing_px, spot_px", smoothing_px, spot_px)
    width_px = math.hypot(smoothing_px, spot_px)
    found = ndimage.gaussian_filter(np.asarray(values, float), width_px)
    found -= ndimage.gaussian_filter(np.asarray(expected, float), spot_px)
    # a Gaussian squared is one of 1 / sqrt(2) of its width, with a sum of 1 / (4 pi width²)
    noise = ndimage.gaussian_filter(np.asarray(variance, float), width_px / math.sqrt(2)) / (4 * math.pi * width_px**2)
    sigmas: FloatArray = found / np.sqrt(np.maximum(noise, np.finfo(np.float32).tiny))
    return sigmas


def spot_evidence_nats(
    sigmas: npt.NDArray[np.floating], *, visibilities: tuple[float, ...] = VISIBILITIES, share: float = 1.0
) -> float:
    """Logarithm of the likelihood ratio of "one spot lies at one of these places" to "none does".

    Parameters
    ----------
    sigmas : at the places where it may be, any shape, from `matched_sigmas`, of unit variance where nothing is.
    visibilities : how far a spot stands out at the full dose, in standard deviations; each is as likely, in either sign.
    share : by which the dose of this look is smaller than the full one.

    Raises
    ------
    InputError
        No place, or a share that is not above 0.

    >>> spot_evidence_nats(np.array([3.0]), visibilities=(2.0,)) > 0 > spot_evidence_nats(np.array([0.0]))
    True
    """
    check_positive("share of the dose", share)
    if sigmas.size == 0:
        raise InputError("evidence of no place: give at least one")
    from scipy.special import logsumexp

    z = np.asarray(sigmas, float).reshape(-1, 1)
    seen = np.array([sign * v for v in visibilities for sign in (-1, 1)]) * math.sqrt(share)
    terms = z * seen - seen**2 / 2
    return float(logsumexp(terms)) - math.log(terms.size)
