"""How much of a defect's d' a tile of a few samples holds, on the crystals of the sparse suites.

python benchmarks/tile_sizes.py
"""

from __future__ import annotations

import numpy as np

from deepscan_core.benchmarking.sparse.scene import CLEAR_D_PRIME, SparseScene, sparse_scene
from deepscan_core.benchmarking.sparse.suites import FIRST_SEED, KINDS
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.simulation.detectability import detectability
from deepscan_core.simulation.physics import Exposure

SIDES = (16, 24, 32)


def main() -> None:
    """Print the share of clear defects that are as clear in a tile alone, for each crystal and side."""
    print("crystal  defects  " + "  ".join(f"{side} x {side}" for side in SIDES))
    for kind in KINDS:
        scene = sparse_scene(kind, FIRST_SEED, px_per_defect=100_000)
        shares = [np.mean(_d_primes(scene, side) >= CLEAR_D_PRIME) for side in SIDES]
        print(f"{kind:7s}  {int(scene.clear.sum()):7d}  " + "  ".join(f"{100 * share:5.0f} %" for share in shares))


def _d_primes(scene: SparseScene, side: int) -> np.ndarray:
    """Of the clear defects, in a tile of that many samples around each."""
    pitch_nm = scene.context.fov_nm[0] / scene.reference.raster_px
    found = []
    for defect, is_clear in zip(scene.specimen.truth, scene.clear, strict=True):
        if is_clear:
            grid = SamplingGrid(
                rows=side,
                cols=side,
                height_nm=side * pitch_nm,
                width_nm=side * pitch_nm,
                center_y_nm=defect.center_nm[0],
                center_x_nm=defect.center_nm[1],
            )
            exposure = Exposure(grid=grid, dwell_time_us=scene.reference.dwell_us, beam_current_pa=scene.current_pa)
            found.append(detectability(scene.specimen, defect, exposure).d_prime)
    return np.array(found)


if __name__ == "__main__":
    main()
