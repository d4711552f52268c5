"""Do two installations, such as two Pythons, give the same maps?

    one/bin/python benchmarks/agreement.py write maps.npz
    other/bin/python benchmarks/agreement.py compare maps.npz

Surprisal without and with the network, of a crystal and of noise with a square, and a map taught by two clicks.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from deepscan_core import CalibratedImage, Study
from deepscan_core.features.backbones import DEFAULT_BACKBONE
from deepscan_core.features.classical import NAME as CLASSICAL

TOLERANCE = 1e-4
SHAPE = (256, 256)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["write", "compare"])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    found = maps()
    if arguments.what == "write":
        np.savez(arguments.file, **found)
        return 0
    worst = 0.0
    with np.load(arguments.file, allow_pickle=False) as others:
        for name, values in found.items():
            difference = float(np.abs(values - others[name]).max() / np.abs(values).max())
            worst = max(worst, difference)
            print(f"{name}: largest difference {difference:.2g} of the highest value")
    return 0 if worst <= TOLERANCE else 1


def maps() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    rows, cols = np.indices(SHAPE)
    crystal = rng.poisson(8 * (1 + np.cos(cols / 3.1) * np.cos(rows / 3.1)) + 1).astype(float)
    noise = rng.normal(100, 10, SHAPE)
    noise[100:110, 60:68] += 50
    found = {
        f"surprisal of {name}, {backbone}": Study(CalibratedImage(image), backbone=backbone).surprisal().values
        for backbone in (CLASSICAL, DEFAULT_BACKBONE)
        for name, image in (("a crystal", crystal), ("noise", noise))
    }
    found["taught"] = Study(CalibratedImage(noise)).teach([(105, 64)], [(20, 20)]).values
    return found


if __name__ == "__main__":
    sys.exit(main())
