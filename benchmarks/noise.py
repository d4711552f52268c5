"""How well the gain of a detector and the level at which its noise vanishes are found from one image.

    python benchmarks/noise.py [--seeds 4]

Every kind of specimen that is counted in electrons, as three detectors would give it.
"""

from __future__ import annotations

import argparse

import numpy as np

from deepscan_core import Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, MICRO, clean_scene
from deepscan_core.benchmarking.tables import short, table
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.noise import NoiseModel

SIDE_PX = 512
DETECTORS = (NoiseModel(gain=1), NoiseModel(gain=30, offset=500), NoiseModel(gain=30, offset=500, read_noise=60))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    seeds = range(parser.parse_args().seeds)
    errors = {kind: [errors_of(kind, seed) for seed in seeds] for kind in (*ATOMIC, *MICRO)}
    rows = [
        [kind, *(short(value) for value in np.median(np.abs(found), axis=0)[:, 0])] for kind, found in errors.items()
    ]
    every = np.abs(np.concatenate(list(errors.values())))
    for name, quantile in (("half of all frames", 0.5), ("nine of ten", 0.9)):
        rows.append([name, *(short(value) for value in np.quantile(every[:, :, 0], quantile, axis=0))])
    named = [f"gain {d.gain:g}, offset {d.offset:g}, read noise {d.read_noise:g}" for d in DETECTORS]
    print("Error of the gain, as a share of it, at most:\n")
    print("\n".join(table(["", *named], rows)))
    told = np.concatenate(list(errors.values()))
    within = np.abs(told[:, :, 0]) < 3 * told[:, :, 1]
    print(f"\nThe true gain lies within three of the errors that are told on {within.mean():.0%} of the frames.")


def errors_of(kind: str, seed: int) -> list[tuple[float, float]]:
    """Error of the gain and the error that is told, as shares of the gain, for each detector."""
    electrons = clean_scene(kind, seed, SIDE_PX).preview.array
    rng = np.random.default_rng(seed)
    found = []
    for detector in DETECTORS:
        values = electrons * detector.gain + detector.offset + rng.normal(0, detector.read_noise, electrons.shape)
        noise = Study(CalibratedImage(values.astype(np.float32)), backbone="classical").noise()
        found.append((noise.gain / detector.gain - 1, noise.gain_error / detector.gain))
    return found


if __name__ == "__main__":
    main()
