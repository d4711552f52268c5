"""Features whose classes are planted: a grid of noise with two kinds of rare places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepscan_core.records.maps import FeatureMap, ScoreMap
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.scoring.teaching.examples import Lesson, Sample, draw_sample

SIDE, STEP_PX, OF_A_KIND, HEIGHT = 32, 8, 8, 9.0


@dataclass(frozen=True, eq=False)
class Planted:
    """An image of 256 x 256 px with eight places each of kinds A and B, whose features 0 and 1 are nine sigmas high."""

    features: FeatureStack
    kind_a: np.ndarray
    kind_b: np.ndarray

    def at(self, cell: int) -> tuple[float, float]:
        row, col = divmod(int(cell), SIDE)
        return (3.5 + STEP_PX * row, 3.5 + STEP_PX * col)

    def sample(self, seed: int = 0) -> Sample:
        rare = np.zeros((SIDE, SIDE))
        rare.ravel()[np.concatenate([self.kind_a, self.kind_b])] = 1
        return draw_sample(self.features, np.kron(rare, np.ones((STEP_PX, STEP_PX))), seed=seed)

    def lesson(self, positives: list[int], negatives: list[int] = ()) -> Lesson:  # type: ignore[assignment]
        return Lesson(
            features=self.features,
            sample=self.sample(),
            positives_px=[self.at(cell) for cell in positives],
            negatives_px=[self.at(cell) for cell in negatives],
        )

    def probability(self, found: ScoreMap, cells: np.ndarray) -> np.ndarray:
        return np.array([found.values[tuple(np.rint(self.at(cell)).astype(int))] for cell in cells])


def planted(rng: np.random.Generator) -> Planted:
    """Another one with every call."""
    values = rng.normal(0, 1, (SIDE, SIDE, 5))
    cells = rng.permutation(SIDE * SIDE)[: 2 * OF_A_KIND]
    kind_a, kind_b = cells[:OF_A_KIND], cells[OF_A_KIND:]
    values.reshape(-1, 5)[kind_a, 0] += HEIGHT
    values.reshape(-1, 5)[kind_b, 1] += HEIGHT
    features = FeatureMap(
        values=values.astype(np.float32), step_px=STEP_PX, origin_px=3.5, image_shape=(256, 256), source="t"
    )
    return Planted(FeatureStack((features,)), kind_a, kind_b)
