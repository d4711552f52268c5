"""The dry run: everything about a plan that can be refused before the first electron is refused here."""

from __future__ import annotations

import math
from collections.abc import Iterator

from deepscan_core.acquisition.controller import BeamRest, Capabilities
from deepscan_core.acquisition.stages import in_field, is_inside, offset_nm
from deepscan_core.errors import ProtocolError, UnsupportedStep
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons
from deepscan_core.records.protocol import ScanProtocol, ScanStep

RELATIVE_TOLERANCE = 1e-6  # JSON keeps 17 digits; more difference than this is a difference
EDGE_TOLERANCE_PX = 0.01


def check_plan(protocol: ScanProtocol, context: ScanContext, capabilities: Capabilities) -> None:
    """Raise the first of `plan_violations`."""
    _raise_first(plan_violations(protocol, context, capabilities))


def plan_violations(
    protocol: ScanProtocol, context: ScanContext, capabilities: Capabilities, *, is_followed: bool = True
) -> Iterator[ProtocolError | UnsupportedStep]:
    """All that does not fit the instrument as it is set now.

    `ProtocolError` where the plan contradicts itself, its limits or the context; `UnsupportedStep` where the instrument
    lacks a capability. Where the plan is not followed step by step, because a strategy chooses from it, its limits are
    looked at while it runs.
    """
    planned = protocol.context
    if not planned.is_calibrated:
        yield ProtocolError("the protocol has no calibration: plan again with --pixel-size-nm")
        return
    yield from context_changes(planned, context)
    if is_followed:
        yield from _too_long(protocol)
        yield from _too_many_electrons(protocol)
    yield from context_violations(planned, capabilities)
    for step in protocol.steps:
        yield from step_violations(step, planned, capabilities, may_reach_out=capabilities.stage)
    if is_followed and protocol.limits.max_dose_e_per_nm2 is not None:
        yield from dose_violations(protocol, protocol.limits.max_dose_e_per_nm2)


def check_doses(protocol: ScanProtocol, max_dose_e_per_nm2: float) -> None:
    """Raise `ProtocolError` for a step that gives more than a dose."""
    _raise_first(dose_violations(protocol, max_dose_e_per_nm2))


def dose_violations(protocol: ScanProtocol, max_dose_e_per_nm2: float) -> Iterator[ProtocolError]:
    """All steps that give more than a dose."""
    current_pa = protocol.context.beam_current_pa
    if current_pa is None:
        if protocol.steps:
            yield ProtocolError("a dose limit needs the beam current: give it with --beam-current-pa")
        return
    for step in protocol.steps:
        height_nm, width_nm = step.size_nm
        dose = dose_e_per_nm2(step.rows, step.cols, step.dwell_time_us, current_pa, height_nm, width_nm)
        if dose > max_dose_e_per_nm2 * (1 + RELATIVE_TOLERANCE):
            yield ProtocolError(
                f"step {step.order} gives {dose:.4g} e/nm², more than the limit of {max_dose_e_per_nm2:g} e/nm²"
            )


def check_context(context: ScanContext, capabilities: Capabilities) -> None:
    """Raise `UnsupportedStep` where the context asks for more than the instrument can do."""
    _raise_first(context_violations(context, capabilities))


def context_violations(context: ScanContext, capabilities: Capabilities) -> Iterator[UnsupportedStep]:
    """All that the context asks for and the instrument cannot do."""
    fov_y_nm, fov_x_nm = context.fov_nm
    if not capabilities.non_square_context and not math.isclose(fov_y_nm, fov_x_nm, rel_tol=RELATIVE_TOLERANCE):
        yield UnsupportedStep(
            f"a context of {fov_y_nm:.4g} x {fov_x_nm:.4g} nm is not square: this instrument wants a square context"
        )
    if not capabilities.center and (context.center_y_nm, context.center_x_nm) != (0, 0):
        center = f"({context.center_y_nm:g}, {context.center_x_nm:g}) nm"
        yield UnsupportedStep(f"a context centred at {center}: this instrument wants (0, 0), move the stage instead")


def check_step(step: ScanStep, context: ScanContext, capabilities: Capabilities) -> None:
    """Raise `UnsupportedStep` or `ProtocolError` for one step that cannot be done in this context."""
    _raise_first(step_violations(step, context, capabilities))


def step_violations(
    step: ScanStep, context: ScanContext, capabilities: Capabilities, *, may_reach_out: bool = False
) -> Iterator[ProtocolError | UnsupportedStep]:
    """All about a step that cannot be done in this context, or with the stage."""
    if step.rotation_rad and not capabilities.rotation:
        yield UnsupportedStep(f"step {step.order} is turned by {step.rotation_rad:g} rad: this instrument cannot turn")
    if not capabilities.shortest_dwell_us <= step.dwell_time_us <= capabilities.longest_dwell_us:
        yield UnsupportedStep(
            f"step {step.order} dwells {step.dwell_time_us:g} µs: this instrument does "
            f"{capabilities.shortest_dwell_us:g} to {capabilities.longest_dwell_us:g} µs"
        )
    if max(step.rows, step.cols) > capabilities.largest_frame_px:
        yield UnsupportedStep(
            f"step {step.order} has {step.rows} x {step.cols} samples: "
            f"this instrument records {capabilities.largest_frame_px} a side at most"
        )
    try:
        check_inside(step, context, may_reach_out=may_reach_out)
    except ProtocolError as outside:
        yield outside


def check_stage(capabilities: Capabilities) -> None:
    """Raise `UnsupportedStep` where the stage cannot or must not be moved."""
    if not capabilities.stage:
        raise UnsupportedStep(
            "no stage of this instrument may be moved: allow it with --allow-stage, where there is one"
        )


def check_rest(rest: BeamRest, capabilities: Capabilities) -> None:
    """Raise `UnsupportedStep` if the beam would be left on the sample because nobody said where it may rest."""
    _raise_first(rest_violations(rest, capabilities))


def rest_violations(rest: BeamRest, capabilities: Capabilities) -> Iterator[UnsupportedStep]:
    """What stands against letting the beam rest there."""
    if rest.park_fraction is None and not capabilities.blanker:
        yield UnsupportedStep("this instrument has no beam blanker: name a place to park the beam (--park Y,X)")
    if rest.park_fraction is not None and not capabilities.park:
        yield UnsupportedStep("this instrument cannot park the beam: let it be blanked instead")


def check_inside(step: ScanStep, context: ScanContext, *, may_reach_out: bool = False) -> None:
    """Raise `ProtocolError` for a step that leaves its context, or whose px and nm are different places.

    Parameters
    ----------
    may_reach_out : the stage brings it into the context; then it has to fit there.
    """
    if may_reach_out and not is_inside(in_field(step, offset_nm(step, context), context), context):
        raise ProtocolError(
            f"step {step.order} is larger than the context: the stage cannot bring it into the scan range"
        )
    if not may_reach_out:
        grid = step.in_context()
        for i in (-0.5, step.rows - 0.5):
            for j in (-0.5, step.cols - 0.5):
                y_px, x_px = context.px_from_nm(grid.plane_nm((i, j)))
                low, slack = -0.5 - EDGE_TOLERANCE_PX, -0.5 + EDGE_TOLERANCE_PX
                if not (low <= y_px <= context.rows + slack and low <= x_px <= context.cols + slack):
                    raise ProtocolError(
                        f"step {step.order} reaches ({y_px:.2f}, {x_px:.2f}) px, outside the context of "
                        f"{context.rows} x {context.cols} px: plan inside it, or let the stage move (--allow-stage)"
                    )
    sizes_px = [nm / pitch for nm, pitch in zip(step.size_nm, context.pixel_size_nm, strict=True)]
    if not all(
        math.isclose(a, b, abs_tol=EDGE_TOLERANCE_PX)
        for a, b in zip(sizes_px, (step.height_px, step.width_px), strict=True)
    ):
        raise ProtocolError(
            f"step {step.order}: its size in px ({step.height_px:g}, {step.width_px:g}) and in nm "
            f"({step.height_nm:g}, {step.width_nm:g}) are different sizes: plan again"
        )
    y_px, x_px = context.px_from_nm(step.center_nm)
    if math.dist((y_px, x_px), (step.center_y_px, step.center_x_px)) > EDGE_TOLERANCE_PX:
        raise ProtocolError(
            f"step {step.order}: its centre in px ({step.center_y_px:g}, {step.center_x_px:g}) and in nm "
            f"({step.center_y_nm:g}, {step.center_x_nm:g}) are different places"
        )


def _raise_first(violations: Iterator[Exception]) -> None:
    for violation in violations:
        raise violation


def _too_long(protocol: ScanProtocol) -> Iterator[ProtocolError]:
    """The limit holds for what the steps take, whatever the file says they take."""
    costs = ScanCosts()
    frames_s = sum(costs.frame_time_s(step.rows, step.cols, step.dwell_time_us) for step in protocol.steps)
    time_s, limit_s = max(frames_s, protocol.predicted_time_s), protocol.limits.max_time_s
    if limit_s is not None and time_s > limit_s * (1 + RELATIVE_TOLERANCE):
        yield ProtocolError(f"the plan takes {time_s:.3g} s, more than its limit of {limit_s:g} s")


def _too_many_electrons(protocol: ScanProtocol) -> Iterator[ProtocolError]:
    """Likewise for the electrons."""
    limit = protocol.limits.max_total_electrons
    if limit is None:
        return
    current_pa = protocol.context.beam_current_pa
    if current_pa is None:
        yield ProtocolError("a limit of electrons needs the beam current: give it with --beam-current-pa")
        return
    of_steps = sum(electrons(step.rows, step.cols, step.dwell_time_us, current_pa) for step in protocol.steps)
    total = max(of_steps, protocol.predicted_electrons or 0.0)
    if total > limit * (1 + RELATIVE_TOLERANCE):
        yield ProtocolError(f"the plan takes {total:.4g} electrons, more than its limit of {limit:g}")


def context_changes(planned: ScanContext, present: ScanContext) -> Iterator[ProtocolError]:
    """All in which the instrument no longer looks at what the plan was made on."""
    if (planned.rows, planned.cols) != (present.rows, present.cols):
        yield ProtocolError(
            f"the plan was made on a frame of {planned.rows} x {planned.cols} samples, the instrument is set to "
            f"{present.rows} x {present.cols}: set it back, or plan again"
        )
    for name in ("fov_y_nm", "fov_x_nm", "center_y_nm", "center_x_nm", "rotation_rad"):
        was, now = getattr(planned, name), getattr(present, name)
        scale = max(planned.fov_nm) if name.startswith("center") else abs(was) or 1.0
        if now is None or abs(was - now) > 1e-4 * scale:
            yield ProtocolError(
                f"the plan was made at {name} = {was:g}, the instrument is at {now:g}: set it back, or plan again"
                if now is not None
                else f"the plan was made at {name} = {was:g}, which the instrument does not tell: plan again"
            )
