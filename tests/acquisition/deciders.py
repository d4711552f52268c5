"""Strategies on the small runs' microscope whose steps depend on what the frames show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from deepscan_core.acquisition.deciding import Decider, Tools
from deepscan_core.acquisition.drift import (
    DriftModel,
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
    Strategy,
    coarse_to_fine,
    explore,
    follow,
    refine,
)
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from tests.acquisition.small_runs import CONTEXT
from tests.contract.controller_contract import make_step

NAMES = ("follow", "refine", "explore", "coarse_to_fine")


def candidates(context: ScanContext = CONTEXT, *, side: int = 3, dwell_time_us: float = 4.0) -> list[Candidate]:
    """A grid of places, of which nobody knows much."""
    at_nm = np.linspace(-5, 5, side)
    places = [(float(y), float(x)) for y in at_nm for x in at_nm]
    return [
        Candidate(
            step=make_step(context, place, (3.0, 3.0), rows=40, cols=40, dwell_time_us=dwell_time_us),
            probability=0.3 + 0.04 * (number % 5),
            features=(place[0] / 5, place[1] / 5),
        )
        for number, place in enumerate(places)
    ]


def judge(frame: ScanFrame) -> float:
    """A few nats for or against, by how uneven the frame is: what it says depends on its noise too."""
    values = frame.values.astype(float)
    return float(np.clip((values.std() - np.sqrt(values.mean() + 1)) * 2, -3, 3))


def decider(name: str, *, context: ScanContext = CONTEXT, side: int = 3, dwell_time_us: float = 4.0) -> Decider:
    """One of `NAMES` on the grid."""

    def make(tools: Tools) -> Strategy:
        return _strategy(name, candidates(context, side=side, dwell_time_us=dwell_time_us), tools)

    return Decider(name=name, make=make)


def overview(microscope: SimulatedController) -> ScanFrame:
    """A preview with enough counts to measure drift by."""
    microscope._dwell_time_us = 50.0
    return microscope.preview()


def drifting(name: str, preview: ScanFrame, *, side_px: int = 32) -> Decider:
    """The same, corrected for drift by a reference area of the preview."""
    places = candidates(preview.context)[:4]

    def make(tools: Tools) -> Strategy:
        area = choose_reference(preview.values, preview.context, [], side_px=side_px, dwell_time_us=10.0)
        model = DriftModel(rate_nm_per_s=0.5)
        tracker = DriftTracker(area, DriftSettings(allowed_nm=0.1, longest_interval_s=0.06, model=model))
        tracker.measure(piece_of(preview, area))
        return with_drift_correction(
            _strategy(name, places, tools),
            tracker,
            clock=tools.clock,
            costs=tools.costs,
            seen_s=seen_in(preview),
        )

    return Decider(name=f"{name}, corrected", make=make)


def _strategy(name: str, places: Sequence[Candidate], tools: Tools) -> Strategy:
    if name == "refine":
        return refine(places, judge, budget=tools.budget)
    if name == "explore":
        return explore(places, judge, budget=tools.budget, settings=Exploration(unseen_share=0.3), seed=3)
    steps: list[ScanStep] = [place.step for place in places]
    if name == "coarse_to_fine":
        return coarse_to_fine(steps[:3], judge, levels=1, budget=tools.budget)
    return follow(numbered(steps))


def numbered(steps: Sequence[ScanStep]) -> list[ScanStep]:
    """Steps in visiting order."""
    return [dataclasses.replace(step, order=order) for order, step in enumerate(steps, start=1)]


__all__ = ["NAMES", "candidates", "decider", "drifting", "judge", "numbered", "overview"]
