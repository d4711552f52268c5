"""What was worked out about one image, each once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepscan_core.features import classical
from deepscan_core.features.extractor import LARGEST_WHOLE_PX, ExtractorSettings, extract, extract_patches
from deepscan_core.features.pyramid import FeaturePyramid
from deepscan_core.features.statistics import statistics_maps
from deepscan_core.ingest.normalise import Preprocessing, fill_unmeasured, grey_range, normalise
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.noise import KnownNoise
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.scoring.beside import beside
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.scoring.self_similarity import Residual
from deepscan_core.scoring.teaching.residual import residual_features
from deepscan_core.threads import one_blas_thread

if TYPE_CHECKING:
    from deepscan_core.features.words import WordModel
    from deepscan_core.scoring.text import Seen

FINEST_TAUGHT_PX, TAUGHT_PATCH_PX = 2.0, 4.0  # the latter in large images, of which only patches are kept


class Kept:
    """Everything of an image that its maps are made of: each is worked out on first need, and kept.

    Parameters
    ----------
    image : see `CalibratedImage`.
    extractor : how features are made.
    preprocessing : what is done to the image before.
    known_noise : what a calibration of the detector says, in grey values of the image.
    codebook : what studies of former frames of the same view have left.
    """

    def __init__(
        self,
        image: CalibratedImage,
        extractor: ExtractorSettings,
        preprocessing: Preprocessing,
        known_noise: KnownNoise,
        codebook: Codebook | None = None,
    ) -> None:
        self.image = image
        self.extractor = extractor
        self.preprocessing = preprocessing
        self.known_noise = known_noise
        self.codebook = codebook
        self._scaled: npt.NDArray[np.float32] | None = None
        self._residual: Residual | None = None
        self._pyramid: FeaturePyramid | None = None
        self._patches: dict[tuple[float, float], FeatureMap] = {}
        self._taught: FeatureStack | None = None
        self._seen: dict[str, tuple[Seen, ...]] = {}

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """All that is held, the image's own array among them; some may come twice."""
        yield self.image.array
        if self._scaled is not None:
            yield self._scaled
        if self._residual is not None:
            yield from self._residual.arrays()
        if self._pyramid is not None:
            yield from (level.values for level in self._pyramid.levels)
        yield from (patches.values for patches in self._patches.values())
        yield from self.taught_arrays()
        for scales in self._seen.values():
            yield from (array for one in scales for array in (one.features.values, one.others))

    def taught_arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Those that clicks are compared by."""
        if self._taught is not None:
            yield from (features.values for features in self._taught.maps)

    def scaled(self) -> npt.NDArray[np.float32]:
        """The image in about unit range, shape (rows, cols)."""
        if self._scaled is None:
            self._scaled = normalise(self.image.array, self.preprocessing)
        return self._scaled

    def residual(self) -> Residual:
        """What the map, the clicks and the description of regions share."""
        if self._residual is None:
            self._residual = Residual(self.scaled(), self._known_noise_scaled(), codebook=self.codebook)
        return self._residual

    def pyramid(self) -> FeaturePyramid:
        """The backbone's maps of the whole image."""
        if self._pyramid is None:
            self._pyramid = extract(self.scaled(), self.extractor)
        return self._pyramid

    def patches(self, patch_px: float, step_px: float) -> FeatureMap:
        """Features of patches so wide and so far apart; of large images only these are kept, not their maps."""
        if (patch_px, step_px) not in self._patches:
            if self.is_large:
                found = extract_patches(self.scaled(), self.extractor, patch_px=patch_px, step_px=step_px)
            else:
                found = self.pyramid().patches(patch_px=patch_px, step_px=step_px)
            self._patches[patch_px, step_px] = found
        return self._patches[patch_px, step_px]

    def plain_patches(self, patch_px: float, step_px: float) -> FeatureMap:
        """Patches without a network, for what has not run it; not kept."""
        plain = ExtractorSettings(backbone=classical.NAME)
        return extract_patches(self.scaled(), plain, patch_px=patch_px, step_px=step_px)

    def taught(self) -> FeatureStack:
        """What clicks are compared by: a network's maps, local statistics and the residual of self-similarity."""
        if self._taught is None:
            scaled = self.scaled()
            if np.ptp(scaled) == 0:
                nothing = np.zeros((*scaled.shape, 1), np.float32)
                blank = FeatureMap(nothing, step_px=1.0, origin_px=0.0, image_shape=self.image.shape, source="nothing")
                self._taught = FeatureStack((blank,))
            else:
                with one_blas_thread():
                    network = beside(self._network_maps)
                    residual = residual_features(self.residual())
                    self._taught = FeatureStack((residual, *statistics_maps(scaled), *network.result()))
        return self._taught

    def seen_by(self, model: WordModel) -> tuple[Seen, ...]:
        """What a text-image model sees of the image; the default backbone's pass serves it and surprisal alike."""
        from deepscan_core.scoring.text import seen

        if model.name not in self._seen:
            is_shared = not self.is_large and self.extractor == ExtractorSettings(device=self.extractor.device)
            pyramid = self.pyramid() if is_shared else self._pyramid
            with one_blas_thread():
                maps = model.look(self.scaled(), pyramid)
                self._seen[model.name] = tuple(seen(features, model.others) for features in maps)
        return self._seen[model.name]

    @property
    def is_large(self) -> bool:
        """Whether the image is looked at in tiles, of which only patches are kept."""
        return math.prod(self.image.shape) > LARGEST_WHOLE_PX

    def _network_maps(self) -> tuple[FeatureMap, ...]:
        if self.is_large:
            return (self.patches(TAUGHT_PATCH_PX, TAUGHT_PATCH_PX),)
        return self.pyramid().maps(finest_step_px=min(FINEST_TAUGHT_PX, *self.image.shape))

    def _known_noise_scaled(self) -> KnownNoise | None:
        """A calibration holds for grey values as they were recorded, not for denoised or equalised ones."""
        if self.known_noise == KnownNoise() or self.preprocessing.denoise != "none" or self.preprocessing.clahe:
            return None
        low, high = grey_range(fill_unmeasured(self.image.array), self.preprocessing)
        return self.known_noise.rescaled(low, high) if high > low else None


def total_bytes(arrays: Iterable[npt.NDArray[Any]]) -> int:
    """Memory of some arrays, of each once."""
    return sum(array.nbytes for array in {id(array): array for array in arrays}.values())
