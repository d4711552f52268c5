"""Strategies by name, for a plan and its preview: what the command line and the Swift panel offer.

The plan says which places may be exposed, and how; the strategy says which of them are, in which order, and after which
looks. So everything that a strategy can do was planned and can be checked beforehand.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepscan_core.acquisition.books import OVERVIEW_ORDER
from deepscan_core.acquisition.deciding import Decider, Tools
from deepscan_core.acquisition.drift import (
    DriftSettings,
    DriftTracker,
    choose_reference,
    piece_of,
    seen_in,
    with_drift_correction,
)
from deepscan_core.acquisition.strategies import (
    Candidate,
    Exploration,
    Judge,
    Learner,
    Strategy,
    Verdicts,
    cheap_look,
    coarse_to_fine,
    explore,
    follow,
    refine,
)
from deepscan_core.acquisition.strategy_names import STRATEGIES
from deepscan_core.adaptive import Background, candidates_of
from deepscan_core.errors import InputError
from deepscan_core.judged import Judged, Telling
from deepscan_core.kinds import Kinds
from deepscan_core.records.coordinates import ScanContext, check_positive
from deepscan_core.records.costs import dose_e_per_nm2
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import ScanRegion
from deepscan_core.study import Study

OVERVIEW_REASON = "overview"
SHARE_OF_SIDE = 4  # a drift reference takes this part of the shorter side of the context, at most
LARGEST_REFERENCE_PX = 128


@dataclass(frozen=True, kw_only=True)
class DeciderSettings:
    """Which strategy, and what it depends on.

    Attributes
    ----------
    strategy : one of `STRATEGIES`.
    drift : how drift is followed; None does not correct it.
    backbone : of the study; None takes the default one.
    beyond_plan : `explore` may also expose places of which no step of the plan holds the middle, where they look like what
        a tile has confirmed; else what tiles teach makes steps of the plan likelier, and nothing else is exposed.
    overview_dwell_us : of the overview that is recorded first where no preview is given.
    levels : how many times `coarse_to_fine` divides a frame.
    seed : of everything random.
    """

    strategy: str = "follow"
    drift: DriftSettings | None = None
    backbone: str | None = None
    beyond_plan: bool = False
    overview_dwell_us: float = 2.0
    levels: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InputError(f"strategy {self.strategy!r}: give one of {', '.join(STRATEGIES)}")
        if self.beyond_plan and self.strategy != "explore":
            raise InputError(f"the strategy {self.strategy!r} exposes steps of the plan alone: explore goes beyond it")
        check_positive("overview_dwell_us", self.overview_dwell_us)

    @property
    def name(self) -> str:
        """All that a resumed run has to share."""
        parts = [self.strategy, f"seed {self.seed}", f"backbone {self.backbone or 'default'}"]
        if self.strategy == "coarse_to_fine":
            parts.append(f"{self.levels} levels")
        if self.beyond_plan:
            parts.append("beyond the plan")
        if self.drift is not None:
            parts.append(f"drift known to {self.drift.allowed_nm:g} nm")
        return ", ".join(parts)


def decider_for(
    protocol: ScanProtocol,
    settings: DeciderSettings,
    *,
    preview: ScanFrame | None = None,
    study: Study | None = None,
    score_map: ScoreMap | None = None,
    on_judged: Callable[[Judged], None] | None = None,
) -> Decider:
    """A strategy for `Survey`.

    Parameters
    ----------
    protocol : its steps are the candidates.
    settings : see `DeciderSettings`.
    preview : of the same instrument as the run, in its own grey values and on its clock. Without one, where the strategy
        needs it, an overview of the context is the first step of the run, charged and journalled like the others.
    study : of that preview, where there is one already.
    score_map : of probabilities, such as a teacher's: the priorities of the plan count then. Of any other kind, or without
        one, probabilities come from the surprisal of the preview.
    on_judged : called with what each frame said.
    """
    name = settings.name if preview is not None else f"{settings.name}, overview of {settings.overview_dwell_us:g} us"
    is_taught = score_map is not None and score_map.kind == "probability"

    def make(tools: Tools) -> Strategy:
        seen = preview
        if seen is None and (settings.strategy != "follow" or settings.drift is not None):
            seen = yield overview_step(protocol.context, settings.overview_dwell_us)
        known = study if preview is not None else None
        steps = _strategy(protocol, settings, tools, seen, known, is_taught, on_judged)
        if settings.drift is not None and seen is not None:
            steps = _corrected(steps, protocol, settings.drift, tools, seen)
        yield from steps

    return Decider(name=name, make=make)


def overview_step(context: ScanContext, dwell_time_us: float) -> ScanStep:
    """The whole context as a step; its number is 0."""
    (height_nm, width_nm), current_pa = context.fov_nm, context.beam_current_pa
    dose = None
    if current_pa is not None:
        dose = dose_e_per_nm2(context.rows, context.cols, dwell_time_us, current_pa, height_nm, width_nm)
    return ScanStep(
        order=OVERVIEW_ORDER,
        center_y_px=(context.rows - 1) / 2,
        center_x_px=(context.cols - 1) / 2,
        height_px=float(context.rows),
        width_px=float(context.cols),
        center_y_nm=0.0,
        center_x_nm=0.0,
        height_nm=height_nm,
        width_nm=width_nm,
        rows=context.rows,
        cols=context.cols,
        dwell_time_us=dwell_time_us,
        dose_e_per_nm2=dose,
        reason=OVERVIEW_REASON,
    )


def _strategy(
    protocol: ScanProtocol,
    settings: DeciderSettings,
    tools: Tools,
    preview: ScanFrame | None,
    study: Study | None,
    is_taught: bool,
    on_judged: Callable[[Judged], None] | None,
) -> Strategy:
    if settings.strategy == "follow" or preview is None or not protocol.steps:
        return follow(protocol.steps)
    background, candidates, judge = _candidates(protocol, settings, preview, study, is_taught=is_taught)
    telling = Telling(judge, candidates, on_judged)
    budget = tools.budget
    if settings.strategy == "refine":
        tile, look = (budget.cost_of(step).time_s for step in (candidates[0].step, cheap_look(candidates[0].step)))
        verdicts = Verdicts.for_costs(look=look, tile=tile) if math.isfinite(tile) else None
        return refine(candidates, telling, budget=budget, verdicts=verdicts)
    if settings.strategy == "explore":
        learner = Kinds(background) if settings.beyond_plan else within(Kinds(background), candidates)
        return explore(candidates, telling, budget=budget, settings=Exploration(), seed=settings.seed, learner=learner)
    return coarse_to_fine(protocol.steps, telling, levels=settings.levels, budget=budget)


def _candidates(
    protocol: ScanProtocol, settings: DeciderSettings, preview: ScanFrame, study: Study | None, *, is_taught: bool
) -> tuple[Background, Sequence[Candidate], Judge]:
    context = protocol.context
    if study is None:
        image = CalibratedImage(preview.values, pixel_size_nm=context.pixel_size_nm, name="preview")
        named: dict[str, Any] = {} if settings.backbone is None else {"backbone": settings.backbone}
        study = Study(image, seed=settings.seed, **named)
    longest = max(protocol.steps, key=lambda step: step.dwell_time_us)
    background = Background(
        study,
        context,
        preview_dwell_us=preview.dwell_time_us,
        full_dwell_us=longest.dwell_time_us,
        full_density=math.sqrt(longest.rows * longest.cols / (longest.height_px * longest.width_px)),
    )
    rarity = study.surprisal().values
    regions = [_region(step, rarity) for step in protocol.steps]
    found, judge = candidates_of(background, regions, protocol.steps)
    if is_taught:
        found = tuple(dataclasses.replace(one, probability=min(max(one.step.priority, 0.0), 1.0)) for one in found)
    return background, found, judge


def within(learner: Learner, candidates: Sequence[Candidate]) -> Learner:
    """A learner that proposes no other places than those that a tile of the plan holds."""
    centers = np.array([one.center_px for one in candidates], float).reshape(-1, 2)

    def learn(candidate: Candidate, frame: ScanFrame, confirmed: float) -> list[Candidate]:
        half = np.array([candidate.step.height_px, candidate.step.width_px]) / 2
        proposed = learner(candidate, frame, confirmed)
        return [one for one in proposed if (np.abs(centers - one.center_px) < half).all(axis=1).any()]

    return learn


def _region(step: ScanStep, values: np.ndarray[Any, Any]) -> ScanRegion:
    """The place of a step, with what this preview says of it."""
    region = ScanRegion(
        center_px=(step.center_y_px, step.center_x_px), size_px=(step.height_px, step.width_px), score=0.0
    )
    return dataclasses.replace(region, score=float(values[region.slices(values.shape)].max(initial=0.0)))


def _corrected(
    steps: Strategy, protocol: ScanProtocol, drift: DriftSettings, tools: Tools, preview: ScanFrame
) -> Strategy:
    side_px = min(LARGEST_REFERENCE_PX, min(preview.values.shape) // SHARE_OF_SIDE)
    area = choose_reference(
        preview.values, protocol.context, protocol.steps, side_px=side_px, dwell_time_us=preview.dwell_time_us
    )
    tracker = DriftTracker(area, drift)
    tracker.measure(piece_of(preview, area))
    return with_drift_correction(
        steps, tracker, clock=tools.clock, costs=tools.costs, seen_s=seen_in(preview), on_left=tools.leave
    )
