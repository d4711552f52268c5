"""Scenes whose truth was planted: crystals, microstructures, surfaces, and noise."""

from __future__ import annotations

import numpy as np

from deepscan_core.benchmarking.scene import Scene
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import electrons
from deepscan_core.records.image import CalibratedImage
from deepscan_core.simulation.detectability import detectability
from deepscan_core.simulation.physics import AcquisitionPhysics, Exposure, record_frame
from deepscan_core.simulation.specimens import KINDS, AtomicSpecimen, PlantedSpecimen, make_atomic, specimen_kind
from deepscan_core.simulation.specimens.atomic_kinds import PREPARATIONS

ATOMIC = tuple(kind.name for kind in KINDS.values() if kind.family == "atomic")
MICRO = tuple(kind.name for kind in KINDS.values() if kind.family == "microstructure")
SURFACE = tuple(kind.name for kind in KINDS.values() if kind.family == "surface")
CONDITIONS = ((20, 60.0), (20, 10.0), (12, 30.0), (28, 6.0), (16, 3.0))  # lattice vector px, counts of a bright column
USUAL_PX = 512  # of a usual field of view
JITTER_PX = 0.1
ATOMIC_REGION_PX = 24
OTHER_REGION_SHARE = 1 / 16
SHORTEST_DWELL_US = 2.0  # below this, flyback makes the preview too dear
MARGIN = 1.3  # defects reach beyond the frame by this factor
BRIGHT_QUANTILE = 0.995
MOST_TRIES = 20
NOISE_COUNTS, NOISE_POINTS, NOISE_PIXEL_NM = 20.0, 12, 0.02


def atomic_scene(name: str, seed: int, side_px: int, *, defect_free: bool = False) -> Scene:
    """A crystal; spacing and counts go round with kind and seed."""
    spacing_px, counts = CONDITIONS[(ATOMIC.index(name) + seed) % len(CONDITIONS)]
    kind = specimen_kind(name)
    for attempt in range(MOST_TRIES):
        drawn = own_seed(name, seed, attempt)
        fov_nm = kind.fov_nm * side_px / USUAL_PX
        specimen = kind.make(drawn, defect_free=defect_free)
        if isinstance(specimen, AtomicSpecimen):
            shortest_nm = float(np.hypot(*specimen.lattice.vectors_nm.T).min())
            fov_nm = side_px * shortest_nm / spacing_px
            specimen = _crystal(name, drawn, fov_nm, kind.fov_nm * side_px / USUAL_PX, defect_free)
        grid = SamplingGrid(rows=side_px, cols=side_px, height_nm=fov_nm, width_nm=fov_nm)
        bright = float(np.quantile(specimen.pristine().intensity(*grid.mesh_nm()), BRIGHT_QUANTILE))
        exposure = _exposure(grid, counts / bright, kind.beam_current_pa)
        physics = AcquisitionPhysics(line_jitter_nm=JITTER_PX * fov_nm / side_px)
        scene = _planted_scene(f"{name}:{seed}", specimen, exposure, physics, drawn, ATOMIC_REGION_PX)
        if defect_free or _has_truth(scene):
            return scene
    raise InputError(f"{name}:{seed} shows no defect in {MOST_TRIES} tries: give a larger frame")


def micro_scene(name: str, seed: int, side_px: int, *, defect_free: bool = False) -> Scene:
    """A microstructure or a surface; odd seeds have a quarter of the counts."""
    kind = specimen_kind(name)
    for attempt in range(MOST_TRIES):
        drawn = own_seed(name, seed, attempt)
        specimen = kind.make(drawn, defect_free=defect_free)
        grid = SamplingGrid(rows=side_px, cols=side_px, height_nm=kind.fov_nm, width_nm=kind.fov_nm)
        wanted = electrons(1, 1, kind.dwell_time_us, kind.beam_current_pa) * (0.25 if seed % 2 else 1.0)
        exposure = _exposure(grid, wanted, kind.beam_current_pa)
        region_px = round(side_px * OTHER_REGION_SHARE)
        scene = _planted_scene(f"{name}:{seed}", specimen, exposure, AcquisitionPhysics(), drawn, region_px)
        if defect_free or _has_truth(scene):
            return scene
    raise InputError(f"{name}:{seed} shows no defect in {MOST_TRIES} tries: give a larger frame")


def clean_scene(name: str, seed: int, side_px: int) -> Scene:
    """Any of both without its defects."""
    make = atomic_scene if name in ATOMIC else micro_scene
    return make(name, seed, side_px, defect_free=True)


def noise_scene(name: str, seed: int, side_px: int) -> Scene:
    """White noise with marks that mean nothing."""
    rng = np.random.default_rng([seed, 5])
    counts = rng.poisson(NOISE_COUNTS, (side_px, side_px)).astype(np.float32)
    return Scene(
        name=f"{name}:{seed}",
        preview=CalibratedImage(counts, pixel_size_nm=NOISE_PIXEL_NM, name=f"{name}:{seed}"),
        region_px=ATOMIC_REGION_PX,
        seed=seed,
        specimen=None,
        exposure=None,
        points_px=rng.uniform(-0.5, side_px - 0.5, (NOISE_POINTS, 2)),
        d_primes=np.zeros(NOISE_POINTS),
        mask=None,
    )


def own_seed(name: str, seed: int, attempt: int = 0) -> int:
    """A seed that no other kind has: else the same draws would put defects, and random tiles, alike in all kinds."""
    return list(KINDS).index(name) + 100 * seed + 10_000 * attempt


def _crystal(name: str, seed: int, fov_nm: float, usual_nm: float, defect_free: bool) -> AtomicSpecimen:
    """The kind with as many defects in this field of view as it usually has in the usual one."""
    crystal, _, structure = name.partition("-")
    factor = (usual_nm / fov_nm) ** 2
    density = {kind: value * factor for kind, value in PREPARATIONS[crystal].per_1000_nm2.items()}
    return make_atomic(
        crystal,
        seed,
        structure=structure or "single",
        per_1000_nm2=density,
        extent_nm=MARGIN * fov_nm,
        defect_free=defect_free,
        name=name,
    )


def _exposure(grid: SamplingGrid, electrons_a_sample: float, usual_pa: float) -> Exposure:
    """So many electrons a sample at the usual current; at less of it where that would be too quick to scan."""
    dwell_us = electrons_a_sample / electrons(1, 1, 1.0, usual_pa)
    if dwell_us >= SHORTEST_DWELL_US:
        return Exposure(grid=grid, dwell_time_us=dwell_us, beam_current_pa=usual_pa)
    current_pa = usual_pa * dwell_us / SHORTEST_DWELL_US
    return Exposure(grid=grid, dwell_time_us=SHORTEST_DWELL_US, beam_current_pa=current_pa)


def _planted_scene(
    name: str, specimen: PlantedSpecimen, exposure: Exposure, physics: AcquisitionPhysics, seed: int, region_px: int
) -> Scene:
    grid = exposure.grid
    counts = record_frame(specimen, exposure, np.random.default_rng([seed, 7]), physics=physics)
    points, d_primes = [], []
    mask = np.zeros(counts.shape, bool)
    y_nm, x_nm = grid.mesh_nm()
    for defect in specimen.truth:
        if defect.is_extended:
            mask |= defect.covers(y_nm, x_nm)
            continue
        place = grid.index_px(defect.center_nm)
        if all(-0.5 <= p <= n - 0.5 for p, n in zip(place, counts.shape, strict=True)):
            points.append(place)
            d_primes.append(detectability(specimen, defect, exposure).d_prime)
    pitch_nm = (grid.height_nm / grid.rows, grid.width_nm / grid.cols)
    return Scene(
        name=name,
        preview=CalibratedImage(counts, pixel_size_nm=pitch_nm, name=name),
        region_px=region_px,
        seed=seed,
        specimen=specimen,
        exposure=exposure,
        points_px=np.array(points, dtype=float).reshape(-1, 2),
        d_primes=np.array(d_primes, dtype=float),
        mask=mask if mask.any() else None,
    )


def _has_truth(scene: Scene) -> bool:
    return len(scene.points_px) > 0 or scene.mask is not None
