"""By how many pixels, and how surely, one picture is another one moved: phase correlation with its whole surface.

The method is phase correlation (Kuglin & Hines, Proc. IEEE Int. Conf. Cybernetics and Society 1975, 163-165), evaluated
anywhere between pixels as a sum of cosines (Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156), with three changes:

* Spectra are flattened by their *smoothed* product (Carter, Nuttall & Cable, Proc. IEEE 61, 1973, 1497), not bin by
  bin, so that the side lobes of a lattice do not count as features of their own; bins that hold no more than noise do not
  count at all.
* The surface is divided by the overlap of the windows, so that a lattice moved by a repeat stands as high as one that has
  not moved.
* Only a search area is looked at, and the best peak has to stand clear of any other in it, and of chance.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.drift.spectra import (
    SMALLEST_SIDE_PX,
    frequencies,
    likelihood_weights,
    noise_gain,
    noise_level,
    overlap,
    smoothed,
    spectrum_of,
    weightings,
)
from deepscan_core.acquisition.drift.surfaces import (
    SMALLEST_RADIUS_PX,
    Chance,
    Peak,
    SearchArea,
    Surface,
    confidence_of,
    covariance_of,
    dip_between,
    is_inside,
    peaks_of,
    placing_covariance,
    refined,
    scatter_of,
    surface_over,
)
from deepscan_core.records.coordinates import YX

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.floating]
ComplexArray = npt.NDArray[np.complex128]
DISTINCT_SIGMAS = 3.0  # two peaks with less of a valley between them are one, broken up by noise
REFINED_WITHIN_PX = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """The most likely shift between two pictures.

    Attributes
    ----------
    shift_px : ``(y, x)``: what lay at an index of the first lies at that index plus the shift in the second.
    covariance_px2 : 2 x 2, of its standard errors.
    confidence : from 0 to 1; see `confidence_of`.
    rival_px : where the next best peak lies, None without one.
    surface : what was searched.
    """

    shift_px: YX
    covariance_px2: FloatArray
    confidence: float
    rival_px: YX | None
    surface: Surface


@dataclass(frozen=True, kw_only=True, eq=False)
class SelfMatch:
    """What is to be expected when a picture is compared with a later one of the same place.

    Attributes
    ----------
    confidence : where the shift is not known at all.
    confidence_alone : where it is known to a pixel, so that nothing but noise could be mistaken.
    repeat_px : ``(y, x)`` of the nearest shift that could be mistaken for none; None where there is no such shift.
    covariance_px2 : expected standard errors, 2 x 2.
    surface : its correlation with itself, without its noise.
    """

    confidence: float
    confidence_alone: float
    repeat_px: YX | None
    covariance_px2: FloatArray
    surface: Surface


def match(first: Picture, second: Picture, search: SearchArea) -> Match:
    """Find by how much the second picture is the first one moved.

    Parameters
    ----------
    first, second : ndarrays of one shape, at least 32 px a side.
    search : where the shift is looked for.

    Notes
    -----
    The peak is chosen on the flattened surface, or on the one in which a lattice counts no more than what lies between its
    reflections, whichever speaks more clearly. It is then placed on what the two pictures have in common, with the weights
    of maximum likelihood (Hannan & Thomson, Biometrika 60, 1973, 241), in which strong reflections count for more.

    The standard error is that of an M-estimator, curvature against scatter (White, Econometrica 50, 1982, 1). Scatter is
    read, sample by sample, from what is left when one picture is taken from the other, so it holds noise, brighter places
    with more of it, and any change of the picture.
    """
    product = spectrum_of(first).conj() * spectrum_of(second)
    found = max(
        (_found(product * weights, search) for weights in weightings(np.abs(product))), key=lambda f: f.confidence
    )
    shift_px, covariance_px2 = _placed(first, second, found.shift_px)
    return dataclasses.replace(found, shift_px=shift_px, covariance_px2=covariance_px2)


def _placed(first: Picture, second: Picture, near_px: YX) -> tuple[YX, FloatArray]:
    """The shift near a place, and its covariance, from what both pictures show: windows then lie on the same things."""
    whole = (round(near_px[0]), round(near_px[1]))
    rows, cols = (slice(max(0, -k), n - max(0, k)) for k, n in zip(whole, first.shape, strict=True))
    common, moved = first[rows, cols], np.roll(second, (-whole[0], -whole[1]), axis=(0, 1))[rows, cols]
    if min(common.shape) < SMALLEST_SIDE_PX:
        return near_px, np.diag([np.inf, np.inf])
    still, gone = spectrum_of(common), spectrum_of(moved)
    weights = likelihood_weights(np.abs(still) * np.abs(gone))
    rest = (near_px[0] - whole[0], near_px[1] - whole[1])
    rest, _ = refined(still.conj() * gone * weights, rest, SearchArea.circle(REFINED_WITHIN_PX, rest))
    ky, kx = frequencies(still.shape)
    back = gone * np.exp(1j * (ky * rest[0] + kx * rest[1]))
    return (whole[0] + rest[0], whole[1] + rest[1]), placing_covariance(still, back, weights)


def match_itself(spectrum: ComplexArray, needed_confidence: float, pitch: YX = (1.0, 1.0)) -> SelfMatch:
    """Compare a picture with itself as if noise were drawn anew, over shifts up to half its sides.

    Parameters
    ----------
    spectrum : from `spectrum_of`.
    needed_confidence : a repeat that would leave less than this counts as one that could be mistaken.
    pitch : length of a pixel along y and x, in which the nearest repeat is sought.
    """
    power = np.abs(spectrum) ** 2
    search = SearchArea(
        center_px=(0.0, 0.0), spread_px2=np.diag([(side / 2 - 1) ** 2 for side in spectrum.shape]).astype(float)
    )
    full, without_lattice = (
        _expected(power, weights, search, needed_confidence, pitch) for weights in weightings(power)
    )
    best = without_lattice if without_lattice.confidence > max(full.confidence, needed_confidence) else full
    weighted, scatter = _without_noise(power, likelihood_weights(power))
    return dataclasses.replace(best, covariance_px2=covariance_of(weighted.real, scatter))


def _found(weighted: ComplexArray, search: SearchArea) -> Match:
    """The highest peak, and how clearly it is the highest."""
    surface = surface_over(weighted, search)
    peaks = peaks_of(weighted, surface, search)
    best_px, best = peaks[0]
    ky, kx = frequencies(weighted.shape)
    scatter = scatter_of(weighted * np.exp(1j * (ky * best_px[0] + kx * best_px[1])))
    chance = Chance.of(weighted, float(scatter.sum())).height(search.size_px2) / float(
        overlap(weighted.shape, *best_px)
    )
    sigma = math.sqrt(float(scatter.sum()))
    rivals = [peak for peak in peaks[1:] if dip_between(surface, peaks[0], peak) > DISTINCT_SIGMAS * sigma]
    rival_px, rival = rivals[0] if rivals else (None, 0.0)
    return Match(
        shift_px=best_px,
        covariance_px2=np.diag([np.inf, np.inf]),
        confidence=confidence_of(best, rival, chance) if is_inside(surface, search, best_px) else 0.0,
        rival_px=rival_px,
        surface=surface,
    )


def _expected(
    power: FloatArray, weights: FloatArray, search: SearchArea, needed_confidence: float, pitch: YX
) -> SelfMatch:
    weighted, scatter = _without_noise(power, weights)
    surface = surface_over(weighted, search)
    best, variance = float(weighted.real.sum()), float(scatter.sum())
    top, *peaks = sorted(
        peaks_of(weighted, surface, search), key=lambda peak: math.hypot(*peak[0])
    )  # itself comes first
    chance = Chance.of(weighted, variance)
    left = {peak: confidence_of(best, peak[1], chance.height(np.pi * math.hypot(*peak[0]) ** 2)) for peak in peaks}

    def first_rival(order: Iterable[Peak]) -> Peak | None:
        valley = DISTINCT_SIGMAS * math.sqrt(max(variance, 0.0))
        return next((peak for peak in order if dip_between(surface, top, peak) > valley), None)

    worst = first_rival(sorted(peaks, key=lambda peak: left[peak]))
    mistaken = [peak for peak in peaks if left[peak] < needed_confidence]
    nearest = first_rival(sorted(mistaken, key=lambda peak: math.hypot(peak[0][0] * pitch[0], peak[0][1] * pitch[1])))
    alone = confidence_of(best, 0.0, chance.height(np.pi * SMALLEST_RADIUS_PX**2))
    return SelfMatch(
        confidence=alone if worst is None else left[worst],
        confidence_alone=alone,
        repeat_px=None if nearest is None else nearest[0],
        covariance_px2=np.diag([np.inf, np.inf]),
        surface=surface,
    )


def _without_noise(power: FloatArray, weights: FloatArray) -> tuple[ComplexArray, FloatArray]:
    """What a picture's power leads one to expect of a later one: the weighted signal of each bin, and its variance."""
    noise = noise_level(smoothed(power))
    signal = power - noise  # kept where negative, so that sums have no bias
    scatter = noise_gain(power.shape) * weights**2 * (noise**2 + 2 * noise * np.maximum(signal, 0))
    return (weights * signal).astype(complex), scatter
