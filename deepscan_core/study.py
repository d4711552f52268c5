"""One image under study: what a session or a script holds."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.features import classical
from deepscan_core.features.backbones import AUTO, DEFAULT_BACKBONE
from deepscan_core.features.extractor import LARGEST_WHOLE_PX, ExtractorSettings, check_room, extract, extract_patches
from deepscan_core.features.pyramid import FeaturePyramid
from deepscan_core.features.statistics import statistics_maps
from deepscan_core.ingest.detectors import known_noise
from deepscan_core.ingest.normalise import Preprocessing, fill_unmeasured, grey_range, normalise
from deepscan_core.records.coordinates import YX, ScanContext, as_points, check_finite, check_positive, check_seed
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import FeatureMap, ScoreMap
from deepscan_core.records.noise import KnownNoise, NoiseModel
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.regions.centring import centre_on_objects
from deepscan_core.regions.measurement import measure_regions
from deepscan_core.regions.selection import Selection, select_regions
from deepscan_core.scoring.beside import beside
from deepscan_core.scoring.calibration import level_for_false_regions, level_for_false_share
from deepscan_core.scoring.character import Character, characters_of
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.scoring.names import FUSED, check_scorer
from deepscan_core.scoring.self_similarity import Residual, noise_of
from deepscan_core.scoring.structure import structure_of
from deepscan_core.scoring.surprisal import surprisal_map
from deepscan_core.scoring.teacher import Teacher
from deepscan_core.scoring.teaching.examples import Examples, Lesson, Sample, draw_sample
from deepscan_core.scoring.teaching.labels import Label
from deepscan_core.scoring.teaching.residual import residual_features

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation, Grounds
    from deepscan_core.features.words import WordModel
    from deepscan_core.scoring.text import Seen

DEFAULT_REGION_SHARE = 1 / 16  # of the shorter side of the image
SMALLEST_DEFAULT_REGION_PX = 8
SPOT_REACH = 3  # standard deviations, as far as the filter for spots reaches
FINEST_TAUGHT_PX, TAUGHT_PATCH_PX = 2.0, 4.0  # the latter in large images, of which only patches are kept
NOISE_PX = 1024  # side of what the noise is estimated from
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
        "mahalanobis", "nearest_neighbours" or "isolation_forest"; or "spots" for many spots of one sign, such as atoms on
        a support.
    noise : what a calibration of the detector says, in grey values of the image; by default what the image's metadata say.
        The rest is estimated from the image.
    codebook : what studies of former frames of the same view have left; this one checks and updates it. By default the
        image stands for itself.

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
        noise: KnownNoise | None = None,
        codebook: Codebook | None = None,
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
        self.known_noise = known_noise(image.metadata) if noise is None else noise
        self._codebook = codebook
        self._patch_px, self._step_px = patch_px, min(step_px, min(image.shape) / 4)
        self._pyramid: FeaturePyramid | None = None
        self._features: dict[tuple[float, float], FeatureMap] = {}
        self._seen: dict[str, tuple[Seen, ...]] = {}
        self._normalised: npt.NDArray[np.float32] | None = None
        self._residual: Residual | None = None
        self._surprisal: ScoreMap | None = None
        self._grounds: Grounds | None = None
        self._taught: FeatureStack | None = None
        self._sample: Sample | None = None

    @property
    def kept_bytes(self) -> int:
        """Memory of the image and of what was worked out about it so far."""
        features = [kept.values for kept in self._features.values()]
        words = sum(scale.nbytes for scales in self._seen.values() for scale in scales)
        levels = [level.values for level in self._pyramid.levels] if self._pyramid is not None else []
        scores = [self._surprisal.values] if self._surprisal is not None else []
        scaled = [self._normalised] if self._normalised is not None else []
        others = sum(kept.kept_bytes for kept in (self._residual, self._grounds) if kept is not None)
        others += self.taught_bytes
        arrays = (self.image.array, *features, *levels, *scores, *scaled)
        return others + words + sum(array.nbytes for array in arrays)

    @property
    def taught_bytes(self) -> int:
        """Memory of what clicks are compared by."""
        sampled = self._sample.features.nbytes if self._sample is not None else 0
        return sampled + (self._taught.nbytes if self._taught is not None else 0)

    def features(self) -> FeatureMap:
        """Features of the patches that `surprisal` compares, ``patch_px`` wide and ``step_px`` apart."""
        return self._patches(self._patch_px, self._step_px)

    def surprisal(self) -> ScoreMap:
        """Mode A: how rare each place is against the rest of the image, in nats."""
        if self._surprisal is None:
            check_room(self.image.shape, self.extractor)
            with one_blas_thread():
                self._surprisal = surprisal_map(
                    self._scaled(),
                    self.features,
                    scorer=self.scorer,
                    seed=self.seed,
                    residual=self._unpredicted(),
                )
        return self._surprisal

    def noise(self) -> NoiseModel:
        """Gain, offset and read noise of the detector in grey values of the image, see `scoring.noise.estimate_noise`.

        Of a large image the middle is looked at.
        """
        middle = tuple(slice(max(0, (n - NOISE_PX) // 2), (n + NOISE_PX) // 2) for n in self.image.shape)
        with one_blas_thread():
            structure = structure_of(self._scaled()[middle])
            return noise_of(structure, fill_unmeasured(self.image.array)[middle], self.known_noise)

    def teach(
        self, positives_px: Sequence[YX], negatives_px: Sequence[YX] = (), *, earlier: Sequence[Label] = ()
    ) -> ScoreMap:
        """Mode B: probability of being like the positive clicks and unlike the negative ones.

        Parameters
        ----------
        positives_px, negatives_px : ``(y, x)`` image indices. Raises `InputError` for one outside the image.
        earlier : labels of other fields of view, which count as well; see `label`.
        """
        return self._learned(positives_px, negatives_px, earlier)[1]

    def suggest_click(
        self, positives_px: Sequence[YX], negatives_px: Sequence[YX] = (), *, earlier: Sequence[Label] = ()
    ) -> YX:
        """The place ``(y, x)`` that would teach most, if it were clicked next; for the parameters see `teach`.

        It lies where the probability is near one half and what is there is unlike the clicks; see
        `teaching.suggestion.suggest_click`.
        """
        teacher, _ = self._learned(positives_px, negatives_px, earlier)
        return self.suggest_for(teacher, [*positives_px, *negatives_px])

    def suggest_for(self, teacher: Teacher, clicks_px: Sequence[YX]) -> YX:
        """The same for a `Teacher` that has learned, perhaps from other images; for the clicks made on this one."""
        from deepscan_core.scoring.teaching.suggestion import suggest_click

        clicks = np.array(as_points("clicks_px", clicks_px), float).reshape(-1, 2)
        with one_blas_thread():
            return suggest_click(teacher, self._taught_features(), clicks)

    def label(
        self,
        positives_px: Sequence[YX],
        negatives_px: Sequence[YX] = (),
        *,
        class_name: str = "target",
        context: ScanContext | None = None,
    ) -> Label:
        """Clicks on this image with what they teach, to be saved with `teaching.labels.save_labels`.

        Parameters
        ----------
        positives_px, negatives_px : as in `teach`.
        class_name : of what the positive ones show.
        context : where the field of view lies on the specimen; by default its centre is the origin.
        """
        return Label(
            class_name=class_name,
            image_name=self.image.name,
            image_sha256=self.image.sha256,
            context=context or self.image.context(),
            positives_px=tuple(as_points("positives_px", positives_px)),
            negatives_px=tuple(as_points("negatives_px", negatives_px)),
            examples=self.examples(positives_px, negatives_px),
        )

    def examples(
        self, positives_px: Sequence[YX], negatives_px: Sequence[YX] = (), *, with_bulk: bool = True
    ) -> Examples:
        """Clicks on this image for a `Teacher` that learns from several images; for the first parameters see `teach`.

        Without the bulk, which another image has to give then, no surprisal is worked out.
        """
        lesson = Lesson(
            features=self._taught_features(),
            sample=self._ordinary_places() if with_bulk else None,
            positives_px=as_points("positives_px", positives_px),
            negatives_px=as_points("negatives_px", negatives_px),
        )
        return lesson.examples()

    def resemble(self, teacher: Teacher) -> ScoreMap:
        """Mode B with clicks on other images: the probability of being what a `Teacher` has learned."""
        with one_blas_thread():
            return teacher.predict(self._taught_features())

    def search(self, query: str, *, model: WordModel | None = None) -> ScoreMap:
        """Mode C: what the words say, against all else that a place could show; above 0 where they say it best.

        Parameters
        ----------
        query : e.g. "linear cracks", "bright round particles", "cracks, not scratches"; see `scoring.query`.
        model : from `features.words.load_word_model`; None takes DeepScan's own.

        Raises
        ------
        InputError
            An empty query, or one of which no word is known.
        MissingError
            torch is not installed, or the model's weights are not on this computer.

        Notes
        -----
        What the model saw of the image is kept: a second query runs neither backbone nor decoder.
        """
        from deepscan_core.features.words import load_word_model
        from deepscan_core.scoring.query import parse_query
        from deepscan_core.scoring.text import text_map

        asked = parse_query(query)
        chosen = model or load_word_model()
        wanted = chosen.phrases(asked.wanted)
        unwanted = chosen.phrases(asked.unwanted) if asked.unwanted else None
        scales = self.seen_by(chosen)
        with one_blas_thread():
            return text_map(scales, wanted, unwanted, chosen.others, label=asked.text)

    def combine(self, *maps: ScoreMap) -> ScoreMap:
        """Maps of this image as one, such as words corrected by clicks; see `scoring.combining.combined`."""
        from deepscan_core.scoring.combining import combined

        return combined(maps)

    def regions(
        self,
        score_map: ScoreMap,
        *,
        area_fraction: float | None = None,
        expected_false_regions: float | None = None,
        false_share: float | None = None,
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
        false_share : at most this share of the regions is expected to be false, however many there are; for surprisal only.
        level : no region below this score. Of several rules, all are kept.
        region_size_px, region_size_nm : side, or ``(height, width)``; a sixteenth of the shorter side by default, or six
            standard deviations of the spots that the map shows, where it shows many of one kind.

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
        size_px = self._region_size_px(region_size_px, region_size_nm, score_map.spot_px)
        level = self._level(score_map, level, expected_false_regions, false_share)
        if level == math.inf:
            return ()
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
            return characters_of(self._unpredicted(), regions)

    def labelled(self, regions: Sequence[ScanRegion]) -> tuple[ScanRegion, ...]:
        """The regions, their labels led by what they hold, see `describe`."""
        named = zip(regions, self.describe(regions), strict=True)
        return tuple(replace(region, label=f"{character}, {region.label}") for region, character in named)

    def explain(self, region: ScanRegion, clicks_px: Sequence[YX] = ()) -> Explanation:
        """Why a region scores as it does: what is not predicted there, what raises the score, its Fourier transform, and
        which patches are like it.

        The first region takes about as long as a map; what is worked out for it is kept and serves the others.

        Parameters
        ----------
        region : of this image, from any map; its surprisal is explained.
        clicks_px : positive examples ``(y, x)`` that the region is compared with; without any, the rest of the image.

        Raises
        ------
        InputError
            A region or a click outside the image.
        """
        from deepscan_core.explain import Grounds
        from deepscan_core.scoring.parts import parts_of

        if self._grounds is None:
            check_room(self.image.shape, self.extractor)
            with one_blas_thread():
                parts = parts_of(
                    self._scaled(),
                    self.features,
                    scorer=self.scorer,
                    seed=self.seed,
                    residual=self._unpredicted(),
                )
                features = self.features() if "patches" in parts.excesses else self._plain_patches()
                self._grounds = Grounds(parts, features, self.image.pixel_size_nm)
        return self._grounds.explain(region, as_points("clicks_px", clicks_px))

    def measure(
        self, regions: Sequence[ScanRegion], score_map: ScoreMap | None = None
    ) -> tuple[RegionMeasurement, ...]:
        """Segment the image inside the regions and measure each object; scores come from `score_map` or the surprisal."""
        return measure_regions(self.image, regions, score_map or self.surprisal())

    def _level(
        self, score_map: ScoreMap, level: float | None, expected_false_regions: float | None, false_share: float | None
    ) -> float | None:
        """The highest of the levels that are asked for."""
        asked = {"expected_false_regions": expected_false_regions, "false_share": false_share}
        for name, value in asked.items():
            if value is not None and score_map.kind != "surprisal":
                raise InputError(f"{name} needs a surprisal map, not {score_map.kind}: use area_fraction")
        levels = [] if level is None else [level]
        if score_map.kind == "similarity":
            levels.append(0.0)  # below, something else explains a place better than the words do
        if expected_false_regions is not None:
            levels.append(level_for_false_regions(expected_false_regions, self.image.shape))
        if false_share is not None:
            levels.append(level_for_false_share(score_map.values, false_share))
        return max(levels) if levels else None

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

    def _region_size_px(
        self, size_px: float | YX | None, size_nm: float | YX | None, spot_px: float
    ) -> tuple[int, int]:
        if size_px is not None and size_nm is not None:
            raise InputError("a region size was given in px and in nm: give one of them")
        if size_nm is not None:
            pitch = self.image.context().pixel_size_nm
            wanted = tuple(s / p for s, p in zip(_pair(size_nm), pitch, strict=True))
        elif size_px is not None:
            wanted = _pair(size_px)
        else:
            share = round(min(self.image.shape) * DEFAULT_REGION_SHARE)
            side = max(SMALLEST_DEFAULT_REGION_PX, 2 * math.ceil(SPOT_REACH * spot_px) + 1 if spot_px else share)
            wanted = (side, side)
        check_positive("region size", *wanted)
        return (max(1, round(wanted[0])), max(1, round(wanted[1])))

    def _scaled(self) -> npt.NDArray[np.float32]:
        if self._normalised is None:
            self._normalised = normalise(self.image.array, self.preprocessing)
        return self._normalised

    def _unpredicted(self) -> Residual:
        """What the map and the description of regions share."""
        if self._residual is None:
            self._residual = Residual(self._scaled(), self._known_noise_scaled(), codebook=self._codebook)
        return self._residual

    def _known_noise_scaled(self) -> KnownNoise | None:
        """A calibration holds for grey values as they were recorded, not for denoised or equalised ones."""
        if self.known_noise == KnownNoise() or self.preprocessing.denoise != "none" or self.preprocessing.clahe:
            return None
        low, high = grey_range(fill_unmeasured(self.image.array), self.preprocessing)
        return self.known_noise.rescaled(low, high) if high > low else None

    def _patches(self, patch_px: float, step_px: float) -> FeatureMap:
        if (patch_px, step_px) not in self._features:
            self._features[patch_px, step_px] = self._made_patches(patch_px, step_px)
        return self._features[patch_px, step_px]

    def _learned(
        self, positives_px: Sequence[YX], negatives_px: Sequence[YX], earlier: Sequence[Label]
    ) -> tuple[Teacher, ScoreMap]:
        """One context for both: asking which libraries have threads takes milliseconds."""
        examples = [self.examples(positives_px, negatives_px), *(label.examples for label in earlier)]
        with one_blas_thread():
            teacher = Teacher().fit(examples)
            return teacher, teacher.predict(self._taught_features())

    def _taught_features(self) -> FeatureStack:
        """What clicks are compared by: a network's maps, local statistics and the residual of self-similarity."""
        if self._taught is None:
            scaled = self._scaled()
            if np.ptp(scaled) == 0:
                nothing = np.zeros((*scaled.shape, 1), np.float32)
                blank = FeatureMap(nothing, step_px=1.0, origin_px=0.0, image_shape=self.image.shape, source="nothing")
                self._taught = FeatureStack((blank,))
            else:
                with one_blas_thread():
                    network = beside(self._network_maps)
                    residual = residual_features(self._unpredicted())
                    self._taught = FeatureStack((residual, *statistics_maps(scaled), *network.result()))
        return self._taught

    def _network_maps(self) -> tuple[FeatureMap, ...]:
        if self._is_large():
            return (self._patches(TAUGHT_PATCH_PX, TAUGHT_PATCH_PX),)
        return self._whole_pyramid().maps(finest_step_px=min(FINEST_TAUGHT_PX, *self.image.shape))

    def _ordinary_places(self) -> Sample:
        if self._sample is None:
            self._sample = draw_sample(self._taught_features(), self.surprisal().values, seed=self.seed)
        return self._sample

    def _plain_patches(self) -> FeatureMap:
        """Patches without a network, which a score that does not look at patches has not run."""
        plain = ExtractorSettings(backbone=classical.NAME)
        return extract_patches(self._scaled(), plain, patch_px=self._patch_px, step_px=self._step_px)

    def _made_patches(self, patch_px: float, step_px: float) -> FeatureMap:
        """Of large images only patches are kept, not the maps they were pooled from."""
        if self._is_large():
            return extract_patches(self._scaled(), self.extractor, patch_px=patch_px, step_px=step_px)
        return self._whole_pyramid().patches(patch_px=patch_px, step_px=step_px)

    def _whole_pyramid(self) -> FeaturePyramid:
        if self._pyramid is None:
            self._pyramid = extract(self._scaled(), self.extractor)
        return self._pyramid

    def _is_large(self) -> bool:
        return math.prod(self.image.shape) > LARGEST_WHOLE_PX

    def seen_by(self, model: WordModel) -> tuple[Seen, ...]:
        """What a text-image model sees of the image; the default backbone's pass serves it and surprisal alike."""
        from deepscan_core.scoring.text import seen

        if model.name not in self._seen:
            is_whole = math.prod(self.image.shape) <= LARGEST_WHOLE_PX
            is_shared = is_whole and self.extractor == ExtractorSettings(device=self.extractor.device)
            pyramid = self._whole_pyramid() if is_shared else self._pyramid
            with one_blas_thread():
                maps = model.look(self._scaled(), pyramid)
                self._seen[model.name] = tuple(seen(features, model.others) for features in maps)
        return self._seen[model.name]


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep numpy's matrix products to one thread.

    They are small here, and their idle threads wait busily for the next one: on two cores that doubles the time of the
    network, which has threads of its own.
    """
    limits: AbstractContextManager[Any] = _thread_pools(len(sys.modules)).limit(limits=1, user_api="blas")
    return limits


@functools.lru_cache(maxsize=1)
def _thread_pools(module_count: int) -> Any:
    """The pools of the libraries that are loaded; looking for them takes 10 ms, and only a new module can bring another."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _pair(size: float | YX) -> YX:
    pair = size if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise InputError(f"size {size!r}: give one number or (height, width)")
    check_finite("region size", *pair)
    return (float(pair[0]), float(pair[1]))
