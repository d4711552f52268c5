"""What the frames of a live view leave to each other, so that it is updated and not made anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.noise import KnownNoise, NoiseModel
from deepscan_core.scoring.density import Scores
from deepscan_core.scoring.kept_bulk import KeptBulk, next_bulk
from deepscan_core.scoring.kept_comparisons import KeptComparisons, next_comparisons
from deepscan_core.scoring.kept_lattices import KeptLattices, next_lattices
from deepscan_core.scoring.lattice import FloatImage, Pattern, Tile
from deepscan_core.scoring.noise import quick_noise
from deepscan_core.scoring.nonlocal_means import Shares, ShiftedImage, Trial

FRAMES_A_NOISE = 4  # in which the noise is estimated once


class Codebook:
    """Handed from study to study by whoever looks at one view for long; see `Study`.

    Lattice translations of tiles, how much each shift counts, the noise of the detector and the bulk of patches. Every
    frame checks what is kept against itself and rebuilds what does not hold. What is judged against other places of the
    same frame is never kept: spread of the residual, tail of the score.

    Notes
    -----
    Of an image of 512 x 512 px some 15 MB. Its parts are replaced as a whole, so that two threads may use it; the later one
    counts.
    """

    def __init__(self) -> None:
        self._lattices: KeptLattices | None = None
        self._comparisons: KeptComparisons | None = None
        self._bulk: KeptBulk | None = None
        self._noise: tuple[KnownNoise | None, NoiseModel, int] | None = None

    @property
    def is_crystal(self) -> bool | None:
        """Whether the last frame was one all over; None before."""
        if self._lattices is None:
            return None
        return all(tile.pattern.periodicity == 1 for tile in self._lattices.tiles)

    def patterns(self, smooth: FloatImage, tiles: list[list[Tile]], most: int) -> list[list[Pattern]]:
        """How each tile repeats, see `lattice.patterns_of`."""
        self._lattices = lattices = next_lattices(self._lattices, smooth, [tile for row in tiles for tile in row], most)
        found = iter(lattices.tiles)
        return [[next(found).pattern for _ in row] for row in tiles]

    def weigh(self, shifted: ShiftedImage, trials: list[Trial]) -> list[Shares]:
        """How much each shift counts, see `nonlocal_means.shares_of`."""
        self._comparisons = comparisons = next_comparisons(self._comparisons, shifted, trials)
        return [tile.shares for tile in comparisons.tiles]

    def noise(
        self, values: npt.NDArray[np.floating], predicted: npt.NDArray[np.floating], known: KnownNoise | None
    ) -> NoiseModel:
        """Noise of the detector, see `scoring.noise`; estimated once in four frames, and where the view has changed."""
        is_held = self._lattices is not None and self._lattices.is_held
        if self._noise is None or self._noise[0] != known or not is_held or self._noise[2] >= FRAMES_A_NOISE:
            self._noise = (known, quick_noise(values, predicted, known), 0)
        known, noise, frames = self._noise
        self._noise = (known, noise, frames + 1)
        return noise

    def mahalanobis(self, features: FeatureMap) -> Scores:
        """How far each patch is from the bulk, see `density.mahalanobis`."""
        distances, self._bulk = next_bulk(self._bulk, features)
        return distances
