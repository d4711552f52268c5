"""Drive a strategy on a simulated microscope whose clock and beam charge for everything, and read what it captured."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.strategies import Cost, Strategy
from deepscan_core.benchmarking.charges import Charge
from deepscan_core.benchmarking.sparse.scene import SparseScene
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

ROUNDING = 1e-9
PREVIEW_CLASSES = ((6.0, np.inf), (3.0, 6.0), (0.0, 3.0))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one run is worth.

    Attributes
    ----------
    strategy : its name.
    captured : share of the defects with d′ of at least 6 that lie in final tiles; NaN where there are none.
    captured_count, clear_count : how many of how many.
    by_preview : captured and existing clear defects by their d′ in the preview, in the order of `PREVIEW_CLASSES`.
    tiles, false_tiles, looks : final tiles, those that hold no defect at all, and frames that are no final tiles.
    preview_s, raster_s : what the preview and the raster take.
    time_share, dose_share : of the raster's, everything but computing charged.
    dose_share_blanked : the same if the beam were blanked whenever nothing is recorded.
    compute_s : of computing, all threads together: what it takes, or less, on a computer that does nothing else.
    """

    strategy: str
    captured: float
    captured_count: int
    clear_count: int
    by_preview: tuple[tuple[int, int], ...]
    tiles: int
    false_tiles: int
    looks: int
    preview_s: float
    raster_s: float
    time_share: float
    dose_share: float
    dose_share_blanked: float
    compute_s: float

    @property
    def time_share_computed(self) -> float:
        """With computing, during which the beam is blanked: so it adds no dose."""
        return self.time_share + self.compute_s / self.raster_s

    @property
    def pays_below(self) -> float:
        """Defects in the frame below which the strategy is quicker than the raster and costs less dose.

        ``(raster - preview - computing) / (cost of the visits for each clear defect captured)``; 0 where none was.
        """
        visits_s = self.time_share * self.raster_s - self.preview_s
        if self.captured_count == 0 or visits_s <= 0:
            return 0.0
        return max(self.raster_s - self.preview_s - self.compute_s, 0.0) * self.captured_count / visits_s


def captured_by_preview(scene: SparseScene, found: npt.NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Of the clear defects of each of `PREVIEW_CLASSES`, how many were found, and how many there are."""
    counts = []
    for low, high in PREVIEW_CLASSES:
        members = scene.clear & (scene.preview_d_primes >= low) & (scene.preview_d_primes < high)
        counts.append((int(found[members].sum()), int(members.sum())))
    return tuple(counts)


class Meter:
    """A budget for strategies, and the books of one run.

    Parameters
    ----------
    scene : what is looked at.
    stream : of the instrument's noise.
    spent : on the preview.
    limit_share : of the raster's time and electrons that may be spent in all, preview included, computing not.
    """

    def __init__(self, scene: SparseScene, *, stream: int, spent: Charge, limit_share: float) -> None:
        self._scene = scene
        self._microscope: SimulatedController = scene.microscope(stream)
        self._limit_share = limit_share
        self._raster = scene.reference.raster(scene.current_pa)
        self.charge = spent
        self.compute_s = 0.0
        self.frames: list[ScanFrame] = []
        self._here_nm = (0.0, 0.0)

    def remaining(self) -> Cost:
        """See `Budget.remaining`."""
        return Cost(
            time_s=self._limit_share * self._raster.time_s - self.charge.time_s,
            electrons=self._limit_share * self._raster.electrons - self.charge.electrons,
        )

    def cost_of(self, step: ScanStep) -> Cost:
        """See `Budget.cost_of`; with the drift check where one is due after it."""
        cost = self._step(step)
        if (len(self.frames) + 1) % self._scene.reference.steps_a_drift_check == 0:
            cost += self._drift_check(step)
        return Cost(time_s=cost.time_s, electrons=cost.electrons)

    def drive(self, strategy: Strategy) -> None:
        """Carry out all of its steps; the time it takes to name them is computing."""
        frame: ScanFrame | None = None
        while True:
            begun = time.process_time()
            step = _next(strategy, frame)
            self.compute_s += time.process_time() - begun
            if step is None:
                return
            frame = self._scan(step)

    def reading(self, strategy: str, *, compute_s: float = 0.0) -> Reading:
        """What the run is worth; `compute_s` was spent before it began."""
        scene, terms = self._scene, self._scene.reference
        tiles = [frame.step for frame in self.frames if frame.step is not None and self._is_final(frame.step)]
        holds = [[step.holds_px(scene.context, (y, x)) for y, x in scene.points_px] for step in tiles]
        held = np.array(holds, bool).reshape(len(tiles), len(scene.points_px))
        found: npt.NDArray[np.bool_] = np.logical_or.reduce(held, axis=0)
        clear = found[scene.clear]
        return Reading(
            strategy=strategy,
            captured=float(clear.mean()) if len(clear) else float("nan"),
            captured_count=int(clear.sum()),
            by_preview=captured_by_preview(scene, found),
            clear_count=len(clear),
            tiles=len(tiles),
            false_tiles=int((~held.any(axis=1)).sum()),
            looks=len(self.frames) - len(tiles),
            preview_s=terms.preview(scene.current_pa).time_s,
            raster_s=self._raster.time_s,
            time_share=self.charge.time_s / self._raster.time_s,
            dose_share=self.charge.electrons / self._raster.electrons,
            dose_share_blanked=self.charge.recorded_electrons / self._raster.recorded_electrons,
            compute_s=self.compute_s + compute_s,
        )

    def _is_final(self, step: ScanStep) -> bool:
        """A whole tile recorded like the raster: its dwell time and its density, in this one frame."""
        terms = self._scene.reference
        pitch_nm = self._scene.context.fov_nm[0] / terms.raster_px
        height_nm, width_nm = step.size_nm
        widest_nm = max(height_nm / step.rows, width_nm / step.cols)
        is_whole = min(step.rows, step.cols) >= terms.tile_px
        return (
            is_whole
            and step.dwell_time_us >= terms.dwell_us * (1 - ROUNDING)
            and widest_nm <= pitch_nm * (1 + ROUNDING)
        )

    def _step(self, step: ScanStep) -> Charge:
        terms = self._scene.reference
        travel_s = terms.costs.travel_time_s(self._here_nm, step.center_nm)
        idle = terms.costs.idle_electrons(travel_s, self._scene.current_pa)
        frame = terms.charge(step.rows, step.cols, step.dwell_time_us, self._scene.current_pa)
        return frame + Charge(time_s=travel_s, electrons=idle)

    def _drift_check(self, step: ScanStep) -> Charge:
        """To the middle of the frame and back, and a reference area there."""
        terms, middle_nm = self._scene.reference, (0.0, 0.0)
        there_s = terms.costs.travel_time_s(step.center_nm, middle_nm)
        area = terms.charge(terms.tile_px, terms.tile_px, terms.dwell_us, self._scene.current_pa)
        idle = terms.costs.idle_electrons(2 * there_s, self._scene.current_pa)
        return area + Charge(time_s=2 * there_s, electrons=idle)

    def _scan(self, step: ScanStep) -> ScanFrame:
        microscope = self._microscope
        before_s, before = microscope.clock_s, microscope.exposed_electrons
        frame = microscope.scan(step)
        self.charge += Charge(
            time_s=microscope.clock_s - before_s,
            electrons=microscope.exposed_electrons - before,
            recorded_electrons=frame.total_electrons or 0.0,
        )
        self.frames.append(frame)
        self._here_nm = step.center_nm
        if len(self.frames) % self._scene.reference.steps_a_drift_check == 0:
            self.charge += self._drift_check(step)
        return frame


def _next(strategy: Strategy, frame: ScanFrame | None) -> ScanStep | None:
    if frame is None:
        return next(strategy, None)
    try:
        return strategy.send(frame)
    except StopIteration:
        return None
