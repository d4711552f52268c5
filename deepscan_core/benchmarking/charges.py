"""What a strategy costs, all told: preview, travel, settling, flyback, overheads, drift checks and idle beam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from deepscan_core.benchmarking.rivals.base import Rectangle
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_count, check_positive
from deepscan_core.records.costs import ScanCosts, electrons
from deepscan_core.routing.tour import quick_tour

LARGEST_PREVIEW_SHARE = 0.05  # of the dose of the reference raster
ASSUMED_DWELL_US, ASSUMED_CURRENT_PA = 4.0, 50.0  # of the previews of images that do not say how they were recorded


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Time and electrons.

    Attributes
    ----------
    time_s : of everything but computing.
    electrons : that reach the specimen, those of idle times included.
    recorded_electrons : of the samples alone: what a beam that is blanked in between would cost.
    """

    time_s: float = 0.0
    electrons: float = 0.0
    recorded_electrons: float = 0.0

    def __add__(self, other: Charge) -> Charge:
        return Charge(
            time_s=self.time_s + other.time_s,
            electrons=self.electrons + other.electrons,
            recorded_electrons=self.recorded_electrons + other.recorded_electrons,
        )


@dataclass(frozen=True, kw_only=True)
class Terms:
    """By which terms everything is charged.

    Attributes
    ----------
    density : samples of the reference raster, and of regions, for each pixel of the preview along each axis.
    dwell_factor : dwell time of those samples over that of the preview.
    regions_per_drift_check : after so many regions one reference area in the middle of the frame is recorded again.
    costs : overheads of the instrument. By default the beam is not blanked, so that it exposes all the time.
    """

    density: int = 2
    dwell_factor: float = 6.25
    regions_per_drift_check: int = 10
    costs: ScanCosts = field(default_factory=lambda: ScanCosts(blanks_when_idle=False))

    def __post_init__(self) -> None:
        check_count("density, regions_per_drift_check", self.density, self.regions_per_drift_check)
        check_positive("dwell_factor", self.dwell_factor)


class Ledger:
    """Charges for one scene.

    Parameters
    ----------
    scene : its preview's dwell time and current count; where it has none, 4 µs and 50 pA are assumed.
    terms : see `Terms`.

    Raises
    ------
    InputError
        The preview costs more than 5 % of the dose of the reference raster.
    """

    def __init__(self, scene: Scene, terms: Terms) -> None:
        self._scene, self._terms = scene, terms
        exposure = scene.exposure
        self.dwell_us = exposure.dwell_time_us if exposure else ASSUMED_DWELL_US
        self.current_pa = exposure.beam_current_pa if exposure else ASSUMED_CURRENT_PA
        rows, cols = scene.preview.shape
        self.preview = self._frame(rows, cols, self.dwell_us)
        self.raster = self._tile(rows, cols)
        if self.preview_share > LARGEST_PREVIEW_SHARE:
            raise InputError(
                f"{scene.name}: the preview costs {self.preview_share:.1%} of the raster's dose: "
                f"shorten its dwell time of {self.dwell_us:g} µs or scan the raster longer"
            )

    @property
    def preview_share(self) -> float:
        """Dose of the preview over that of the reference raster."""
        return self.preview.electrons / self.raster.electrons

    def visit(self, rectangles: Sequence[Rectangle]) -> Charge:
        """Everything after the preview: a tour from the middle through all rectangles, with drift checks on the way."""
        total = Charge()
        middle = tuple((n - 1) / 2 for n in self._scene.preview.shape)
        here: YX = (middle[0], middle[1])
        start, places = here, [(t + (h - 1) / 2, lft + (w - 1) / 2) for t, lft, h, w in rectangles]
        side = self._scene.region_px
        for number, k in enumerate(quick_tour(start, places), start=1):
            total += self._move(here, places[k]) + self._tile(*rectangles[k][2:])
            here = places[k]
            if number % self._terms.regions_per_drift_check == 0:
                total += self._move(here, start) + self._tile(side, side)
                here = start
        return total

    def _tile(self, height_px: int, width_px: int) -> Charge:
        density = self._terms.density
        return self._frame(height_px * density, width_px * density, self.dwell_us * self._terms.dwell_factor)

    def _frame(self, rows: int, cols: int, dwell_us: float) -> Charge:
        costs = self._terms.costs
        return Charge(
            time_s=costs.frame_time_s(rows, cols, dwell_us),
            electrons=costs.frame_electrons(rows, cols, dwell_us, self.current_pa),
            recorded_electrons=electrons(rows, cols, dwell_us, self.current_pa),
        )

    def _move(self, start_px: YX, end_px: YX) -> Charge:
        costs, context = self._terms.costs, self._scene.preview.context()
        time_s = (
            costs.travel_time_s(context.nm_from_px(start_px), context.nm_from_px(end_px))
            if context.is_calibrated
            else costs.settle_s
        )
        return Charge(time_s=time_s, electrons=costs.idle_electrons(time_s, self.current_pa))
