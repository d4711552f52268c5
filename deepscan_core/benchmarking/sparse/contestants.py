"""The strategies that are compared: all share one preview, one list of candidates and one budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepscan_core.acquisition.strategies import (
    Budget,
    Candidate,
    Cost,
    Exploration,
    Strategy,
    Verdicts,
    coarse_to_fine,
    explore,
    follow,
    narrow_look,
    refine,
)
from deepscan_core.acquisition.strategies.budget import can_pay
from deepscan_core.adaptive import Background, PlaceJudge, candidates_of, tiles_of
from deepscan_core.benchmarking.sparse.metering import Meter, Reading, captured_by_preview
from deepscan_core.benchmarking.sparse.scene import DENSITY, SparseScene
from deepscan_core.kinds import Kinds
from deepscan_core.planning import PlanSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanStep
from deepscan_core.records.regions import ScanRegion
from deepscan_core.regions.selection import Selection, select_regions
from deepscan_core.routing.tour import quick_tour
from deepscan_core.study import Study
from deepscan_core.threads import one_blas_thread

RASTER, FOLLOW, REFINE, EXPLORE, ORACLE = "raster", "follow", "refine", "explore", "oracle"
COARSE = "coarse_to_fine"
TITLES: Mapping[str, str] = {
    RASTER: "raster",
    FOLLOW: "follow (one plan)",
    REFINE: "refine",
    EXPLORE: "explore",
    COARSE: "coarse to fine",
    ORACLE: "oracle",
}
STREAMS: Mapping[str, int] = {"preview": 1, FOLLOW: 2, REFINE: 3, EXPLORE: 4, ORACLE: 5, COARSE: 6}
LEAST_NATS = 1.0  # of surprisal: below this chance makes nearly all
MOST_CANDIDATES = 300
LOOK_SAMPLES = 24  # along each side of a look
LEAST_LOOKED_AT = 1e-4  # probability


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for all strategies of a suite.

    Attributes
    ----------
    limit_share : of the raster's time and electrons that may be spent, preview included.
    least_probability : what is less likely is not worth a tile; 0 spends the whole budget.
    """

    limit_share: float
    least_probability: float


class Trial:
    """All strategies on one scene.

    Parameters
    ----------
    scene, rules : see there.
    """

    def __init__(self, scene: SparseScene, rules: Rules) -> None:
        self.scene, self.rules = scene, rules
        self.planning_s = 0.0  # of surprisal and regions
        self.modelling_s = 0.0  # of the background model and the candidates, which only frames that are judged need
        self.has_looked = False  # whether refine is more than the one plan

    def readings(self) -> list[Reading]:
        """One of each strategy, in the order of `TITLES`."""
        with one_blas_thread():
            return [
                self._raster(),
                self._run(FOLLOW, self._follow, lambda: self.planning_s),
                self._run(REFINE, self._refine, lambda: self.planning_s + self.modelling_s * self.has_looked),
                self._run(EXPLORE, self._explore, lambda: self.planning_s + self.modelling_s),
                self._run(COARSE, self._coarse_to_fine, lambda: self.planning_s + self.modelling_s),
                self._run(ORACLE, self._oracle, lambda: 0.0),
            ]

    @cached_property
    def preview(self) -> CalibratedImage:
        """As every strategy sees it."""
        frame = self.scene.microscope(STREAMS["preview"]).preview()
        return CalibratedImage(frame.values, pixel_size_nm=frame.context.pixel_size_nm, name=self.scene.name)

    @cached_property
    def _planned(self) -> tuple[Study, tuple[ScanRegion, ...], tuple[ScanStep, ...]]:
        image, terms = self.preview, self.scene.reference
        begun = time.process_time()
        study = Study(image, seed=self.scene.seed)
        side = min(terms.region_px, LOOK_SAMPLES // DENSITY)
        share = min(MOST_CANDIDATES * side**2 / terms.preview_px**2, 1.0)
        selection = Selection(size_px=(side, side), level=LEAST_NATS, area_fraction=share)
        regions = select_regions(study.surprisal(), selection)
        tiles = self._tile_regions([region.center_px for region in regions])
        steps = tiles_of(image, tiles, self.scene.context, self._settings)
        self.planning_s = time.process_time() - begun
        return study, regions, steps

    @cached_property
    def _background(self) -> Background:
        terms = self.scene.reference
        return Background(
            self._planned[0],
            self.scene.context,
            preview_dwell_us=terms.preview_dwell_us,
            full_dwell_us=terms.dwell_us,
            full_density=DENSITY,
        )

    @cached_property
    def _candidates(self) -> tuple[tuple[Candidate, ...], PlaceJudge]:
        _, regions, steps = self._planned
        begun = time.process_time()
        found = candidates_of(self._background, regions, steps)
        self.modelling_s = time.process_time() - begun
        return found

    @property
    def _settings(self) -> PlanSettings:
        return PlanSettings(density=DENSITY, dwell_time_us=self.scene.reference.dwell_us)

    def _run(self, name: str, make: Callable[[Meter], Strategy], before_s: Callable[[], float]) -> Reading:
        spent = self.scene.reference.preview(self.scene.current_pa)
        meter = Meter(self.scene, stream=STREAMS[name], spent=spent, limit_share=self.rules.limit_share)
        meter.drive(make(meter))
        return meter.reading(name, compute_s=before_s())

    def _raster(self) -> Reading:
        clear = int(self.scene.clear.sum())
        return Reading(
            strategy=RASTER,
            captured=1.0,
            captured_count=clear,
            clear_count=clear,
            by_preview=captured_by_preview(self.scene, np.ones(len(self.scene.points_px), bool)),
            tiles=0,
            false_tiles=0,
            looks=0,
            preview_s=0.0,
            raster_s=self.scene.reference.raster(self.scene.current_pa).time_s,
            time_share=1.0,
            dose_share=1.0,
            dose_share_blanked=1.0,
            compute_s=0.0,
        )

    def _follow(self, meter: Meter) -> Strategy:
        """The likeliest tiles that the budget pays for, in one tour that is planned once."""
        candidates, _ = self._candidates
        likely = [c.step for c in candidates if c.probability >= self.rules.least_probability]
        return _while_paid(_affordable(likely, meter, self.scene), meter)

    def _refine(self, meter: Meter) -> Strategy:
        candidates, judge = self._candidates
        if not candidates:
            return follow(())
        tile_s, look_s = (meter.cost_of(step).time_s for step in (candidates[0].step, self._look(candidates[0].step)))
        least = max(self.rules.least_probability, LEAST_LOOKED_AT)
        verdicts = Verdicts.for_costs(look=look_s, tile=tile_s, missed_share=least)
        chances = [candidate.probability for candidate in candidates]
        if not verdicts.pay(chances, look=look_s, tile=tile_s, budget=meter.remaining().time_s):
            return self._follow(meter)
        self.has_looked = True
        return refine(candidates, judge, budget=meter, look=self._look, most_looks=1, verdicts=verdicts)

    def _look(self, step: ScanStep) -> ScanStep:
        """In the middle of the tile, no larger than what a judge looks at, with the raster's dwell time and density."""
        return narrow_look(step, side_share=min(LOOK_SAMPLES / step.rows, 1.0))

    def _explore(self, meter: Meter) -> Strategy:
        candidates, judge = self._candidates
        settings = Exploration(
            least_probability=self.rules.least_probability, least_distance_px=self.scene.reference.region_px / 2
        )
        learner = Kinds(self._background)
        return explore(candidates, judge, budget=meter, settings=settings, seed=self.scene.seed, learner=learner)

    def _coarse_to_fine(self, meter: Meter) -> Strategy:
        """Frames of twice the side of a tile, with its samples, on the cells of a grid that hold most; then their quarters.

        As many as can be paid for with the quarters of those that are expected to show something.
        """
        candidates, judge = self._candidates
        side = 2 * self.scene.reference.region_px
        nothing: dict[tuple[int, int], float] = {}
        for one in candidates:
            if one.probability >= self.rules.least_probability:
                cell = (int((one.center_px[0] + 0.5) // side), int((one.center_px[1] + 0.5) // side))
                nothing[cell] = nothing.get(cell, 1.0) * (1 - one.probability)
        likeliest = sorted(nothing, key=lambda cell: nothing[cell])
        places = [((row + 0.5) * side - 0.5, (col + 0.5) * side - 0.5) for row, col in likeliest]
        settings = PlanSettings(density=DENSITY / 2, dwell_time_us=self.scene.reference.dwell_us)
        frames = tiles_of(self.preview, self._tile_regions(places, side), self.scene.context, settings)
        chosen: list[ScanStep] = []
        left = meter.remaining()
        for frame, cell in zip(frames, likeliest, strict=True):
            cost, times = meter.cost_of(frame), 1 + 4 * (1 - nothing[cell])
            left = Cost(time_s=left.time_s - times * cost.time_s, electrons=left.electrons - times * cost.electrons)
            if min(left.time_s, left.electrons) < 0:
                break
            chosen.append(frame)
        return coarse_to_fine(chosen, judge, levels=1, budget=meter)

    def _tile_regions(self, places_px: Iterable[Sequence[float]], side_px: int | None = None) -> list[ScanRegion]:
        """A tile, or a square of another side, around each place, moved into the frame."""
        side, size = float(side_px or self.scene.reference.region_px), self.scene.reference.preview_px
        lowest, highest = (side - 1) / 2, size - 1 - (side - 1) / 2
        return [
            ScanRegion(
                center_px=(min(max(float(y), lowest), highest), min(max(float(x), lowest), highest)),
                size_px=(side, side),
                score=1.0,
            )
            for y, x in places_px
        ]

    def _oracle(self, meter: Meter) -> Strategy:
        """A tile on each clear defect; the preview is charged all the same."""
        scene = self.scene
        regions = self._tile_regions(np.round(scene.points_px[scene.clear] - 0.5) + 0.5)
        tiles = tiles_of(self.preview, regions, scene.context, self._settings)
        return _while_paid(_affordable(tiles, meter, scene), meter)


def _while_paid(steps: Iterable[ScanStep], budget: Budget) -> Strategy:
    """A plan whose last steps are left out if its way was longer than was thought."""
    for step in steps:
        if can_pay(budget, step):
            yield from follow([step])


def _affordable(steps: Sequence[ScanStep], budget: Budget, scene: SparseScene) -> list[ScanStep]:
    """The first of the steps that fit the budget, with their part of the drift checks, in a short tour.

    A place that lies in an earlier tile gets none of its own.
    """
    left, chosen = budget.remaining(), list[ScanStep]()
    for step in steps:
        if any(other.holds_px(scene.context, (step.center_y_px, step.center_x_px)) for other in chosen):
            continue
        cost = budget.cost_of(step)
        times = 2 if (len(chosen) + 1) % scene.reference.steps_a_drift_check == 0 else 1
        left = Cost(time_s=left.time_s - times * cost.time_s, electrons=left.electrons - times * cost.electrons)
        if min(left.time_s, left.electrons) < 0:
            break
        chosen.append(step)
    middle = ((scene.context.rows - 1) / 2, (scene.context.cols - 1) / 2)
    order = quick_tour(middle, [(step.center_y_px, step.center_x_px) for step in chosen])
    return [chosen[k] for k in order]
