"""What the rivals of the benchmark find on frames that are known from elsewhere, and how long they take.

    python benchmarks/rivals.py                          atomic frames, and CPU seconds for 512 x 512 px on one thread
    python benchmarks/rivals.py --real ../shared/data    real images with area truth as well
    python benchmarks/rivals.py --rival patchcore        only this one (repeatable); slow ones only so

Scored without the meter, by the rule that the first figures of this project were made with: the map is max-filtered over a
square of 7 px, the top share of its pixels is the area, and a point is captured when its centre lies in it. Of area truth
the pixels in the top 15 % count, relative to what an oracle gets from that area.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from threadpoolctl import threadpool_limits

from deepscan_core.benchmarking.rivals import RIVALS, Rival
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.ingest.readers import read_image
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.image import CalibratedImage
from deepscan_core.simulation.detectability import detectabilities
from deepscan_core.simulation.physics import AcquisitionPhysics, Exposure, record_frame
from deepscan_core.simulation.specimens import make_atomic

SIDE_PX = 512
CRYSTALS = {"srtio3": 0.3905, "graphene": 0.246, "mos2": 0.316, "gaas": 0.5653}  # lattice constants in nm
VIEWS = ((20, 60), (20, 10), (12, 30), (28, 6))  # spacing in px, counts per px in a bright column
FEW = (("srtio3", 20, 10), ("graphene", 12, 30), ("mos2", 20, 10), ("gaas", 20, 60))  # of those, for slow rivals
JITTER_PX = 0.3
DEFECTS = 8.0  # of each kind, on average
SQUARE_PX = 7
SHARES = (0.02, 0.05, 0.15)
AREA_SHARE = 0.15
REAL: dict[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    "cracks": ("sem_ebc_cracks", "_mask", lambda mask: mask == 2),
    "agglomerates": ("sem_nanocomposite_agglomerates", "_mask", lambda mask: mask == 255),
    "satellites": ("sem_am_powder_satellites", "_satellites", lambda mask: mask > 0),
}


def atomic_scene(crystal: str, spacing_px: float, counts: float, seed: int) -> Scene:
    """Vacancies, substitutions and interstitials in a crystal with thickness gradient and line jitter."""
    side_nm = SIDE_PX * CRYSTALS[crystal] / spacing_px
    density = DEFECTS * 1000 / side_nm**2
    points = {"vacancy": density, "substitution": density, "interstitial": density}
    specimen = make_atomic(crystal, seed, per_1000_nm2=points, extent_nm=side_nm, contamination=0.0, depth=1.0)
    grid = SamplingGrid(rows=SIDE_PX, cols=SIDE_PX, height_nm=side_nm, width_nm=side_nm)
    probe = Exposure(grid=grid, dwell_time_us=1.0, beam_current_pa=100.0)
    bright = float(np.quantile(specimen.pristine().intensity(*grid.mesh_nm()), 0.995))
    exposure = Exposure(grid=grid, dwell_time_us=counts / (bright * probe.electrons_a_sample), beam_current_pa=100.0)
    physics = AcquisitionPhysics(line_jitter_nm=JITTER_PX * side_nm / SIDE_PX)
    frame = record_frame(specimen, exposure, np.random.default_rng(seed), physics=physics)
    points_px = (specimen.defects_nm / side_nm + 0.5) * SIDE_PX - 0.5
    inside = ((points_px > 4) & (points_px < SIDE_PX - 5)).all(axis=1)
    return Scene(
        name=f"{crystal}:{spacing_px:g}px:{counts:g}",
        preview=CalibratedImage(frame, pixel_size_nm=side_nm / SIDE_PX),
        region_px=16,
        seed=seed,
        specimen=specimen,
        exposure=exposure,
        points_px=points_px[inside],
        d_primes=np.array([d.d_prime for d in detectabilities(specimen, exposure)])[inside],
        mask=None,
    )


def real_scenes(folder: Path, kind: str) -> Iterator[Scene]:
    """Images of a kind with their area truth."""
    name, suffix, is_truth = REAL[kind]
    for truth in sorted((folder / name).glob(f"*{suffix}.png")):
        path = truth.with_name(truth.name.replace(f"{suffix}.png", ".png"))
        mask = is_truth(read_image(truth).array)
        none = np.zeros((0, 2))
        yield Scene(
            name=path.stem,
            preview=read_image(path),
            region_px=32,
            seed=0,
            specimen=None,
            exposure=None,
            points_px=none,
            d_primes=none[:, 0],
            mask=mask,
        )


def captured_points(values: np.ndarray, scene: Scene) -> list[float]:
    """Captured share of the points at each share of the area."""
    spread = ndimage.maximum_filter(values, SQUARE_PX)
    rows, cols = np.rint(scene.points_px).astype(int).T
    # Ties are broken at random, so that a flat map captures what its area does.
    order = np.lexsort((np.random.default_rng(0).random(spread.size), spread.ravel()))
    place = np.empty(spread.size)
    place[order] = np.arange(spread.size) / spread.size
    at_points = place.reshape(spread.shape)[rows, cols]
    return [float((at_points >= 1 - share).mean()) for share in SHARES]


def captured_area(values: np.ndarray, mask: np.ndarray) -> float:
    """Captured truth pixels at the area share, relative to an oracle's."""
    count = round(AREA_SHARE * values.size)
    top = np.argsort(values, axis=None)[-count:]
    return float(mask.ravel()[top].sum() / min(count, mask.sum()))


def on_atoms(rivals: list[Rival], frames: list[tuple[str, float, float]]) -> None:
    """A table of captured points, averaged over frames."""
    scenes = [atomic_scene(*frame, seed=0) for frame in frames]
    print(f"atomic, {len(scenes)} frames, {np.mean([len(s.points_px) for s in scenes]):.0f} points each")
    print(
        "| rival |"
        + "|".join(f" {share:.0%} " for share in SHARES)
        + "| CPU seconds, one thread |\n|---|---|---|---|---|"
    )
    for one in rivals:
        rows, seconds = [], []
        for scene in scenes:
            start = time.process_time()
            values = one.score(scene)
            seconds.append(time.process_time() - start)
            rows.append(captured_points(values, scene))
        means = np.mean(rows, axis=0)
        print(f"| {one.name} |" + "|".join(f" {m:.2f} " for m in means) + f"| {np.median(seconds):.2f} |", flush=True)


def on_real(rivals: list[Rival], folder: Path) -> None:
    """A table of captured areas."""
    print("| rival |" + "|".join(f" {kind} " for kind in REAL) + "|\n|---|---|---|---|")
    scenes = {kind: list(real_scenes(folder, kind)) for kind in REAL}
    for one in rivals:
        means = [np.mean([captured_area(one.score(scene), scene.mask) for scene in scenes[kind]]) for kind in REAL]
        print(f"| {one.name} |" + "|".join(f" {m:.2f} " for m in means) + "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rival", action="append", choices=list(RIVALS))
    parser.add_argument("--few", action="store_true", help="four atomic frames instead of sixteen")
    parser.add_argument("--real", type=Path, help="folder of real images with truth")
    parser.add_argument("--only-real", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    maps = [one for one in RIVALS.values() if one.score is not None and one.is_installed]
    chosen = [one for one in maps if (one.name in arguments.rival if arguments.rival else not one.slow)]
    with threadpool_limits(limits=1):
        if not arguments.only_real:
            every = [(crystal, *view) for crystal in CRYSTALS for view in VIEWS]
            on_atoms(chosen, list(FEW) if arguments.few else every)
        if arguments.real:
            on_real([one for one in chosen if not one.needs_specimen], arguments.real)


if __name__ == "__main__":
    main()
