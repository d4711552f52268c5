"""One image under study: what a session or a script holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepscan_core.choosing import RegionRules, choose_regions
from deepscan_core.errors import InputError
from deepscan_core.features.backbones import AUTO, DEFAULT_BACKBONE
from deepscan_core.features.extractor import ExtractorSettings, check_room
from deepscan_core.ingest.detectors import known_noise
from deepscan_core.ingest.normalise import Preprocessing, fill_unmeasured
from deepscan_core.kept import Kept, total_bytes
from deepscan_core.records.coordinates import YX, ScanContext, as_points, check_positive, check_seed
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import FeatureMap, ScoreMap
from deepscan_core.records.noise import KnownNoise, NoiseModel
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.regions.measurement import measure_regions
from deepscan_core.scoring.character import Character, characters_of
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.scoring.names import FUSED, check_scorer
from deepscan_core.scoring.self_similarity import noise_of
from deepscan_core.scoring.structure import structure_of
from deepscan_core.scoring.surprisal import surprisal_map
from deepscan_core.scoring.teacher import Teacher
from deepscan_core.scoring.teaching.classes import DEFAULT_CLASS, Clicks, named
from deepscan_core.scoring.teaching.examples import Examples, Lesson, Sample, draw_sample
from deepscan_core.scoring.teaching.labels import Label
from deepscan_core.threads import one_blas_thread

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation, Grounds
    from deepscan_core.explain.saying import Sayings
    from deepscan_core.features.words import WordModel
    from deepscan_core.scoring.text import Seen

NOISE_PX = 1024  # side of what the noise is estimated from


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
        self._kept = Kept(image, self.extractor, self.preprocessing, self.known_noise, codebook)
        self._patch_px, self._step_px = patch_px, min(step_px, min(image.shape) / 4)
        self._surprisal: ScoreMap | None = None
        self._grounds: Grounds | None = None
        self._sayings: tuple[tuple[str, str], Sayings] | None = None
        self._sample: Sample | None = None

    @property
    def kept_bytes(self) -> int:
        """Memory of the image and of what was worked out about it so far."""
        held = [*self._kept.arrays(), *self._sampled()]
        if self._surprisal is not None:
            held.append(self._surprisal.values)
        if self._grounds is not None:
            held += self._grounds.arrays()
        return total_bytes(held)

    @property
    def is_ready_for_clicks(self) -> bool:
        """Whether all that clicks are compared by is kept, so that a map after one more costs milliseconds."""
        return any(True for _ in self._kept.taught_arrays())

    @property
    def taught_bytes(self) -> int:
        """Memory of what clicks are compared by."""
        return total_bytes([*self._kept.taught_arrays(), *self._sampled()])

    def features(self) -> FeatureMap:
        """Features of the patches that `surprisal` compares, ``patch_px`` wide and ``step_px`` apart."""
        return self._kept.patches(self._patch_px, self._step_px)

    def surprisal(self) -> ScoreMap:
        """Mode A: how rare each place is against the rest of the image, in nats."""
        if self._surprisal is None:
            check_room(self.image.shape, self.extractor)
            with one_blas_thread():
                self._surprisal = surprisal_map(
                    self._kept.scaled(),
                    self.features,
                    scorer=self.scorer,
                    seed=self.seed,
                    residual=self._kept.residual(),
                )
        return self._surprisal

    def noise(self) -> NoiseModel:
        """Gain, offset and read noise of the detector in grey values of the image, see `scoring.noise.estimate_noise`.

        Of a large image the middle is looked at.
        """
        middle = tuple(slice(max(0, (n - NOISE_PX) // 2), (n + NOISE_PX) // 2) for n in self.image.shape)
        with one_blas_thread():
            structure = structure_of(self._kept.scaled()[middle])
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

    def teach_classes(self, clicks: Clicks, *, earlier: Sequence[Label] = ()) -> dict[str, ScoreMap]:
        """Mode B with several named classes: one map each, by name; see `teach` and `teaching.classes`.

        Parameters
        ----------
        clicks : on this image; what is an example of one class is none of the others.
        earlier : labels of other fields of view; each counts for its own class, and its classes are looked for as well.
        """
        found = {}
        for name in dict.fromkeys([*clicks.classes, *(label.class_name for label in earlier)]):
            own = [label for label in earlier if label.class_name == name]
            one = self.teach(*clicks.of(name), earlier=own)
            found[name] = one if name == DEFAULT_CLASS else replace(one, label=named([name]))
        if not found:
            raise InputError("no positive click was given: click at least one example (--positive Y,X)")
        return found

    def teacher(
        self, positives_px: Sequence[YX], negatives_px: Sequence[YX] = (), *, earlier: Sequence[Label] = ()
    ) -> Teacher:
        """What `teach` makes its map with, to `explain` a region of it; for the parameters see there."""
        return Teacher().fit([self.examples(positives_px, negatives_px), *(label.examples for label in earlier)])

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
            return suggest_click(teacher, self._kept.taught(), clicks)

    def label(
        self,
        positives_px: Sequence[YX],
        negatives_px: Sequence[YX] = (),
        *,
        class_name: str = DEFAULT_CLASS,
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

    def labels(self, clicks: Clicks, *, context: ScanContext | None = None) -> tuple[Label, ...]:
        """The same for clicks of several classes, one label each."""
        return tuple(self.label(*clicks.of(name), class_name=name, context=context) for name in clicks.classes)

    def examples(
        self, positives_px: Sequence[YX], negatives_px: Sequence[YX] = (), *, with_bulk: bool = True
    ) -> Examples:
        """Clicks on this image for a `Teacher` that learns from several images; for the first parameters see `teach`.

        Without the bulk, which another image has to give then, no surprisal is worked out.
        """
        lesson = Lesson(
            features=self._kept.taught(),
            sample=self._ordinary_places() if with_bulk else None,
            positives_px=as_points("positives_px", positives_px),
            negatives_px=as_points("negatives_px", negatives_px),
        )
        return lesson.examples()

    def resemble(self, teacher: Teacher) -> ScoreMap:
        """Mode B with clicks on other images: the probability of being what a `Teacher` has learned."""
        with one_blas_thread():
            return teacher.predict(self._kept.taught())

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
        scales = self._kept.seen_by(chosen)
        with one_blas_thread():
            return text_map(scales, wanted, unwanted, chosen.others, label=asked.text)

    def seen_by(self, model: WordModel) -> tuple[Seen, ...]:
        """What a text-image model sees of the image, once for all queries."""
        return self._kept.seen_by(model)

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
        rules = RegionRules(
            area_fraction=area_fraction,
            expected_false_regions=expected_false_regions,
            false_share=false_share,
            level=level,
            region_size_px=region_size_px,
            region_size_nm=region_size_nm,
        )
        return choose_regions(self.image, score_map, rules)

    def describe(self, regions: Sequence[ScanRegion]) -> tuple[Character, ...]:
        """What each region holds.

        One of "dark spot", "bright spot", "dark line" (such as a crack), "bright line", "boundary" (of grains), and "unlike
        its surroundings" where nothing stands out pixel by pixel.
        """
        with one_blas_thread():
            return characters_of(self._kept.residual(), regions)

    def labelled(self, regions: Sequence[ScanRegion]) -> tuple[ScanRegion, ...]:
        """The regions, their labels led by what they hold, see `describe`."""
        named = zip(regions, self.describe(regions), strict=True)
        return tuple(replace(region, label=f"{character}, {region.label}") for region, character in named)

    def explain(
        self,
        region: ScanRegion,
        clicks_px: Sequence[YX] = (),
        *,
        teacher: Teacher | None = None,
        query: str = "",
        model: WordModel | None = None,
    ) -> Explanation:
        """Why a region scores as it does: what is not predicted there, what raises the score, its Fourier transform, and
        which patches are like it; and why it is like the clicks, or what the words say.

        The first region takes about as long as a map; what is worked out for it is kept and serves the others.

        Parameters
        ----------
        region : of this image, from any map; its surprisal is explained.
        clicks_px : positive examples ``(y, x)`` that the region is compared with; without any, the rest of the image.
        teacher : that made the map, see `teacher`: the likeness is explained as well. `clicks_px` are those of its positive
            clicks that were made on this image.
        query, model : of `search`: what the words say is explained as well.

        Raises
        ------
        InputError
            A region or a click outside the image.
        """
        grounds = self._grounded()
        found = grounds.explain(region, as_points("clicks_px", clicks_px))
        told: list[str] = []
        if teacher is not None:
            from deepscan_core.explain.likeness import likeness_of

            places = np.array(as_points("clicks_px", clicks_px), float).reshape(-1, 2)
            likeness = likeness_of(teacher, self._kept.taught(), region, places)
            found = replace(found, likeness=likeness)
            told.append(likeness.sentence())
        if query:
            with one_blas_thread():
                saying = self._sayings_of(query, model).explain(region)
            found = replace(found, saying=saying)
            told.append(saying.sentence())
        return replace(found, sentences=(*told, *found.sentences))

    def _grounded(self) -> Grounds:
        from deepscan_core.explain import Grounds
        from deepscan_core.scoring.parts import parts_of

        if self._grounds is None:
            check_room(self.image.shape, self.extractor)
            with one_blas_thread():
                parts = parts_of(
                    self._kept.scaled(),
                    self.features,
                    scorer=self.scorer,
                    seed=self.seed,
                    residual=self._kept.residual(),
                )
                sees_patches = "patches" in parts.excesses
                plain = None if sees_patches else self._kept.plain_patches(self._patch_px, self._step_px)
                self._grounds = Grounds(parts, plain or self.features(), self.image.pixel_size_nm)
        return self._grounds

    def _sayings_of(self, query: str, model: WordModel | None) -> Sayings:
        """The last query's are kept."""
        from deepscan_core.explain.saying import Sayings
        from deepscan_core.features.words import load_word_model
        from deepscan_core.scoring.query import parse_query

        chosen = model or load_word_model()
        if self._sayings is None or self._sayings[0] != (query, chosen.name):
            asked = parse_query(query)
            sayings = Sayings(
                asked.text,
                self._kept.seen_by(chosen),
                chosen.phrases(asked.wanted),
                chosen.phrases(asked.unwanted) if asked.unwanted else None,
                chosen.others,
                look=chosen.look,
                scaled=self._kept.scaled(),
                predicted=self._grounded().predicted,
            )
            self._sayings = ((query, chosen.name), sayings)
        return self._sayings[1]

    def measure(
        self, regions: Sequence[ScanRegion], score_map: ScoreMap | None = None
    ) -> tuple[RegionMeasurement, ...]:
        """Segment the image inside the regions and measure each object; scores come from `score_map` or the surprisal."""
        return measure_regions(self.image, regions, score_map or self.surprisal())

    def _learned(
        self, positives_px: Sequence[YX], negatives_px: Sequence[YX], earlier: Sequence[Label]
    ) -> tuple[Teacher, ScoreMap]:
        """One context for both: asking which libraries have threads takes milliseconds."""
        with one_blas_thread():
            teacher = self.teacher(positives_px, negatives_px, earlier=earlier)
            return teacher, teacher.predict(self._kept.taught())

    def _ordinary_places(self) -> Sample:
        if self._sample is None:
            self._sample = draw_sample(self._kept.taught(), self.surprisal().values, seed=self.seed)
        return self._sample

    def _sampled(self) -> list[npt.NDArray[Any]]:
        return [] if self._sample is None else [self._sample.features]
