"""Correlation over a search area: its peaks, how clear they are, and how well they are placed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.drift.spectra import frequencies, noise_gain, overlap
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
Peak = tuple[YX, float]  # place in px, height
FINE_PX, COARSE_PX = 0.25, 0.5  # spacing of the surface, in a small search area and in a large one
LARGE_RADIUS_PX = 16.0
LONGEST_MOVE_PX = 1.0  # of a peak when it is refined
REFINING_PX = (0.3, 0.1, 0.1, 0.02)  # spacing of the parabolas that are fitted around a peak, one after the other
WORTH_REFINING = 0.7  # of the highest value of a surface
SMALLEST_RADIUS_PX = 1.0  # a search area in which a peak can be told from a slope
FEW_BINS = 12.0  # a few independent phases, since a window lets neighbouring bins share theirs
FALSE_ALARMS = 1e-5  # share of searches in noise that find a peak
SYSTEMATIC_PX = 0.01  # windows and the shear of a drifting frame: no shift is known better


@dataclass(frozen=True, kw_only=True)
class SearchArea:
    """An ellipse of shifts.

    Attributes
    ----------
    center_px : its middle, ``(y, x)``.
    spread_px2 : 2 x 2, symmetric: the ellipse holds the shifts ``s`` with ``(s-c)' spread^-1 (s-c) <= 1``, so that the
        diagonal holds squared reaches along y and x.
    """

    center_px: YX
    spread_px2: FloatArray

    def __post_init__(self) -> None:
        spread = np.asarray(self.spread_px2, float)
        if spread.shape != (2, 2) or not np.isfinite(spread).all() or np.linalg.eigvalsh(spread).min() < 0:
            raise InputError(f"a search area of spread {self.spread_px2!r} px² is no ellipse: give a covariance")
        values, vectors = np.linalg.eigh((spread + spread.T) / 2)
        widened = vectors @ np.diag(np.maximum(values, SMALLEST_RADIUS_PX**2)) @ vectors.T
        object.__setattr__(self, "spread_px2", widened)

    @classmethod
    def circle(cls, radius_px: float, center_px: YX = (0.0, 0.0)) -> SearchArea:
        """All shifts up to a distance from the middle."""
        return cls(center_px=center_px, spread_px2=np.eye(2) * radius_px**2)

    @property
    def reach_px(self) -> YX:
        """How far it reaches from its middle along y and x."""
        return (math.sqrt(self.spread_px2[0, 0]), math.sqrt(self.spread_px2[1, 1]))

    @property
    def size_px2(self) -> float:
        """Its area."""
        return math.pi * math.sqrt(float(np.linalg.det(self.spread_px2)))

    def holds(self, y_px: FloatArray | float, x_px: FloatArray | float, slack: float = 0.0) -> npt.NDArray[np.bool_]:
        """Which shifts lie inside; with `slack` the ellipse is larger by that share."""
        dy, dx = np.asarray(y_px) - self.center_px[0], np.asarray(x_px) - self.center_px[1]
        inverse = np.linalg.inv(self.spread_px2)
        away = inverse[0, 0] * dy * dy + 2 * inverse[0, 1] * dy * dx + inverse[1, 1] * dx * dx
        inside: npt.NDArray[np.bool_] = away <= (1 + slack) ** 2
        return inside


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """Correlation over a search area, divided by the overlap of the windows.

    Attributes
    ----------
    y_px, x_px : shifts at which it was evaluated, shapes (rows,) and (cols,).
    values : shape (rows, cols); minus infinity outside the search area.
    """

    y_px: FloatArray
    x_px: FloatArray
    values: FloatArray


def confidence_of(best: float, rival: float, chance: float) -> float:
    """How far a peak stands above whatever could be mistaken for it, as a share of its own height.

    ``1 - (rival + chance) / best``, never below 0: 1 for a peak alone on flat ground, 0 where another peak in the search
    area is as high or where chance alone reaches that height.
    """
    return min(1.0, max(0.0, 1 - (max(rival, 0.0) + chance) / best)) if best > 0 else 0.0


def surface_over(weighted: ComplexArray, search: SearchArea) -> Surface:
    """The correlation of a weighted product of spectra over a search area."""
    spacing = FINE_PX if max(search.reach_px) <= LARGE_RADIUS_PX else COARSE_PX
    y_px, x_px = (
        center + spacing * np.arange(-math.ceil(reach / spacing), math.ceil(reach / spacing) + 1.0)
        for center, reach in zip(search.center_px, search.reach_px, strict=True)
    )
    values = _evaluate(weighted, y_px, x_px)
    inside = search.holds(y_px[:, None], x_px[None, :])
    return Surface(y_px=y_px, x_px=x_px, values=np.where(inside, values, -np.inf))


def peaks_of(weighted: ComplexArray, surface: Surface, search: SearchArea) -> list[Peak]:
    """Local maxima of a surface, the highest first, refined between its points where they are worth it.

    A slope that rises towards the border of the search area counts: it may be the flank of a higher peak.
    """
    from scipy import ndimage

    values = surface.values
    highest = values == ndimage.maximum_filter(values, 3, mode="constant", cval=-np.inf)
    rows, cols = np.nonzero(highest & np.isfinite(values))
    order = np.argsort(-values[rows, cols], kind="stable")
    top = float(values[rows[order[0]], cols[order[0]]])
    peaks = []
    for k in order:
        start, value = (float(surface.y_px[rows[k]]), float(surface.x_px[cols[k]])), float(values[rows[k], cols[k]])
        peaks.append(refined(weighted, start, search) if value > WORTH_REFINING * top else (start, value))
    return sorted(peaks, key=lambda peak: -peak[1])


def dip_between(surface: Surface, higher: Peak, lower: Peak) -> float:
    """How far one has to go down on the straight way from the lower of two peaks to the higher."""
    from scipy import ndimage

    origin = (float(surface.y_px[0]), float(surface.x_px[0]))
    spacing = float(surface.y_px[1] - surface.y_px[0])
    (start, _), (end, height) = higher, lower
    steps = np.linspace(0, 1, 2 + math.ceil(2 * math.dist(start, end) / spacing))
    way = [(a + (b - a) * steps - low) / spacing for a, b, low in zip(start, end, origin, strict=True)]
    ground = np.where(np.isfinite(surface.values), surface.values, np.inf)  # what was not searched is no valley
    return height - float(ndimage.map_coordinates(ground, way, order=0, mode="nearest").min())


def refined(weighted: ComplexArray, start_px: YX, search: SearchArea) -> tuple[YX, float]:
    """Top of the paraboloids through the neighbourhood of a place; on a slope the place itself."""
    here, value = start_px, -math.inf
    for spacing in REFINING_PX:
        steps = spacing * np.arange(-2.0, 3.0)
        near = _evaluate(weighted, here[0] + steps, here[1] + steps)
        y, x = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
        terms = np.stack([np.ones_like(y), y, x, y * y / 2, x * x / 2, y * x], axis=1)
        level, slope_y, slope_x, yy, xx, yx = np.linalg.lstsq(terms, near.ravel(), rcond=None)[0]
        curvature = np.array([[yy, yx], [yx, xx]])
        value = max(value, float(level))
        if np.linalg.eigvalsh(curvature).max() >= 0:
            break
        move = -np.linalg.solve(curvature, [slope_y, slope_x])
        there = (here[0] + float(move[0]), here[1] + float(move[1]))
        if float(np.abs(move).max()) > LONGEST_MOVE_PX or not search.holds(*there, slack=0.1):
            break
        here, value = there, float(level + 0.5 * (slope_y * move[0] + slope_x * move[1]))
    return here, value


def is_inside(surface: Surface, search: SearchArea, peak_px: YX) -> bool:
    """Whether a highest place is a peak, rather than the end of a slope that goes on beyond the search area."""
    spacing = float(surface.y_px[1] - surface.y_px[0])
    shrunk = 1 - spacing / math.sqrt(float(np.linalg.eigvalsh(search.spread_px2).min()))
    return bool(search.holds(*peak_px, slack=shrunk - 1))


@dataclass(frozen=True, kw_only=True)
class Chance:
    """How high noise alone reaches on a surface.

    Attributes
    ----------
    sigma : standard deviation of its heights.
    places_a_px2 : how many independent places there are in a px² of search area.
    """

    sigma: float
    places_a_px2: float

    @classmethod
    def of(cls, weighted: ComplexArray, variance: float) -> Chance:
        """From a weighted product of spectra, and the variance that its bins seem to have in sum.

        Where few bins have any weight, their phases may agree by chance: then that variance is not trusted.
        """
        heights = np.abs(weighted)
        spread = float((heights**2).sum())
        if not spread > 0:
            return cls(sigma=math.inf, places_a_px2=1.0)
        bins = float(heights.sum()) ** 2 / spread
        doubtful = noise_gain(heights.shape) * spread * min(1.0, FEW_BINS / bins) ** 3
        return cls(sigma=math.sqrt(max(variance, 0.0) + doubtful), places_a_px2=bins / heights.size)

    def height(self, size_px2: float) -> float:
        """What noise reaches anywhere in a search area of that size once in 100 000 times."""
        from scipy import special

        return self.sigma * float(-special.ndtri(FALSE_ALARMS / max(1.0, size_px2 * self.places_a_px2)))


def scatter_of(aligned: ComplexArray) -> FloatArray:
    """Variance of each bin of an aligned product, from the part that is out of phase."""
    return np.asarray(2 * noise_gain(aligned.shape) * aligned.imag**2)


def placing_covariance(still: ComplexArray, back: ComplexArray, weights: FloatArray) -> FloatArray:
    """Covariance, 2 x 2 in px², of the shift that lays the spectrum `back` on `still`, from what is left between them."""
    ky, kx = frequencies(still.shape)
    weighted = still.conj() * back * weights
    gain = float(weighted.real.sum()) / max(float((np.abs(still) ** 2 * weights).sum()), float(np.finfo(float).tiny))
    left = np.fft.ifft2(back - gain * still).real
    slopes = [np.fft.ifft2(-1j * k * weights * still).real for k in (ky, kx)]
    scatter = left.size**2 * np.array([[float((left**2 * a * b).sum()) for a in slopes] for b in slopes])
    return _curved(_moments(weighted.real), scatter)


def covariance_of(coherent: FloatArray, scatter: FloatArray) -> FloatArray:
    """Covariance, 2 x 2 in px², from the weighted power of the bins and its variance, as if all samples had like noise."""
    return _curved(_moments(coherent), _moments(scatter))


def _curved(curvature: FloatArray, scatter: FloatArray) -> FloatArray:
    """Curvature against scatter; infinite where the shift is not determined in some direction."""
    if np.linalg.eigvalsh(curvature).min() <= 1e-9 * abs(float(np.trace(curvature))) or not np.isfinite(scatter).all():
        return np.diag([np.inf, np.inf])
    inverse = np.linalg.inv(curvature)
    return np.asarray(inverse @ scatter @ inverse + np.eye(2) * SYSTEMATIC_PX**2)


def _moments(height: FloatArray) -> FloatArray:
    ky, kx = frequencies(height.shape)
    yx = float((height * ky * kx).sum())
    return np.array([[float((height * ky * ky).sum()), yx], [yx, float((height * kx * kx).sum())]])


def _evaluate(weighted: ComplexArray, y_px: FloatArray, x_px: FloatArray) -> FloatArray:
    """Correlation at every pair of shifts, shape (len(y_px), len(x_px)), divided by the overlap of the windows."""
    ky, kx = frequencies(weighted.shape)
    along_y = np.exp(1j * y_px[:, None] * ky.T)
    along_x = np.exp(1j * kx.T * x_px[None, :])
    heights = (along_y @ weighted @ along_x).real
    return np.asarray(heights / overlap(weighted.shape, y_px[:, None], x_px[None, :]))
