"""How many principal components should the forest see? Capture of planted spots and defects at a small area.

    python benchmarks/components.py

Truth is planted and the rule is the one of the regions: a defect counts when its centre lies inside a planned region.
"""

from __future__ import annotations

import json

import numpy as np

import deepscan_core.scoring.rarity as rarity
from deepscan_core import CalibratedImage, Study
from deepscan_core.cli.planted import defects_in_frame
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.simulation.specimens import make_specimen
from deepscan_core.survey import look

COMPONENTS = (12, 24, 36, 50)
SEEDS = (0, 1, 2)
AREA_FRACTION = 0.05


def crystal(seed: int, fov_nm: float, dwell_us: float) -> tuple[CalibratedImage, list[YX]]:
    """A preview of a crystal with point defects, and where they are in pixels."""
    specimen = make_specimen("crystal", seed)
    context = ScanContext(rows=512, cols=512, fov_y_nm=fov_nm, fov_x_nm=fov_nm, beam_current_pa=50)
    _, image = look(SimulatedController(specimen, context, dwell_time_us=dwell_us, seed=seed))
    return image, [context.px_from_nm(point) for point in defects_in_frame(specimen, context)]


def spots(seed: int) -> tuple[CalibratedImage, list[YX]]:
    """Three spots, 20 times the noise, on nothing."""
    rng = np.random.default_rng(seed)
    places = [(float(y), float(x)) for y, x in rng.uniform(30, 226, (3, 2))]
    y, x = np.mgrid[:256, :256]
    array = rng.normal(100, 3, (256, 256))
    for py, px in places:
        array += 60 * np.exp(-((y - py) ** 2 + (x - px) ** 2) / 18)
    return CalibratedImage(array), places


def captured(image: CalibratedImage, truth: list[YX], seed: int) -> float:
    """Share of the truth inside the regions."""
    study = Study(image, seed=seed, scorer="isolation_forest")
    regions = study.regions(study.surprisal(), area_fraction=AREA_FRACTION, region_size_px=24)
    inside = [any(max(abs(r.center_px[0] - y), abs(r.center_px[1] - x)) <= 12 for r in regions) for y, x in truth]
    return float(np.mean(inside))


def main() -> None:
    cases = {
        "spots": [spots(seed) for seed in range(8)],
        "crystal": [
            crystal(seed, fov, dwell) for seed, fov, dwell in ((11, 20, 1), (12, 20, 4), (13, 14, 2), (14, 25, 4))
        ],
    }
    table = {}
    for n in COMPONENTS:
        rarity.MOST_COMPONENTS = n
        by_seed = {
            name: [float(np.mean([captured(*case, seed) for case in some])) for seed in SEEDS]
            for name, some in cases.items()
        }
        table[n] = {
            name: {"mean": round(float(np.mean(v)), 3), "min": round(min(v), 3), "max": round(max(v), 3)}
            for name, v in by_seed.items()
        }
    print(json.dumps({"area_fraction": AREA_FRACTION, "captured_by_components": table}, indent=2))


if __name__ == "__main__":
    main()
