"""`coarse_to_fine`: survey frames of a coarse grid, then closer ones where something is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from deepscan_core.acquisition.strategies.budget import UNLIMITED, Budget, can_pay
from deepscan_core.acquisition.strategies.candidates import Judge
from deepscan_core.acquisition.strategies.following import Strategy, frame_of
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import rotate_ccw
from deepscan_core.records.protocol import ScanStep

Divide = Callable[[ScanStep], Sequence[ScanStep]]


def quarters(step: ScanStep, *, dwell_factor: float = 1.0) -> tuple[ScanStep, ...]:
    """The four quarters of a step, each with as many samples as the whole: twice the magnification.

    Parameters
    ----------
    step : turned or not; in nm as well where it is calibrated.
    dwell_factor : by which each sample is recorded longer.
    """
    found = []
    for down in (-0.25, 0.25):
        for right in (-0.25, 0.25):
            y_px, x_px = rotate_ccw((down * step.height_px, right * step.width_px), step.rotation_rad)
            quarter = replace(
                step,
                center_y_px=step.center_y_px + y_px,
                center_x_px=step.center_x_px + x_px,
                height_px=step.height_px / 2,
                width_px=step.width_px / 2,
                dwell_time_us=step.dwell_time_us * dwell_factor,
                dose_e_per_nm2=None if step.dose_e_per_nm2 is None else step.dose_e_per_nm2 * 4 * dwell_factor,
            )
            if step.center_y_nm is not None:
                (y_nm, x_nm), (height_nm, width_nm) = step.center_nm, step.size_nm
                by_nm = rotate_ccw((down * height_nm, right * width_nm), step.rotation_rad)
                quarter = replace(
                    quarter,
                    center_y_nm=y_nm + by_nm[0],
                    center_x_nm=x_nm + by_nm[1],
                    height_nm=height_nm / 2,
                    width_nm=width_nm / 2,
                )
            found.append(quarter)
    return tuple(found)


def coarse_to_fine(
    survey: Sequence[ScanStep],
    judge: Judge,
    *,
    levels: int,
    divide: Divide = quarters,
    least_evidence_nats: float = 0.0,
    least_distance_px: float = 0.0,
    budget: Budget = UNLIMITED,
) -> Strategy:
    """Record a coarse grid of frames, and divide those that show something, again and again.

    Parameters
    ----------
    survey : the coarse grid, in visiting order.
    judge : what a frame says for something being in it, in nats, at any magnification.
    levels : how many times a frame is divided at most.
    divide : from a frame to the closer ones inside it.
    least_evidence_nats : a frame that says less is not divided.
    least_distance_px : closer frames whose centres are nearer to an earlier one of their level are left out, so that
        overlapping survey frames do not lead to one place twice.
    budget : a step that it does not cover is never asked for.

    Notes
    -----
    Level by level, the frames with most evidence first, so that a budget that ends early was spent on the best: best-first
    descent of a quadtree, as in the distilled sensing of Haupt, Castro and Nowak 2011 (doi:10.1109/TIT.2011.2162269). What
    no coarse frame can show is never found: the coarsest magnification decides what is lost.

    Raises
    ------
    InputError
        A negative number of levels.
    """
    if levels < 0:
        raise InputError(f"levels is {levels}: give how many times a frame is divided at most, at least 0")
    order = 0
    waiting = list(survey)
    for level in range(levels + 1):
        shown: list[tuple[float, ScanStep]] = []
        taken: list[ScanStep] = []
        for step in waiting:
            if any(_apart_px(step, other) < least_distance_px for other in taken) or not can_pay(budget, step):
                continue
            order += 1
            taken.append(step)
            frame = yield from frame_of(replace(step, order=order))
            if frame is not None:
                shown.append((judge(frame), step))
        if level == levels:
            return
        promising = sorted((pair for pair in shown if pair[0] >= least_evidence_nats), key=lambda pair: -pair[0])
        waiting = [closer for _, step in promising for closer in divide(step)]


def _apart_px(one: ScanStep, other: ScanStep) -> float:
    return math.hypot(one.center_y_px - other.center_y_px, one.center_x_px - other.center_x_px)
