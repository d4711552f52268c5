"""How far from its edge does an image without defects look rare, before and after the border is levelled?

    python benchmarks/border.py

Perfect crystals; for each ring of patches the median score less that of the inside, in units of the inside's own spread.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from deepscan_core import CalibratedImage, ScanContext
from deepscan_core.features.extractor import ExtractorSettings, extract
from deepscan_core.ingest.normalise import normalise
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.scoring.rarity import BORDER_REACH_PX, level_border, rarity
from deepscan_core.simulation.specimens import make_crystal
from deepscan_core.survey import look

STEP_PX, PATCH_PX, RINGS, INSIDE = 8.0, 16.0, 16, 16


def perfect_crystal(seed: int) -> CalibratedImage:
    """A preview of a lattice without any defect."""
    crystal = dataclasses.replace(
        make_crystal(seed), defects_nm=np.empty((0, 2)), defect_intensity=np.empty(0), defect_sigma_nm=np.empty(0)
    )
    context = ScanContext(rows=512, cols=512, fov_y_nm=20, fov_x_nm=20, beam_current_pa=50)
    return look(SimulatedController(crystal, context, dwell_time_us=2, seed=seed))[1]


def excess(scores: np.ndarray) -> list[float]:
    """Median of each ring above the inside, in spreads of the inside."""
    rows, cols = scores.shape
    y, x = np.ogrid[:rows, :cols]
    distance = np.minimum(np.minimum(y, rows - 1 - y), np.minimum(x, cols - 1 - x))
    middle, high = np.quantile(scores[distance >= INSIDE], [0.5, 0.9])
    return [float((np.median(scores[distance == ring]) - middle) / (high - middle)) for ring in range(RINGS)]


def main() -> None:
    before, after = [], []
    for seed in range(4):
        pyramid = extract(normalise(perfect_crystal(seed).array), ExtractorSettings())
        features = pyramid.patches(patch_px=PATCH_PX, step_px=STEP_PX)
        scores = rarity(features).reshape(features.values.shape[:2])
        before.append(excess(scores))
        after.append(excess(level_border(scores, round(BORDER_REACH_PX / STEP_PX))))
    table = {
        "distance_px": [float(STEP_PX * ring) for ring in range(RINGS)],
        "before": np.mean(before, axis=0).round(2).tolist(),
        "after": np.mean(after, axis=0).round(2).tolist(),
    }
    print(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
