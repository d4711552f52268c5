"""The meter: captured truth against area, dose and time, with every cost charged.

A point defect counts as captured when its centre lies in an acquired rectangle. A line or an area counts by the fraction
of it that was covered, relative to what an oracle covers with the same area. Where a frame holds both, each counts half.
Area is the union of the acquired rectangles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.charges import Charge, Ledger, Terms
from deepscan_core.benchmarking.rectangles import best_cover, check_rectangles, covered_by, holds, slices, union_areas
from deepscan_core.benchmarking.rivals.base import Rectangle
from deepscan_core.benchmarking.scene import BoolArray, Scene

BUDGETS = (0.01, 0.02, 0.05, 0.10, 0.15)  # of the frame's area
ENOUGH = 0.5  # share of the defects that has to be captured before a break-even is stated
CLASSES = {"captured_d_from_6": (6.0, np.inf), "captured_d_3_to_6": (3.0, 6.0), "captured_d_below_3": (0.0, 3.0)}
NM2_PER_UM2 = 1e6


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One number the meter shows.

    Attributes
    ----------
    measure : what it is, with its unit as suffix; shares have none.
    value : the number.
    budget : share of the area it belongs to; None where it belongs to the scene as a whole.
    """

    measure: str
    value: float
    budget: float | None = None


class Meter:
    """Reads what rectangles are worth on one scene.

    Parameters
    ----------
    scene : preview and truth.
    terms : by which everything is charged.
    """

    def __init__(self, scene: Scene, terms: Terms | None = None) -> None:
        self.scene = scene
        self.ledger = Ledger(scene, terms or Terms())

    def read(self, rectangles: Sequence[Rectangle]) -> list[Reading]:
        """All readings of one strategy.

        Parameters
        ----------
        rectangles : where it wants to scan, best first; of as many as stay within a budget.

        Raises
        ------
        InputError
            A rectangle outside the frame or smaller than a region.
        """
        check_rectangles(rectangles, self.scene)
        areas = union_areas(rectangles, self.scene.preview.shape)
        readings: list[Reading] = []
        pays_from: float | None = None
        for budget in BUDGETS:
            visited = rectangles[: int(np.searchsorted(areas, budget * self._size * (1 + 1e-12), side="right"))]
            captured = self.captured(visited, budget)
            charge = self.ledger.preview + self.ledger.visit(visited)
            readings += [Reading(measure=m, value=v, budget=budget) for m, v in captured.items()]
            readings += [
                Reading(measure=m, value=v, budget=budget) for m, v in self._spent(visited, areas, charge).items()
            ]
            defects = self._defects_held(visited)
            if pays_from is None and defects > 0 and defects >= ENOUGH * self.truth_objects:
                pays_from = budget
                readings += self._break_even(visited, charge, defects)
        readings += self._localisation(visited)
        return readings

    def captured(self, visited: Sequence[Rectangle], budget: float) -> dict[str, float]:
        """Shares of the truth that rectangles hold: of all, of points, of extents, and of points by d′."""
        found: dict[str, float] = {}
        inside = self._inside(visited)
        if len(inside):
            found["captured_points"] = float(inside.mean())
            for name, (low, high) in CLASSES.items():
                members = (self.scene.d_primes >= low) & (self.scene.d_primes < high)
                if members.any():
                    found[name] = float(inside[members].mean())
        extent = self._extent_share(visited, budget)
        if extent is not None:
            found["captured_extent"] = extent
        parts = [found[name] for name in ("captured_points", "captured_extent") if name in found]
        if parts:
            found["captured"] = sum(parts) / len(parts)
        return found

    def break_even_per_frame(self, compute_s: float, readings: Sequence[Reading]) -> float | None:
        """Defects in the frame above which the raster wins in time, with computing charged, or in dose; the fewer.

        From a strategy's readings; None where it did not capture half of the defects.
        """
        known = {reading.measure: reading.value for reading in readings if reading.budget is None}
        if "visit_s_per_defect" not in known:
            return None
        left_s = self.ledger.raster.time_s - self.ledger.preview.time_s - compute_s
        return min(max(left_s, 0.0) / known["visit_s_per_defect"], known["break_even_dose_per_frame"])

    @cached_property
    def truth_objects(self) -> int:
        """See `truth_objects`."""
        return truth_objects(self.scene)

    @property
    def _size(self) -> int:
        rows, cols = self.scene.preview.shape
        return rows * cols

    @cached_property
    def frame_um2(self) -> float:
        """Area of the frame; raises `CalibrationError` without a pixel size."""
        height_nm, width_nm = self.scene.preview.context().fov_nm
        return height_nm * width_nm / NM2_PER_UM2

    @cached_property
    def _best_cover(self) -> npt.NDArray[np.int64]:
        side = self.scene.region_px
        return best_cover(self._mask, side, int(max(BUDGETS) * self._size / side**2 + 1e-9))

    @property
    def _mask(self) -> BoolArray:
        shape = self.scene.preview.shape
        return np.zeros(shape, bool) if self.scene.mask is None else self.scene.mask

    def _inside(self, visited: Sequence[Rectangle]) -> BoolArray:
        inside = np.zeros(len(self.scene.points_px), bool)
        for rectangle in visited:
            inside |= holds(rectangle, self.scene.points_px)
        return inside

    def _extent_share(self, visited: Sequence[Rectangle], budget: float) -> float | None:
        count = int(budget * self._size / self.scene.region_px**2 + 1e-9)
        if self.scene.mask is None or not self.scene.mask.any() or count == 0:
            return None
        held = int(self.scene.mask[covered_by(visited, self.scene.preview.shape)].sum())
        return min(1.0, held / int(self._best_cover[count - 1]))

    def _spent(self, visited: Sequence[Rectangle], areas: npt.NDArray[np.int64], charge: Charge) -> dict[str, float]:
        false = sum(not self._touches_truth(rectangle) for rectangle in visited)
        spent = {
            "area_share": float(areas[len(visited) - 1]) / self._size if visited else 0.0,
            "regions": float(len(visited)),
            "false_regions": float(false),
            "dose_share": charge.electrons / self.ledger.raster.electrons,
            "dose_share_blanked": charge.recorded_electrons / self.ledger.raster.recorded_electrons,
            "time_share": charge.time_s / self.ledger.raster.time_s,
            "time_s": charge.time_s,
            "electrons": charge.electrons,
        }
        if self.scene.preview.pixel_size_nm is not None:
            spent["false_regions_per_um2"] = false / self.frame_um2
        return spent

    def _touches_truth(self, rectangle: Rectangle) -> bool:
        return bool(holds(rectangle, self.scene.points_px).any() or self._mask[slices(rectangle)].any())

    def _defects_held(self, visited: Sequence[Rectangle]) -> float:
        """Points held, and of what has an extent as many pieces as the share of it that is held is worth."""
        points, mask = self._inside(visited).sum(), self._mask
        held = mask[covered_by(visited, mask.shape)].sum()
        pieces = self.truth_objects - len(self.scene.points_px)
        return float(points) + (pieces * float(held) / float(mask.sum()) if pieces else 0.0)

    def _break_even(self, visited: Sequence[Rectangle], charge: Charge, defects: float) -> Iterator[Reading]:
        """``(raster - preview) / (cost of the visits for each defect captured)``, as a number and as a density."""
        preview, raster = self.ledger.preview, self.ledger.raster
        visit_s, visit_e = charge.time_s - preview.time_s, charge.electrons - preview.electrons
        values = {
            "regions_per_defect": len(visited) / defects,
            "visit_s_per_defect": visit_s / defects,
        }
        in_time = (raster.time_s - preview.time_s) * defects / visit_s
        in_dose = (raster.electrons - preview.electrons) * defects / visit_e
        values |= {"break_even_time_per_frame": in_time, "break_even_dose_per_frame": in_dose}
        if self.scene.preview.pixel_size_nm is not None:
            values |= {
                "break_even_time_per_um2": in_time / self.frame_um2,
                "break_even_dose_per_um2": in_dose / self.frame_um2,
            }
        yield from (Reading(measure=measure, value=value) for measure, value in values.items())

    def _localisation(self, visited: Sequence[Rectangle]) -> Iterator[Reading]:
        """Median distance of captured points from the centre of the first rectangle that holds them."""
        if self.scene.preview.pixel_size_nm is None:
            return
        context = self.scene.preview.context()
        points, open_ones = self.scene.points_px, np.ones(len(self.scene.points_px), bool)
        errors: list[float] = []
        for rectangle in visited:
            top, left, height, width = rectangle
            first = holds(rectangle, points) & open_ones
            open_ones &= ~first
            away = points[first] - (top + (height - 1) / 2, left + (width - 1) / 2)
            errors += list(np.hypot(*(away * context.pixel_size_nm).T))
        if errors:
            yield Reading(measure="localisation_nm", value=float(np.median(errors)))


def truth_objects(scene: Scene) -> int:
    """How many things are to be found: points, and separate pieces of what has an extent."""
    from scipy import ndimage

    pieces = 0 if scene.mask is None else int(ndimage.label(scene.mask, np.ones((3, 3)))[1])
    return len(scene.points_px) + pieces
