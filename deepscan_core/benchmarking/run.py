"""Try strategies on suites and take down what the meter reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deepscan_core.benchmarking.charges import Terms
from deepscan_core.benchmarking.meter import Meter, Reading
from deepscan_core.benchmarking.results import Results, TimingRow
from deepscan_core.benchmarking.rivals import RIVALS, Rival
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.benchmarking.strategies import (
    PRODUCT,
    PRODUCT_MAP,
    PRODUCT_MAP_TITLE,
    Outcome,
    false_regions,
    outcomes,
    warm_up,
)
from deepscan_core.benchmarking.suites import Plan, Shot, Suite


@dataclass(frozen=True, kw_only=True)
class Task:
    """One scene of one suite, to be made and tried."""

    suite: Suite
    shot: Shot

    @property
    def title(self) -> str:
        """For the progress bar."""
        return f"{self.suite.name}, {self.shot.name}"


def tasks_of(suites: Sequence[Suite], plan: Plan) -> list[Task]:
    """Everything that is to be tried."""
    return [Task(suite=suite, shot=shot) for suite in suites for shot in suite.shots(plan)]


def run(
    tasks: Sequence[Task],
    rivals: Sequence[Rival],
    *,
    terms: Terms | None = None,
    advance: Callable[[str], object] = str,
) -> Results:
    """Carry out tasks one after the other.

    Parameters
    ----------
    tasks : from `tasks_of`.
    rivals : strategies to try; slow ones only on scenes that say so.
    terms : by which everything is charged.
    advance : is told the title of each task when it begins.
    """
    results = Results()
    if any(rival.name == PRODUCT for rival in rivals):
        warm_up()
    for task in tasks:
        advance(task.title)
        scene = task.shot.make()
        meter = Meter(scene, terms)
        suite, kind = task.suite.name, task.shot.kind
        results.add(suite, kind, scene.name, "", _facts(meter))
        if task.suite.defect_free:
            if any(rival.name == PRODUCT for rival in rivals):
                results.add(suite, kind, scene.name, PRODUCT, false_regions(scene))
            continue
        for rival in rivals:
            if rival.can_see(scene) and (task.shot.for_slow or not rival.slow):
                for outcome in outcomes(rival, scene):
                    _take_down(results, task, scene, meter, outcome)
    return results


def titles(rivals: Mapping[str, Rival] = RIVALS) -> dict[str, str]:
    """Name to title of every strategy, in the order of the tables: DeepScan first, limits last."""
    own = {PRODUCT: rivals[PRODUCT].title, PRODUCT_MAP: PRODUCT_MAP_TITLE} if PRODUCT in rivals else {}
    others = sorted((rival for rival in rivals.values() if rival.name != PRODUCT), key=lambda rival: rival.needs_truth)
    return own | {rival.name: rival.title for rival in others}


def _take_down(results: Results, task: Task, scene: Scene, meter: Meter, outcome: Outcome) -> None:
    readings = meter.read(outcome.rectangles)
    pays_below = meter.break_even_per_frame(outcome.compute_s, readings)
    calibrated = scene.preview.pixel_size_nm is not None
    results.add(task.suite.name, task.shot.kind, scene.name, outcome.strategy, [*readings, *outcome.readings])
    results.timings.append(
        TimingRow(
            suite=task.suite.name,
            scene=scene.name,
            strategy=outcome.strategy,
            compute_s=outcome.compute_s,
            compute_share=outcome.compute_s / meter.ledger.raster.time_s,
            break_even_per_frame=pays_below,
            break_even_per_um2=pays_below / meter.frame_um2 if pays_below is not None and calibrated else None,
        )
    )


def _facts(meter: Meter) -> list[Reading]:
    """What is true of the scene whoever looks at it."""
    scene, ledger = meter.scene, meter.ledger
    facts = {
        "preview_dose_share": ledger.preview_share,
        "preview_time_share": ledger.preview.time_s / ledger.raster.time_s,
        "raster_s": ledger.raster.time_s,
        "preview_dwell_us": ledger.dwell_us,
        "beam_current_pa": ledger.current_pa,
        "region_px": float(scene.region_px),
        "points": float(len(scene.points_px)),
        "truth_objects": float(meter.truth_objects),
        "extent_share": 0.0 if scene.mask is None else float(scene.mask.mean()),
    }
    if scene.preview.pixel_size_nm is not None:
        facts["frame_um2"] = meter.frame_um2
    known = scene.d_primes[scene.d_primes == scene.d_primes]
    if len(known):
        facts |= {"d_prime_least": float(known.min()), "d_prime_largest": float(known.max())}
    return [Reading(measure=measure, value=value) for measure, value in facts.items()]
