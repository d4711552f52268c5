"""Why a region scores as it does, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.explain.deformation import Deformation
from deepscan_core.explain.likeness import Likeness
from deepscan_core.explain.neighbours import Neighbours
from deepscan_core.explain.occlusion import Occlusion
from deepscan_core.explain.saying import Saying
from deepscan_core.explain.spectrum import Spectrum
from deepscan_core.records.coordinates import YX
from deepscan_core.records.regions import ScanRegion
from deepscan_core.scoring.character import Character
from deepscan_core.scoring.parts import PartName

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Difference:
    """A region and some of its surroundings against what the rest of the image predicts there.

    Attributes
    ----------
    rows, cols : of the window in the image.
    observed : the image, slightly smoothed, shape (rows, cols), in the range that normalisation gives.
    predicted : of it by the rest of the image, in the same range.
    sigmas : the difference in robust standard deviations of the image's residual, signed.
    """

    rows: slice
    cols: slice
    observed: FloatImage
    predicted: FloatImage
    sigmas: FloatImage


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """What stands out most in the region.

    Attributes
    ----------
    character : see `Study.describe`.
    at_px : pixel (row, column) that stands out most.
    sigmas : there, averaged over a spot, in robust standard deviations of such averages; negative is dark.
    width_px : full width at half of that, without what smoothing adds; of a line across it.
    length_px : of the ellipse with the moments of what is beyond half of that, in the window of `Difference`.
    """

    character: Character
    at_px: tuple[int, int]
    sigmas: float
    width_px: float
    length_px: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """Why a region scores as it does.

    Attributes
    ----------
    region : as it was asked for.
    peak_px : pixel (row, column) of its highest surprisal, which is explained.
    nats : the surprisal there.
    by_chance : how many places of an image of this size without anything rare are expected to score as high.
    contributions_nats : what each part of the score gives; they sum to `nats`.
    oddity, residual : what is not predicted.
    occlusion : what in the region raises the score; None where the score is not made of a residual.
    spectrum : the local Fourier transform around `peak_px`; None of images below 32 px.
    crystallinity_around : median of the windows around; None where there are none.
    deformation : of the lattice against those around; None where one of them is no crystal.
    in_crystal : whether the rest of the image predicts by a lattice here.
    neighbours : patches that are most alike.
    pixel_size_nm : ``(y, x)``, None without calibration.
    sentences : the same in a few plain sentences, of what was asked for first.
    likeness : why a teacher finds it alike; None where none was given.
    saying : why the words of a query are found there; None where there was no query.
    """

    region: ScanRegion
    peak_px: tuple[int, int]
    nats: float
    by_chance: float
    contributions_nats: Mapping[PartName, float]
    oddity: Oddity
    residual: Difference
    occlusion: Occlusion | None
    spectrum: Spectrum | None
    crystallinity_around: float | None
    deformation: Deformation | None
    in_crystal: bool
    neighbours: Neighbours
    pixel_size_nm: YX | None
    sentences: tuple[str, ...] = field(default=())
    likeness: Likeness | None = None
    saying: Saying | None = None

    def to_dict(self) -> dict[str, Any]:
        """The numbers for JSON, without the pictures; every length in px, and in nm where that is known."""
        spectrum, deformation, odd, around = self.spectrum, self.deformation, self.oddity, self.neighbours
        return {
            "center_y_px": self.region.center_px[0],
            "center_x_px": self.region.center_px[1],
            "height_px": self.region.size_px[0],
            "width_px": self.region.size_px[1],
            "peak_y_px": self.peak_px[0],
            "peak_x_px": self.peak_px[1],
            "surprisal_nats": self.nats,
            "expected_by_chance": self.by_chance,
            "contributions_nats": dict(self.contributions_nats),
            "character": odd.character,
            "sigmas": odd.sigmas,
            "odd_width_px": odd.width_px,
            "odd_length_px": odd.length_px,
            "crystallinity": None if spectrum is None else spectrum.crystallinity,
            "crystallinity_around": self.crystallinity_around,
            "lattice_vectors_px": None
            if spectrum is None or spectrum.lattice is None
            else spectrum.lattice.vectors_px.tolist(),
            "rotation_rad": None if deformation is None else deformation.rotation_rad,
            "largest_strain": None if deformation is None else deformation.largest_strain,
            "smallest_strain": None if deformation is None else deformation.smallest_strain,
            "left_without_nats": None if self.occlusion is None else self.occlusion.left_nats,
            "patch_distance": around.distance,
            "patch_percentile": around.percentile,
            "nearest": [
                {
                    "center_y_px": one.center_px[0],
                    "center_x_px": one.center_px[1],
                    "distance": one.distance,
                    "is_click": around.are_clicks,
                }
                for one in around.nearest
            ],
            "taught": None if self.likeness is None else self.likeness.to_dict(),
            "words": None if self.saying is None else self.saying.to_dict(),
            "sentences": list(self.sentences),
        }
