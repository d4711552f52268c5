"""One surprisal from everything that can be odd about a place.

Self-similarity says what the rest of the image does not predict, as spots and as lines; the features of a network say which
patches are unlike the bulk of patches; the brightness of the surroundings says which places are unusually dark or bright.
Where the image is a crystal, the first alone counts: what a lattice does not predict is all there is to see. Elsewhere the
three are added as powers, each in units of its own bulk, and the sum is calibrated once more. Where many points of one sign
stand on a support, as atoms do, they are judged by the points of the other sign as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap, ScoreMap
from deepscan_core.records.noise import KnownNoise
from deepscan_core.scoring.beside import beside
from deepscan_core.scoring.calibration import bulk_excess, place_surprisal
from deepscan_core.scoring.density import mahalanobis, nearest_neighbours
from deepscan_core.scoring.filters import doubled, halved, lines, spots
from deepscan_core.scoring.lattice import looks_periodic
from deepscan_core.scoring.names import (
    FUSED,
    ISOLATION_FOREST,
    MAHALANOBIS,
    NEAREST_NEIGHBOURS,
    SELF_SIMILARITY,
    SPOTS,
    check_scorer,
)
from deepscan_core.scoring.one_sign import best_of_one_sign, many_of_one_sign
from deepscan_core.scoring.rarity import BORDER_REACH_PX, level_border, rarity
from deepscan_core.scoring.self_similarity import Residual
from deepscan_core.scoring.support import are_on_level_ground, point_sigmas

FloatImage = npt.NDArray[np.float32]
Features = Callable[[], FeatureMap]

SPOT_PX = 2.2  # of a column or an atom at usual sampling
FINE_SPOT_PX = 1.2  # of a thin crack; not in crystals, where it is within the columns
SURROUNDINGS_PX = 6.0  # in which brightness is averaged
POWER = 2.5  # the parts are added as powers: between their sum (1) and the largest of them (infinity)
PATCHES_WEIGHT = 0.7  # patches are coarser than spots, and among atoms on a support they mislead

DENSITIES: Mapping[str, Callable[[FeatureMap, int], npt.NDArray[np.float64]]] = {
    MAHALANOBIS: lambda features, seed: mahalanobis(features),
    NEAREST_NEIGHBOURS: lambda features, seed: nearest_neighbours(features, seed=seed),
    ISOLATION_FOREST: lambda features, seed: rarity(features, seed=seed),
}
LABEL = "rare against the rest of the image"


def surprisal_map(
    scaled: npt.NDArray[np.float32],
    features: Features,
    *,
    scorer: str = FUSED,
    seed: int = 0,
    known_noise: KnownNoise | None = None,
    residual: Residual | None = None,
) -> ScoreMap:
    """Surprisal of each pixel in nats, see `calibration.place_surprisal`.

    Parameters
    ----------
    scaled : float32 ndarray of shape (rows, cols), of about unit range.
    features : makes the features of the image's patches; not asked for what does not need them, and asked for in another
        thread, while self-similarity is worked out in this one.
    scorer : "surprisal" for all together, or one of its parts: "self_similarity", "mahalanobis", "nearest_neighbours",
        "isolation_forest"; or "spots" for many spots of one sign, such as atoms on a support.
    seed : of everything random.
    known_noise : what a calibration of the detector says, in the grey values of `scaled`.
    residual : of the same image, to share it with others, or with a codebook of a live view; made of the other parameters
        by default.

    Raises
    ------
    InputError
        No such scorer.
    """
    check_scorer(scorer)
    if scorer in DENSITIES:
        patches = features()
        nats = place_surprisal(density_map(patches, scorer, seed))
        return ScoreMap(nats, kind="surprisal", label=LABEL, blur_px=patches.step_px)

    residual = residual or Residual(scaled, known_noise)
    if scorer == SPOTS:
        sigmas = point_sigmas(residual)
        best = best_of_one_sign(sigmas)
        nats = np.zeros(scaled.shape, np.float32) if best is None else best.nats(sigmas)
        spot_px = 0.0 if best is None else best.width_px
        return ScoreMap(nats, kind="surprisal", label="a spot that noise does not make", spot_px=spot_px)
    raw = _unpredicted(residual) if scorer == SELF_SIMILARITY else _fused(residual, features)
    nats = place_surprisal(raw, periodicity=float(residual.structure().periodicity.mean()))
    points = many_points(residual) if scorer == FUSED else None
    if points is None:
        return ScoreMap(nats, kind="surprisal", label=LABEL)
    np.maximum(nats, points.nats, out=nats)
    return ScoreMap(nats, kind="surprisal", label=LABEL, spot_px=points.width_px)


@dataclass(frozen=True, kw_only=True, eq=False)
class ManyPoints:
    """Many points of one sign: their width as a standard deviation, and their surprisal, shape (rows, cols)."""

    width_px: float
    nats: FloatImage


def many_points(residual: Residual) -> ManyPoints | None:
    """Points of one sign, where many of them stand in what is no crystal: they hide each other from the other parts."""
    periodicity = residual.structure().periodicity
    if (periodicity == 1).all():
        return None
    sigmas = point_sigmas(residual)
    many = many_of_one_sign(sigmas)
    if many is None or not are_on_level_ground(residual.structure().smooth, many.are_at(sigmas)):
        return None
    return ManyPoints(width_px=many.width_px, nats=(1 - periodicity) * many.nats(sigmas))


def density_map(features: FeatureMap, density: str, seed: int = 0) -> FloatImage:
    """How far each pixel's patch is from the bulk, in units of the bulk's own decay, shape (rows, cols), at least 0."""
    return _by_pixel(features, DENSITIES[density](features, seed))


def _by_pixel(features: FeatureMap, distances: npt.NDArray[np.float64]) -> FloatImage:
    scores = distances.reshape(features.values.shape[:2])
    levelled = level_border(scores, n_rings=round(BORDER_REACH_PX / features.step_px))
    return features.to_pixels(bulk_excess(levelled.astype(np.float32)))


def _fused(residual: Residual, features: Features) -> FloatImage:
    """All parts together. The network runs in a thread of its own; it begins at once where it will surely be needed."""
    codebook = residual.codebook

    def patches() -> FloatImage:
        found = features()
        return _by_pixel(found, codebook.mahalanobis(found) if codebook else mahalanobis(found))

    guess = codebook.is_crystal if codebook else None
    semantic = None if (looks_periodic(residual.scaled) if guess is None else guess) else beside(patches)
    texture = 1 - residual.structure().periodicity
    if not texture.any():
        return _unpredicted(residual)
    semantic = semantic or beside(patches)
    total = _unpredicted(residual) ** POWER
    total += texture * _unusual_brightness(residual.scaled) ** POWER
    total += texture * (PATCHES_WEIGHT * semantic.result()) ** POWER
    total **= np.float32(1 / POWER)
    return total


def _unpredicted(residual: Residual) -> FloatImage:
    """What the rest of the image does not predict, as spots and, where it is no crystal, as finer spots and lines."""
    sigmas = residual.sigmas()
    found = bulk_excess(spots(sigmas, SPOT_PX))
    texture = 1 - residual.structure().periodicity
    if texture.any():
        for finer in (spots(sigmas, FINE_SPOT_PX), lines(sigmas)):
            np.maximum(found, texture * bulk_excess(finer), out=found)
    return found


def brightness_around(scaled: FloatImage) -> FloatImage:
    """Brightness of the surroundings less the usual one, signed, at half the resolution, which it does not need."""
    around = surroundings(scaled)
    around -= np.median(around)
    return around


def surroundings(images: FloatImage) -> FloatImage:
    """Mean brightness of the surroundings of each pixel, at half the resolution; images of shape (..., rows, cols)."""
    from scipy import ndimage

    widths = (*(0.0 for _ in images.shape[:-2]), SURROUNDINGS_PX / 2, SURROUNDINGS_PX / 2)
    around: FloatImage = ndimage.gaussian_filter(halved(images), widths, truncate=2)
    return around


def _unusual_brightness(scaled: FloatImage) -> FloatImage:
    """How far the brightness of the surroundings is from the usual one."""
    around = brightness_around(scaled)
    return doubled(bulk_excess(np.abs(around, out=around)), scaled.shape)
