"""One image under study: what a session or a script holds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.features.backbones import AUTO, DEFAULT_BACKBONE
from deepscan_core.features.extractor import LARGEST_WHOLE_PX, ExtractorSettings, check_room, extract, extract_patches
from deepscan_core.features.pyramid import FeaturePyramid
from deepscan_core.ingest.normalise import Preprocessing, normalise
from deepscan_core.records.coordinates import YX, as_points, check_finite, check_positive, check_seed
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import FeatureMap, ScoreMap
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.regions.centring import centre_on_objects
from deepscan_core.regions.measurement import measure_regions
from deepscan_core.regions.selection import Selection, select_regions
from deepscan_core.scoring.calibration import level_for_false_regions
from deepscan_core.scoring.character import Character, characters_of
from deepscan_core.scoring.names import FUSED, check_scorer
from deepscan_core.scoring.self_similarity import structure_of
from deepscan_core.scoring.surprisal import surprisal_map
from deepscan_core.scoring.teacher import taught_map

if TYPE_CHECKING:
    from deepscan_core.features.words import WordModel

DEFAULT_REGION_SHARE = 1 / 16  # of the shorter side of the image
SMALLEST_DEFAULT_REGION_PX = 8
TEACHER_STEP_PX = 4.0
ROUNDS = 4  # of looking for better places than the halos of spots


class Study:
    """An image and everything that was worked out about it. Features are computed once, on first need, and kept.

    Parameters
    ----------
    image : see `CalibratedImage`.
    backbone : a timm model, or "classical" for features without a network.
    backbone_weights : local weights file of the backbone; "random" for a network that learnt nothing, to measure times.
    scales : factors by which the image is resampled, one pass of the backbone each.
    patch_px, step_px : side of a patch and distance between patches, for surprisal.
    preprocessing : what is done to the image before features are made.
    seed : of everything random.
    device : of torch; "auto" is CUDA where torch finds it, else the CPU.
    precision : "float32", or "float16" or "bfloat16" for mixed precision.
    scorer : what `surprisal` looks at: "surprisal" for all together, or one of its parts, "self_similarity",
        "mahalanobis", "nearest_neighbours" or "isolation_forest".

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> array = rng.normal(100, 5, (96, 96))
    >>> array[40:48, 60:68] += 80
    >>> study = Study(CalibratedImage(array, pixel_size_nm=0.5), backbone="classical")
    >>> regions = study.regions(study.surprisal(), area_fraction=0.05, region_size_px=16)
    >>> objects = study.measure(regions)
    >>> round(objects[0].area_nm2)
    16
    """

    def __init__(
        self,
        image: CalibratedImage,
        *,
        backbone: str = DEFAULT_BACKBONE,
        backbone_weights: Path | Literal["random"] | None = None,
        scales: tuple[float, ...] = (1.0,),
        patch_px: float = 16.0,
        step_px: float = 8.0,
        preprocessing: Preprocessing | None = None,
        seed: int = 0,
        device: str = AUTO,
        precision: str = "float32",
        scorer: str = FUSED,
    ) -> None:
        check_positive("patch_px, step_px", patch_px, step_px)
        check_seed(seed)
        check_scorer(scorer)
        self.image = image
        self.extractor = ExtractorSettings(
            backbone=backbone, weights=backbone_weights, scales=scales, device=device, precision=precision
        )
        self.preprocessing = preprocessing or Preprocessing()
        self.seed = seed
        self.scorer = scorer
        self._patch_px, self._step_px = patch_px, min(step_px, min(image.shape) / 4)
        self._pyramid: FeaturePyramid | None = None
        self._features: dict[tuple[float, float], FeatureMap] = {}
        self._surprisal: ScoreMap | None = None

    def features(self) -> FeatureMap:
        """Features of the patches that `surprisal` compares, ``patch_px`` wide and ``step_px`` apart."""
        return self._patches(self._patch_px, self._step_px)

    def surprisal(self) -> ScoreMap:
        """Mode A: how rare each place is against the rest of the image, in nats."""
        if self._surprisal is None:
            check_room(self.image.shape, self.extractor)
            with one_blas_thread():
                self._surprisal = surprisal_map(self._scaled(), self.features, scorer=self.scorer, seed=self.seed)
        return self._surprisal

    def teach(self, positives_px: Sequence[YX], negatives_px: Sequence[YX] = ()) -> ScoreMap:
        """Mode B: probability of being like the positive clicks and unlike the negative ones.

        Parameters
        ----------
        positives_px, negatives_px : ``(y, x)`` image indices. Raises `InputError` for one outside the image.
        """
        step_px = min(TEACHER_STEP_PX, self._step_px)
        features = self._patches(step_px, step_px)
        positives_px = as_points("positives_px", positives_px)
        negatives_px = as_points("negatives_px", negatives_px)
        rows, cols = np.rint(features.centers_px()).astype(int).T
        rarity = self.surprisal().values[rows, cols]
        with one_blas_thread():
            return taught_map(features, positives_px, negatives_px, rarity, seed=self.seed)

    def search(self, query: str, *, model: WordModel | None = None) -> ScoreMap:
        """Mode C: similarity of each place to a few words.

        Parameters
        ----------
        query : e.g. "linear cracks".
        model : from `features.words.load_word_model`; None takes the default one.

        Raises
        ------
        InputError
            An empty query.
        MissingError
            No text-image weights on this computer.
        """
        from deepscan_core.features.words import load_word_model
        from deepscan_core.scoring.text import check_query, similarity_map

        words = check_query(query)
        chosen = model or load_word_model()
        features = chosen.windows(self._scaled())
        return similarity_map(features, chosen.words([words]), chosen.words(list(chosen.background)), label=words)

    def regions(
        self,
        score_map: ScoreMap,
        *,
        area_fraction: float | None = None,
        expected_false_regions: float | None = None,
        level: float | None = None,
        region_size_px: float | YX | None = None,
        region_size_nm: float | YX | None = None,
    ) -> tuple[ScanRegion, ...]:
        """Rectangles worth a visit, best first, none overlapping.

        Parameters
        ----------
        score_map : of this image.
        area_fraction : they cover at most this share of the image.
        expected_false_regions : so many regions are found on average where nothing is; for surprisal only.
        level : no region below this score.
        region_size_px, region_size_nm : side, or ``(height, width)``; a sixteenth of the shorter side by default.

        Raises
        ------
        InputError
            No rule, or one that this kind of map cannot obey; a size that does not fit.
        CalibrationError
            A size in nm and no pixel size.
        """
        if score_map.shape != self.image.shape:
            raise InputError(
                f"the map has {score_map.shape} px, the image {self.image.shape}: give a map of this image"
            )
        size_px = self._region_size_px(region_size_px, region_size_nm)
        if expected_false_regions is not None:
            if score_map.kind != "surprisal":
                raise InputError(
                    f"expected_false_regions needs a surprisal map, not {score_map.kind}: use area_fraction"
                )
            calibrated = level_for_false_regions(expected_false_regions, self.image.shape)
            level = calibrated if level is None else max(level, calibrated)
        found = self._select(score_map, Selection(size_px=size_px, area_fraction=area_fraction, level=level))
        context = self.image.context()
        if not context.is_calibrated:
            return found
        return tuple(
            replace(r, center_nm=context.nm_from_px(r.center_px), size_nm=context.size_nm_from_px(r.size_px))
            for r in found
        )

    def describe(self, regions: Sequence[ScanRegion]) -> tuple[Character, ...]:
        """What each region holds.

        One of "dark spot", "bright spot", "dark line" (such as a crack), "bright line", "boundary" (of grains), and "unlike
        its surroundings" where nothing stands out pixel by pixel.
        """
        with one_blas_thread():
            return characters_of(structure_of(self._scaled()), regions)

    def measure(
        self, regions: Sequence[ScanRegion], score_map: ScoreMap | None = None
    ) -> tuple[RegionMeasurement, ...]:
        """Segment the image inside the regions and measure each object; scores come from `score_map` or the surprisal."""
        return measure_regions(self.image, regions, score_map or self.surprisal())

    def _select(self, score_map: ScoreMap, selection: Selection) -> tuple[ScanRegion, ...]:
        """Select and centre; what was planned for a halo is planned elsewhere, as far as the area allows."""
        blocked = np.zeros(score_map.shape, bool)
        for _ in range(ROUNDS):
            selected = select_regions(score_map, selection, blocked=blocked)
            centred = centre_on_objects(self.image.array, selected, score_map)
            if len(centred) == len(selected) or selection.area_fraction is None:
                break
            kept = {region.score for region in centred}
            for region in selected:
                if region.score not in kept:
                    blocked[region.slices(score_map.shape)] = True
        return centred

    def _region_size_px(self, size_px: float | YX | None, size_nm: float | YX | None) -> tuple[int, int]:
        if size_px is not None and size_nm is not None:
            raise InputError("a region size was given in px and in nm: give one of them")
        if size_nm is not None:
            pitch = self.image.context().pixel_size_nm
            wanted = tuple(s / p for s, p in zip(_pair(size_nm), pitch, strict=True))
        elif size_px is not None:
            wanted = _pair(size_px)
        else:
            side = max(SMALLEST_DEFAULT_REGION_PX, round(min(self.image.shape) * DEFAULT_REGION_SHARE))
            wanted = (side, side)
        check_positive("region size", *wanted)
        return (max(1, round(wanted[0])), max(1, round(wanted[1])))

    def _scaled(self) -> npt.NDArray[np.float32]:
        return normalise(self.image.array, self.preprocessing)

    def _patches(self, patch_px: float, step_px: float) -> FeatureMap:
        if (patch_px, step_px) not in self._features:
            self._features[patch_px, step_px] = self._made_patches(patch_px, step_px)
        return self._features[patch_px, step_px]

    def _made_patches(self, patch_px: float, step_px: float) -> FeatureMap:
        """Of large images only patches are kept, not the maps they were pooled from."""
        rows, cols = self.image.shape
        if rows * cols > LARGEST_WHOLE_PX:
            return extract_patches(self._scaled(), self.extractor, patch_px=patch_px, step_px=step_px)
        if self._pyramid is None:
            self._pyramid = extract(self._scaled(), self.extractor)
        return self._pyramid.patches(patch_px=patch_px, step_px=step_px)


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep numpy's matrix products to one thread.

    They are small here, and their idle threads wait busily for the next one: on two cores that doubles the time of the
    network, which has threads of its own.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


def _pair(size: float | YX) -> YX:
    pair = size if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise InputError(f"size {size!r}: give one number or (height, width)")
    check_finite("region size", *pair)
    return (float(pair[0]), float(pair[1]))
