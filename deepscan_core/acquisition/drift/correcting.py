"""Any strategy on a specimen that drifts: reference frames when they are due, and every step moved to its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator

from deepscan_core.acquisition.drift.placing import MARGIN_SIGMAS, at_planned_place, shifted
from deepscan_core.acquisition.drift.tracker import DriftTracker
from deepscan_core.acquisition.strategies import Strategy
from deepscan_core.errors import DriftLost, StepSkipped, UnsupportedStep
from deepscan_core.records.coordinates import YX
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

Clock = Callable[[], float]


def with_drift_correction(
    steps: Strategy,
    tracker: DriftTracker,
    *,
    clock: Clock,
    costs: ScanCosts | None = None,
    seen_s: Callable[[ScanStep], float] | None = None,
    margin_sigmas: float = MARGIN_SIGMAS,
    on_lost: Callable[[DriftLost], None] | None = None,
    on_left: Callable[[ScanStep, str], None] | None = None,
) -> Strategy:
    """Carry out a strategy on a drifting specimen.

    Yields reference steps (`is_reference`) and the strategy's own steps, moved and widened. The strategy is sent only
    frames of its own, in the coordinates of the plan: their step has the size that was scanned and the centre that was
    asked for.

    Parameters
    ----------
    steps : what is to be done, in coordinates of the preview.
    tracker : of the drift; given `piece_of` the preview beforehand, it knows the drift since the preview.
    clock : the instrument's time now, in s, on the clock of the frames.
    costs : of the instrument, for the time at the middle of a step.
    seen_s : when the place of a step was seen, such as `seen_in` the preview; None takes the time of the reference.
    margin_sigmas : by how many standard deviations of the predicted drift a step grows on every side.
    on_lost : called when the track is lost; if it returns, after a pause, drift is measured again. Without it `DriftLost`
        ends the run.
    on_left : told of a step that is not asked for, and why: its place has drifted out of the context, or a reference frame
        before it was refused.

    Raises
    ------
    DriftLost
        The drift cannot be measured, or not well enough for the next step.
    UnsupportedStep
        A step's place has drifted out of the context. It is raised inside `steps` first, at its `yield`: a strategy that
        catches it may go on with another step.
    StepSkipped
        A step, or a reference frame before it, was given up after a fault or would pass a limit; likewise.
    """
    costs = costs or ScanCosts()
    try:
        step = next(steps, None)
        here: YX | None = None
        while step is not None:
            since_s = seen_s(step) if seen_s is not None else None
            try:
                yield from _until_known(tracker, step, since_s, clock, costs, on_lost)
                moved = _moved(step, tracker, since_s, clock() + _travel_s(costs, here, step), costs, margin_sigmas)
            except (StepSkipped, UnsupportedStep) as left:
                if on_left is not None:
                    on_left(step, str(left))
                step = _told(steps, left)
                continue
            try:
                frame = yield moved
            except StepSkipped as skipped:
                step = _told(steps, skipped)
                continue
            here = moved.center_nm
            planned = dataclasses.replace(frame, step=at_planned_place(moved, step))
            step = _sent(steps, planned)
    finally:
        steps.close()


def _until_known(
    tracker: DriftTracker,
    step: ScanStep,
    since_s: float | None,
    clock: Clock,
    costs: ScanCosts,
    on_lost: Callable[[DriftLost], None] | None,
) -> Generator[ScanStep, ScanFrame, None]:
    """Reference frames, until the drift is known well enough for a step."""
    duration_s = costs.frame_time_s(step.rows, step.cols, step.dwell_time_us)
    taken = 0
    while tracker.due(clock(), duration_s, since_s):
        if tracker.is_lost or taken >= tracker.settings.most_in_a_row:
            lost = DriftLost(_why(tracker, step, taken))
            if on_lost is None:
                raise lost
            on_lost(lost)
            tracker.forgive()
            taken = 0
        frame = yield tracker.reference_step(clock())
        tracker.measure(frame)
        taken += 1


def _why(tracker: DriftTracker, step: ScanStep, taken: int) -> str:
    if tracker.is_lost:
        return f"drift is lost before step {step.order}: {tracker.why_lost}: take a new preview and plan again"
    return (
        f"after {taken} reference frames the drift is not known well enough for step {step.order}: "
        "give steps a shorter dwell time, reference frames a longer one, or allow more than "
        f"{tracker.settings.allowed_nm:g} nm"
    )


def _moved(
    step: ScanStep,
    tracker: DriftTracker,
    since_s: float | None,
    start_s: float,
    costs: ScanCosts,
    margin_sigmas: float,
) -> ScanStep:
    """The step where its place is at its middle; its margin makes it longer, so its middle is sought twice."""
    moved = step
    for _ in range(2):
        middle_s = start_s + costs.frame_time_s(moved.rows, moved.cols, moved.dwell_time_us) / 2
        drift = tracker.predict(middle_s, since_s)
        moved = shifted(step, tracker.area.context, drift, margin_sigmas=margin_sigmas)
    return moved


def _travel_s(costs: ScanCosts, here: YX | None, step: ScanStep) -> float:
    return 0.0 if here is None else costs.travel_time_s(here, step.center_nm)


def _sent(steps: Strategy, frame: ScanFrame) -> ScanStep | None:
    try:
        return steps.send(frame)
    except StopIteration:
        return None


def _told(steps: Strategy, left: StepSkipped | UnsupportedStep) -> ScanStep | None:
    try:
        return steps.throw(left)
    except StopIteration:
        return None
