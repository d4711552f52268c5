"""One surprisal from everything that can be odd about a place.

Self-similarity says what the rest of the image does not predict, as spots and as lines; the features of a network say which
patches are unlike the bulk of patches; the brightness of the surroundings says which places are unusually dark or bright.
Where the image is a crystal, the first alone counts: what a lattice does not predict is all there is to see. Elsewhere the
three are added as powers, each in units of its own bulk, and the sum is calibrated once more.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap, ScoreMap
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
    check_scorer,
)
from deepscan_core.scoring.rarity import BORDER_REACH_PX, level_border, rarity
from deepscan_core.scoring.self_similarity import Structure, residual_sigmas, structure_of

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
    scaled: npt.NDArray[np.float32], features: Features, *, scorer: str = FUSED, seed: int = 0
) -> ScoreMap:
    """Surprisal of each pixel in nats, see `calibration.place_surprisal`.

    Parameters
    ----------
    scaled : float32 ndarray of shape (rows, cols), of about unit range.
    features : makes the features of the image's patches; not asked for what does not need them, and asked for in another
        thread, while self-similarity is worked out in this one.
    scorer : "surprisal" for all together, or one of its parts: "self_similarity", "mahalanobis", "nearest_neighbours",
        "isolation_forest".
    seed : of everything random.

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

    if scorer == SELF_SIMILARITY:
        structure = structure_of(scaled)
        raw = _unpredicted(structure)
    else:
        structure, raw = _fused(scaled, features)
    nats = place_surprisal(raw, periodicity=float(structure.periodicity.mean()))
    return ScoreMap(nats, kind="surprisal", label=LABEL)


def density_map(features: FeatureMap, density: str, seed: int = 0) -> FloatImage:
    """How far each pixel's patch is from the bulk, in units of the bulk's own decay, shape (rows, cols), at least 0."""
    scores = DENSITIES[density](features, seed).reshape(features.values.shape[:2])
    levelled = level_border(scores, n_rings=round(BORDER_REACH_PX / features.step_px))
    return features.to_pixels(bulk_excess(levelled.astype(np.float32)))


def _fused(scaled: FloatImage, features: Features) -> tuple[Structure, FloatImage]:
    """All parts together. The network runs in a thread of its own; it begins at once where it will surely be needed."""
    with ThreadPoolExecutor(max_workers=1) as beside:

        def patches() -> Future[FloatImage]:
            context = contextvars.copy_context()  # limits that hold for this thread hold for the other as well
            return beside.submit(lambda: context.run(lambda: density_map(features(), MAHALANOBIS)))

        semantic = None if looks_periodic(scaled) else patches()
        structure = structure_of(scaled)
        texture = 1 - structure.periodicity
        if not texture.any():
            return structure, _unpredicted(structure)
        semantic = semantic or patches()
        total = _unpredicted(structure) ** POWER
        total += texture * _unusual_brightness(scaled) ** POWER
        total += texture * (PATCHES_WEIGHT * semantic.result()) ** POWER
    total **= np.float32(1 / POWER)
    return structure, total


def _unpredicted(structure: Structure) -> FloatImage:
    """What the rest of the image does not predict, as spots and, where it is no crystal, as finer spots and lines."""
    residual = residual_sigmas(structure)
    found = bulk_excess(spots(residual, SPOT_PX))
    texture = 1 - structure.periodicity
    if texture.any():
        for finer in (spots(residual, FINE_SPOT_PX), lines(residual)):
            np.maximum(found, texture * bulk_excess(finer), out=found)
    return found


def _unusual_brightness(scaled: FloatImage) -> FloatImage:
    """How far the brightness of the surroundings is from the usual one; at half the resolution, which it does not need."""
    from scipy import ndimage

    around = ndimage.gaussian_filter(halved(scaled), SURROUNDINGS_PX / 2, truncate=2)
    around -= np.median(around)
    return doubled(bulk_excess(np.abs(around, out=around)), scaled.shape)
