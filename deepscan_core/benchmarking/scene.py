"""One frame of one specimen: what every strategy is given, and what only the meter knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_count
from deepscan_core.records.image import CalibratedImage
from deepscan_core.simulation.physics import Exposure
from deepscan_core.simulation.specimens.base import PlantedSpecimen

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A preview and the truth about it.

    Attributes
    ----------
    name : kind and seed, or the file of a real image.
    preview : what strategies see.
    region_px : least side of an acquired rectangle, in pixels of the preview.
    seed : of everything random in a strategy.
    specimen, exposure : what lay under the beam and how it was recorded; None for real images. Only for the meter, the
        oracle and the ideal observer, as all that follows.
    points_px : centres of point truths inside the frame, shape (n, 2), ``(y, x)``.
    d_primes : how visible each of those is, shape (n,).
    mask : truth with an extent, lines and areas, shape (rows, cols); None where there are only points.
    """

    name: str
    preview: CalibratedImage
    region_px: int
    seed: int
    specimen: PlantedSpecimen | None
    exposure: Exposure | None
    points_px: FloatArray
    d_primes: FloatArray
    mask: BoolArray | None

    def __post_init__(self) -> None:
        check_count("region_px", self.region_px)
        if self.region_px > min(self.preview.shape):
            raise InputError(f"regions of {self.region_px} px do not fit {self.preview.shape} px: give a smaller side")
        if self.points_px.ndim != 2 or self.points_px.shape[1] != 2 or self.d_primes.shape != (len(self.points_px),):
            raise InputError(
                f"{self.name}: points of shape {self.points_px.shape} and d' of shape {self.d_primes.shape}: "
                "give (n, 2) and (n,)"
            )
        if self.mask is not None and self.mask.shape != self.preview.shape:
            raise InputError(f"{self.name}: a mask of shape {self.mask.shape}: the preview has {self.preview.shape}")

    def masks_by_kind(self) -> dict[str, BoolArray]:
        """Where each kind of truth lies, points by their extent too, shape (rows, cols); none for a real image."""
        if self.specimen is None or self.exposure is None:
            return {}
        y_nm, x_nm = self.exposure.grid.mesh_nm()
        masks: dict[str, BoolArray] = {}
        for defect in self.specimen.truth:
            covered = defect.covers(y_nm, x_nm)
            if covered.any():
                masks[defect.kind] = masks.get(defect.kind, False) | covered
        return masks
