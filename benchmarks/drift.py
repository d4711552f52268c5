"""Do steps hit their places on a specimen that drifts ever faster, and does a run pause rather than miss?

    python benchmarks/drift.py [--runs 8] [--steps 24] [--first-seed 0] [--planning-s 10] [--dose 1]
                               [--picture docs/pictures/drift.png]

Drift of 5 nm/min that grows by 2 nm/min a minute, in directions drawn anew for each run; regions of 2 nm at random places,
scanned in random order in 1 to 5 s each; a preview of 1024 x 1024 px of 0.04 nm, at 50 pA. A step hits where its middle
lies within half a region of the place that the plan meant. The table of docs/drift.md.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepscan_core.acquisition.drift import (
    DriftSettings,
    DriftTracker,
    ReferenceArea,
    choose_reference,
    is_reference,
    piece_of,
    seen_in,
    with_drift_correction,
)
from deepscan_core.acquisition.strategies import Strategy
from deepscan_core.benchmarking.tables import table
from deepscan_core.errors import DriftLost, InputError, UnsupportedStep
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import YX, ScanContext, rotate_ccw
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from deepscan_core.simulation.physics import AcquisitionPhysics, Drift
from deepscan_core.simulation.specimens import make_specimen

SIDE_PX, PITCH_NM, CURRENT_PA = 1024, 0.04, 50.0
REFERENCE_PX = 192
RATE_NM_PER_S, ACCELERATION_NM_PER_S2 = 5 / 60, 2 / 60**2
REGION_NM, REGION_SAMPLES = 2.0, 64
STEP_S = (1.0, 5.0)
JITTER_NM = 0.01
SPECIMENS = (  # name, kind, whether without any defect, dwell time of preview and reference frames in µs
    ("SrTiO3 with point defects", "crystal", False, 2.0),
    ("MoS2 with point defects", "mos2", False, 4.0),
    ("single atoms on carbon", "single-atoms", False, 8.0),
    ("SrTiO3, perfect lattice", "crystal", True, 2.0),
)


@dataclass
class Run:
    """What happened in one run.

    Attributes
    ----------
    errors_nm : distance of each executed step from its place; `idle_nm`: what it would have been without correction.
    times_s, tracked_nm, true_nm : drift along y and x as it was predicted for each step, and as it was.
    """

    area: ReferenceArea | None = None
    planned: int = 0
    errors_nm: list[float] = field(default_factory=list)
    idle_nm: list[float] = field(default_factory=list)
    references: int = 0
    rejected: int = 0
    reference_electrons: float = 0.0
    electrons: float = 0.0
    left: int = 0
    lost: str = ""
    seconds: float = 0.0
    times_s: list[float] = field(default_factory=list)
    tracked_nm: list[YX] = field(default_factory=list)
    true_nm: list[YX] = field(default_factory=list)


def context_of() -> ScanContext:
    """A square context of the preview."""
    fov_nm = SIDE_PX * PITCH_NM
    return ScanContext(rows=SIDE_PX, cols=SIDE_PX, fov_y_nm=fov_nm, fov_x_nm=fov_nm, beam_current_pa=CURRENT_PA)


def drift_of(rng: np.random.Generator) -> Drift:
    """Rate and acceleration in random directions."""
    rate = rotate_ccw((0.0, RATE_NM_PER_S), float(rng.uniform(0, 2 * math.pi)))
    faster = rotate_ccw((0.0, ACCELERATION_NM_PER_S2), float(rng.uniform(0, 2 * math.pi)))
    return Drift(rate_nm_per_s=rate, acceleration_nm_per_s2=faster)


def plan_of(context: ScanContext, count: int, rng: np.random.Generator) -> list[ScanStep]:
    """Regions at random places in the middle half of the context, so that most stay in it."""
    steps = []
    for order in range(1, count + 1):
        y_nm, x_nm = (float(v) for v in rng.uniform(-0.25, 0.25, 2) * context.fov_nm)
        y_px, x_px = context.px_from_nm((y_nm, x_nm))
        steps.append(
            ScanStep(
                order=order,
                center_y_px=y_px,
                center_x_px=x_px,
                height_px=REGION_NM / PITCH_NM,
                width_px=REGION_NM / PITCH_NM,
                center_y_nm=y_nm,
                center_x_nm=x_nm,
                height_nm=REGION_NM,
                width_nm=REGION_NM,
                rows=REGION_SAMPLES,
                cols=REGION_SAMPLES,
                dwell_time_us=float(rng.uniform(*STEP_S)) * 1e6 / REGION_SAMPLES**2,
            )
        )
    return steps


def visiting(steps: list[ScanStep], run: Run) -> Strategy:
    """All steps in their order; those that drifted out of the context are left out and counted."""
    for step in steps:
        try:
            yield step
        except UnsupportedStep:
            run.left += 1
            continue


def begin(controller: SimulatedController, preview: ScanFrame, area: ReferenceArea) -> DriftTracker:
    """A track since the preview, or, on a lattice, since a frame of its own at once after it."""
    tracker = DriftTracker(area, DriftSettings())
    tracker.measure(controller.scan(area.step) if area.is_ambiguous else piece_of(preview, area))
    return tracker


def wait(controller: SimulatedController, tracker: DriftTracker, seconds: float, run: Run) -> None:
    """Let somebody plan; a lattice is not let out of sight meanwhile."""
    until_s = controller.clock_s + seconds
    while controller.clock_s < until_s:
        if tracker.area.is_ambiguous and tracker.due(controller.clock_s, 1.0):
            frame = controller.scan(tracker.reference_step(controller.clock_s))
            tracker.measure(frame)
            charge(run, frame)
        else:
            controller.clock_s += min(1.0, until_s - controller.clock_s)


def charge(run: Run, frame: ScanFrame) -> None:
    """Count a frame and its electrons."""
    run.electrons += frame.total_electrons or 0.0
    if is_reference(frame.step):
        run.references += 1
        run.reference_electrons += frame.total_electrons or 0.0


def carry_out(kind: str, *, perfect: bool, seed: int, steps: int, planning_s: float, dwell_us: float) -> Run:
    """One run, from the preview to its end."""
    rng = np.random.default_rng([seed, 17])
    context, drift = context_of(), drift_of(rng)
    controller = SimulatedController(
        make_specimen(kind, seed, defect_free=perfect),
        context,
        dwell_time_us=dwell_us,
        seed=seed,
        physics=AcquisitionPhysics(drift=drift, line_jitter_nm=JITTER_NM, moves_take_time=True),
    )
    preview = controller.preview()
    run = Run(planned=steps, electrons=preview.total_electrons or 0.0)
    plan = plan_of(context, steps, rng)
    try:
        run.area = choose_reference(
            preview.values, preview.context, plan, side_px=REFERENCE_PX, dwell_time_us=dwell_us, margin_nm=0.5
        )
    except InputError as error:
        run.lost = str(error)
        return run
    tracker = begin(controller, preview, run.area)
    wait(controller, tracker, planning_s, run)
    seen_s = seen_in(preview)
    by_order = {step.order: step for step in plan}
    corrected = with_drift_correction(visiting(plan, run), tracker, clock=lambda: controller.clock_s, seen_s=seen_s)
    try:
        step = next(corrected, None)
        while step is not None:
            frame = controller.scan(step)
            charge(run, frame)
            if not is_reference(step):
                judge(run, frame, by_order[step.order], seen_s, drift, tracker)
            step = corrected.send(frame)
    except StopIteration:
        pass
    except DriftLost as lost:
        run.lost = str(lost)
    run.rejected = sum(not one.accepted for one in tracker.measurements)
    run.seconds = controller.clock_s
    return run


def judge(run: Run, frame: ScanFrame, planned: ScanStep, seen_s: object, drift: Drift, tracker: DriftTracker) -> None:
    """How far the middle of a step was from its place, and would have been."""
    middle_s = frame.started_s + frame.duration_s / 2
    seen = seen_s(planned)  # type: ignore[operator]
    now, then = (tuple(float(v) for v in drift.at(t)) for t in (middle_s, seen))
    moved_nm = (now[0] - then[0], now[1] - then[1])
    aimed_nm = tuple(a - b for a, b in zip(frame.step.center_nm, planned.center_nm))  # type: ignore[union-attr]
    run.errors_nm.append(math.dist(aimed_nm, moved_nm))
    run.idle_nm.append(math.hypot(*moved_nm))
    run.times_s.append(middle_s)
    run.tracked_nm.append((aimed_nm[0], aimed_nm[1]))
    run.true_nm.append(moved_nm)


def percent(part: float, whole: float) -> str:
    """A share, a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def row(title: str, runs: list[Run]) -> list[str]:
    """One line of the table."""
    errors = np.array([e for run in runs for e in run.errors_nm])
    idle = np.array([e for run in runs for e in run.idle_nm])
    planned = sum(run.planned for run in runs)
    left = sum(run.left for run in runs)
    areas = [run.area for run in runs if run.area is not None]
    references = sum(run.references for run in runs)
    return [
        title,
        f"{np.median([a.unambiguous_radius_nm for a in areas]):.2f} nm" if areas else "-",
        f"{len(errors)}",
        percent(float((errors <= REGION_NM / 2).sum()), len(errors)),
        f"{np.median(errors):.3f} / {errors.max():.3f} nm" if len(errors) else "-",
        percent(float((idle <= REGION_NM / 2).sum()), len(idle)),
        percent(planned - left - len(errors), planned),
        percent(left, planned),
        f"{references / max(1, len(errors)):.2f}",
        f"{sum(run.rejected for run in runs)}",
        percent(sum(run.reference_electrons for run in runs), sum(run.electrons for run in runs)),
    ]


HEADINGS = [
    "specimen",
    "unambiguous within",
    "steps executed",
    "within half a region",
    "error: median / largest",
    "without correction",
    "not executed: track lost",
    "not executed: out of the field",
    "reference frames a step",
    "not believed",
    "their share of all electrons",
]


def draw(runs: dict[str, list[Run]], path: Path) -> None:
    """Drift and its correction of one run of each kind, over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6 * len(runs)), layout="constrained")
    axes = figure.subplots(len(runs), 2, squeeze=False)
    for (title, of_kind), (left, right) in zip(runs.items(), axes, strict=True):
        run = max(of_kind, key=lambda r: len(r.errors_nm))
        if run.times_s:
            for axis, name in enumerate("yx"):
                left.plot(run.times_s, [d[axis] for d in run.true_nm], "-", color=f"C{axis}", label=f"drift {name}")
                left.plot(run.times_s, [d[axis] for d in run.tracked_nm], ".", color=f"C{axis}", label=f"step {name}")
        left.set(title=title, xlabel="time, s", ylabel="moved by, nm")
        left.legend(fontsize=7)
        for one in of_kind:
            right.plot(one.times_s, one.errors_nm, ".", color="C2", markersize=4)
        right.axhline(REGION_NM / 2, color="C3", linewidth=1)
        right.set(title="distance from the planned place, all runs", xlabel="time, s", ylabel="nm", yscale="log")
    figure.savefig(path, dpi=80)
    print(f"{path}: {path.stat().st_size / 1024:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--planning-s", type=float, default=10.0)
    parser.add_argument("--dose", type=float, default=1.0, help="factor on the dose of preview and reference frames")
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    runs = {
        title: [
            carry_out(
                kind,
                perfect=perfect,
                seed=seed,
                steps=arguments.steps,
                planning_s=arguments.planning_s,
                dwell_us=dwell_us * arguments.dose,
            )
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.runs)
        ]
        for title, kind, perfect, dwell_us in SPECIMENS
    }
    print("\n".join(table(HEADINGS, [row(title, of_kind) for title, of_kind in runs.items()])))
    for title, of_kind in runs.items():
        for seed, run in enumerate(of_kind, start=arguments.first_seed):
            if run.lost:
                print(f"{title}, run {seed}: {run.lost}")
    if arguments.picture is not None:
        draw(runs, arguments.picture)


if __name__ == "__main__":
    main()
