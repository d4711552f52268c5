"""From a rival to rectangles, with how long it thought; and DeepScan as a user gets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from deepscan_core.benchmarking.meter import BUDGETS, Reading, truth_objects
from deepscan_core.benchmarking.rectangles import rectangle_of, rectangles_of_map
from deepscan_core.benchmarking.rivals.base import Rectangle, Rival
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.records.regions import RegionMeasurement
from deepscan_core.study import Study
from deepscan_core.threads import one_blas_thread

PRODUCT = "deepscan"
PRODUCT_MAP = "deepscan_map"  # its map with the selector that all rivals share
PRODUCT_MAP_TITLE = "DeepScan's map, shared selector"
FALSE_REGION_LEVELS = (0.1, 1.0, 5.0)  # K: false regions that are asked for


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a strategy says about a scene.

    Attributes
    ----------
    strategy : its name.
    rectangles : where to scan, best first.
    compute_s : how long it took to say so.
    readings : what else it said that can be compared with the truth.
    """

    strategy: str
    rectangles: list[Rectangle]
    compute_s: float
    readings: list[Reading] = field(default_factory=list)


def outcomes(rival: Rival, scene: Scene) -> list[Outcome]:
    """What a rival makes of a scene; DeepScan twice, with its own regions and with the shared selector."""
    with one_blas_thread():  # for everybody: idle threads of one library would be charged to the next
        return list(_product(scene)) if rival.name == PRODUCT else [_rival(rival, scene)]


def _rival(rival: Rival, scene: Scene) -> Outcome:
    begun = time.perf_counter()
    if rival.regions is not None:
        rectangles = list(rival.regions(scene))
    elif rival.score is not None:
        rectangles = rectangles_of_map(rival.score(scene), scene, max(BUDGETS))
    return Outcome(strategy=rival.name, rectangles=rectangles, compute_s=time.perf_counter() - begun)


def false_regions(scene: Scene) -> list[Reading]:
    """On a scene without defects: how many regions DeepScan shows where K were asked for."""
    study = Study(scene.preview, seed=scene.seed)
    return [
        Reading(measure=f"false_regions_at_{level:g}", value=float(_count(study, scene, level)))
        for level in FALSE_REGION_LEVELS
    ]


def warm_up() -> None:
    """Load what the first map would wait for, so that no scene is charged for it."""
    from deepscan_core.records.image import CalibratedImage

    Study(CalibratedImage(np.random.default_rng(0).normal(size=(64, 64)))).surprisal()


def _product(scene: Scene) -> Iterator[Outcome]:
    begun = time.perf_counter()
    study = Study(scene.preview, seed=scene.seed)
    score_map = study.surprisal()
    mapped_s = time.perf_counter() - begun
    regions = study.regions(score_map, area_fraction=max(BUDGETS), region_size_px=scene.region_px)
    own_s = time.perf_counter() - begun
    measured = study.measure(regions, score_map)
    readings = [*_count_errors(study, scene), *_area_errors(scene, measured)]
    own = [rectangle_of(region) for region in regions]
    yield Outcome(strategy=PRODUCT, rectangles=own, compute_s=own_s, readings=readings)
    begun = time.perf_counter()
    shared = rectangles_of_map(score_map.values, scene, max(BUDGETS))
    yield Outcome(strategy=PRODUCT_MAP, rectangles=shared, compute_s=mapped_s + time.perf_counter() - begun)


def _count(study: Study, scene: Scene, level: float) -> int:
    return len(study.regions(study.surprisal(), expected_false_regions=level, region_size_px=scene.region_px))


def _count_errors(study: Study, scene: Scene) -> Iterator[Reading]:
    count, truth = _count(study, scene, 1.0), truth_objects(scene)
    yield Reading(measure="count_at_1", value=float(count))
    if truth:
        yield Reading(measure="count_error", value=abs(count - truth) / truth)


def _area_errors(scene: Scene, measured: tuple[RegionMeasurement, ...]) -> Iterator[Reading]:
    """Median of ``|measured - true| / true`` over whole objects that lie on a piece of the truth that is whole as well."""
    from scipy import ndimage

    if scene.mask is None:
        return
    pieces, count = ndimage.label(scene.mask, np.ones((3, 3)))
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    cut = set(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    errors = []
    for one in measured:
        piece = int(pieces[round(one.centroid_y_px), round(one.centroid_x_px)])
        if piece and piece not in cut and not one.touches_border:
            errors.append(abs(one.area_px - areas[piece]) / areas[piece])
    if errors:
        yield Reading(measure="area_error", value=float(np.median(errors)))
        yield Reading(measure="areas_compared", value=float(len(errors)))
