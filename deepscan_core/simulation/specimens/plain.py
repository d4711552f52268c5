"""The plainest specimens: a square crystal with point defects, spots on a support, a recorded image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import ScanContext, check_finite
from deepscan_core.records.image import CalibratedImage
from deepscan_core.simulation.shapes import Disc
from deepscan_core.simulation.specimens.base import index_of
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]


def _point(kind: str, place: FloatArray, amplitude: float, sigma_nm: float) -> PlantedDefect:
    return PlantedDefect(
        kind=kind,
        center_y_nm=float(place[0]),
        center_x_nm=float(place[1]),
        shape=Disc(radius_nm=2 * sigma_nm),
        amplitude=amplitude,
    )


def _widened(sigma_nm: float | FloatArray, blur_nm: float) -> tuple[FloatArray, FloatArray]:
    """Width of a blurred Gaussian, and by how much its peak has shrunk."""
    wide = np.hypot(sigma_nm, blur_nm)
    return wide, np.square(sigma_nm / wide)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One atomic column of a unit cell: its place in fractions of the cell, and its peak intensity."""

    y_frac: float
    x_frac: float
    intensity: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Crystal:
    """A square crystal seen along an axis: Gaussian columns on a lattice, with defects at known places.

    Attributes
    ----------
    cell_nm : lattice constant.
    columns : columns of the cell.
    sigma_nm : width of a column, probe included.
    background : intensity between columns.
    rotation_rad : how far the lattice is turned counter-clockwise.
    defects_nm : ``(y, x)`` of each defect, shape (n, 2).
    defect_intensity : what each defect adds to (or, negative, takes from) the lattice, shape (n,). A vacancy takes away
        the whole column it sits on, a substitution changes it, an interstitial adds one where none was.
    defect_sigma_nm : width of each defect, shape (n,).
    """

    name: str = "crystal"
    cell_nm: float = 0.3905
    columns: Sequence[Column] = ()
    sigma_nm: float = 0.06
    background: float = 0.01
    rotation_rad: float = 0.0
    defects_nm: FloatArray = field(default_factory=lambda: np.empty((0, 2)))
    defect_intensity: FloatArray = field(default_factory=lambda: np.empty(0))
    defect_sigma_nm: FloatArray = field(default_factory=lambda: np.empty(0))

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Specimen.intensity`."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        total = self.background + self._lattice(y_nm, x_nm) + self._defects(y_nm, x_nm)
        return np.clip(total, 0.0, 1.0)

    @property
    def truth(self) -> tuple[PlantedDefect, ...]:
        """See `PlantedSpecimen`."""
        return tuple(
            _point("vacancy" if amount < 0 else "extra column", place, float(amount), float(sigma))
            for place, amount, sigma in zip(self.defects_nm, self.defect_intensity, self.defect_sigma_nm, strict=True)
        )

    def without(self, defect: PlantedDefect) -> Crystal:
        """See `PlantedSpecimen`."""
        return self._keeping(np.arange(len(self.defects_nm)) != index_of(self.truth, defect))

    def pristine(self) -> Crystal:
        """See `PlantedSpecimen`."""
        return self._keeping(np.zeros(len(self.defects_nm), bool))

    def _keeping(self, kept: npt.NDArray[np.bool_]) -> Crystal:
        return dataclasses.replace(
            self,
            defects_nm=self.defects_nm[kept],
            defect_intensity=self.defect_intensity[kept],
            defect_sigma_nm=self.defect_sigma_nm[kept],
        )

    def blurred(self, sigma_nm: float) -> Crystal:
        """Exact: widths add in quadrature, volumes stay."""
        check_finite("blur sigma_nm", sigma_nm)
        wide, shrink = _widened(self.sigma_nm, sigma_nm)
        defect_wide, defect_shrink = _widened(self.defect_sigma_nm, sigma_nm)
        return dataclasses.replace(
            self,
            columns=[dataclasses.replace(c, intensity=c.intensity * float(shrink)) for c in self.columns],
            sigma_nm=float(wide),
            defect_intensity=self.defect_intensity * defect_shrink,
            defect_sigma_nm=defect_wide,
        )

    def _lattice(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        cos, sin = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
        v = (y_nm * cos + x_nm * sin) / self.cell_nm
        u = (x_nm * cos - y_nm * sin) / self.cell_nm
        total = np.zeros_like(v)
        sharpness = self.cell_nm**2 / (2 * self.sigma_nm**2)
        for column in self.columns:
            # A Gaussian is separable, and only the nearest images of a column contribute: 3 + 3 terms, not 9.
            along_v, along_u = (
                sum(np.exp(-sharpness * (w - np.round(w) + k) ** 2) for k in (-1, 0, 1))
                for w in (v - column.y_frac, u - column.x_frac)
            )
            total += column.intensity * along_v * along_u
        return total

    def _defects(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        total = np.zeros_like(y_nm)
        reach = 5 * self.defect_sigma_nm
        near = (
            (self.defects_nm[:, 0] > y_nm.min() - reach)
            & (self.defects_nm[:, 0] < y_nm.max() + reach)
            & (self.defects_nm[:, 1] > x_nm.min() - reach)
            & (self.defects_nm[:, 1] < x_nm.max() + reach)
        )
        for (y, x), amount, sigma in zip(
            self.defects_nm[near], self.defect_intensity[near], self.defect_sigma_nm[near], strict=True
        ):
            total += amount * np.exp(-((y_nm - y) ** 2 + (x_nm - x) ** 2) / (2 * sigma**2))
        return total


STRONTIUM_TITANATE = (
    Column(y_frac=0.0, x_frac=0.0, intensity=0.10),  # Sr
    Column(y_frac=0.5, x_frac=0.5, intensity=0.055),  # Ti-O
    Column(y_frac=0.0, x_frac=0.5, intensity=0.008),  # O
    Column(y_frac=0.5, x_frac=0.0, intensity=0.008),  # O
)


def make_crystal(
    seed: int = 0, *, defects_per_1000_nm2: float = 24.0, extent_nm: float = 160.0, defect_free: bool = False
) -> Crystal:
    """SrTiO3 [001] with point defects: vacancies, heavy substitutions and interstitials in equal parts.

    Parameters
    ----------
    seed : of positions, kinds and lattice rotation.
    defects_per_1000_nm2 : how many there are.
    extent_nm : side of the square, centred at the origin, that holds defects; the lattice itself has no end.
    defect_free : the same lattice without defects.
    """
    rng = np.random.default_rng(seed)
    perfect = Crystal(columns=STRONTIUM_TITANATE, rotation_rad=float(rng.uniform(-0.4, 0.4)))
    count = rng.poisson(defects_per_1000_nm2 * extent_nm**2 / 1000)
    cells = rng.integers(-round(extent_nm / 2 / perfect.cell_nm), round(extent_nm / 2 / perfect.cell_nm), (count, 2))
    kind = rng.integers(0, 3, count)
    # kind 0: the Sr column is missing; 1: a heavy atom on the Ti column; 2: an extra column on an empty site
    place = np.array([[0.0, 0.0], [0.5, 0.5], [0.25, 0.25]])[kind]
    amount = np.array([-0.095, 0.11, 0.09])[kind]
    if defect_free:
        return perfect
    v, u = ((cells + place) * perfect.cell_nm).T
    cos, sin = math.cos(perfect.rotation_rad), math.sin(perfect.rotation_rad)
    return Crystal(
        columns=perfect.columns,
        rotation_rad=perfect.rotation_rad,
        defects_nm=np.stack([v * cos - u * sin, u * cos + v * sin], axis=1),
        defect_intensity=amount,
        defect_sigma_nm=np.full(count, perfect.sigma_nm),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Spots:
    """Gaussian spots on a flat support: the plainest specimen with known places.

    Attributes
    ----------
    defects_nm : ``(y, x)`` of the spots, shape (n, 2).
    sigma_nm : their width.
    peak, background : intensities.
    """

    name: str = "spots"
    defects_nm: FloatArray = field(default_factory=lambda: np.empty((0, 2)))
    sigma_nm: float = 0.1
    peak: float = 0.1
    background: float = 0.02

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Specimen.intensity`."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        total = np.full(y_nm.shape, self.background)
        for y, x in self.defects_nm:
            total += self.peak * np.exp(-((y_nm - y) ** 2 + (x_nm - x) ** 2) / (2 * self.sigma_nm**2))
        clipped: FloatArray = np.clip(total, 0.0, 1.0)
        return clipped

    @property
    def truth(self) -> tuple[PlantedDefect, ...]:
        """See `PlantedSpecimen`."""
        return tuple(_point("spot", place, self.peak, self.sigma_nm) for place in self.defects_nm)

    def without(self, defect: PlantedDefect) -> Spots:
        """See `PlantedSpecimen`."""
        kept = np.arange(len(self.defects_nm)) != index_of(self.truth, defect)
        return dataclasses.replace(self, defects_nm=self.defects_nm[kept])

    def pristine(self) -> Spots:
        """See `PlantedSpecimen`."""
        return dataclasses.replace(self, defects_nm=np.empty((0, 2)))

    def blurred(self, sigma_nm: float) -> Spots:
        """Exact: widths add in quadrature, volumes stay."""
        check_finite("blur sigma_nm", sigma_nm)
        wide, shrink = _widened(self.sigma_nm, sigma_nm)
        return dataclasses.replace(self, sigma_nm=float(wide), peak=self.peak * float(shrink))


def make_spots(seed: int = 0, *, count: int = 12, extent_nm: float = 30.0, defect_free: bool = False) -> Spots:
    """Spots at random places of a square centred at the origin; without defects the bare support."""
    if defect_free:
        return Spots()
    rng = np.random.default_rng(seed)
    return Spots(defects_nm=rng.uniform(-extent_nm / 2, extent_nm / 2, (count, 2)))


class ImageSpecimen:
    """A recorded image as the world: a step sees it interpolated, and nothing finer than its pixels.

    Parameters
    ----------
    image : with a pixel size.
    context : where the image lies on the specimen, rotation included; centred at the origin by default.
    brightest : intensity that the largest pixel value stands for.

    Raises
    ------
    CalibrationError
        The image has no pixel size.
    """

    def __init__(self, image: CalibratedImage, *, context: ScanContext | None = None, brightest: float = 0.1) -> None:
        self._grid = (context or image.context()).on_specimen()
        values = np.nan_to_num(image.array.astype(np.float64))
        low, high = min(float(values.min()), 0.0), float(values.max())
        self._values = (values - low) * (brightest / ((high - low) or 1.0))
        self.name = image.name
        self.defects_nm: FloatArray = np.empty((0, 2))

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Specimen.intensity`; outside the image the nearest edge counts."""
        from scipy import ndimage

        rows, cols = self._grid.indices_px(y_nm, x_nm)
        values: FloatArray = ndimage.map_coordinates(self._values, [rows, cols], order=1, mode="nearest")
        return values
