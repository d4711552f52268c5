"""A large crystal with few defects, how it is recorded by the reference raster, and a cheap preview of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.charges import LARGEST_PREVIEW_SHARE, Charge
from deepscan_core.benchmarking.planted_scenes import BRIGHT_QUANTILE, JITTER_PX
from deepscan_core.errors import InputError
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import SamplingGrid, ScanContext, check_count, check_positive
from deepscan_core.records.costs import ScanCosts, electrons
from deepscan_core.simulation.detectability import detectability
from deepscan_core.simulation.physics import AcquisitionPhysics, Exposure
from deepscan_core.simulation.specimens import PlantedSpecimen, make_atomic
from deepscan_core.simulation.specimens.atomic_kinds import PREPARATIONS

FloatArray = npt.NDArray[np.float64]

DENSITY = 2  # samples of the raster, and of tiles, for each pixel of the preview along each axis
INSIDE = 0.98  # of the frame's side holds defects
NEAR_SPACINGS = 4  # side of the square around a defect that its d′ is computed from
CLEAR_D_PRIME = 6.0


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The raster that everything is compared with, and what tiles and previews have of it.

    Attributes
    ----------
    raster_px : samples along each side.
    dwell_us : of each.
    bright_counts : mean counts of a sample on a bright column.
    spacing_px : samples along the shortest lattice vector.
    tile_px : samples along each side of a tile, recorded like the raster.
    preview_share : of the raster's recorded dose.
    steps_a_drift_check : after so many steps a reference area, as large as a tile, is recorded again.
    costs : overheads of the instrument. By default those of `ScanCosts`, with a beam that is not blanked.
    """

    raster_px: int = 2048
    dwell_us: float = 10.0
    bright_counts: float = 60.0
    spacing_px: float = 40.0
    tile_px: int = 24
    preview_share: float = 0.045
    steps_a_drift_check: int = 20
    costs: ScanCosts = field(default_factory=lambda: ScanCosts(blanks_when_idle=False))

    def __post_init__(self) -> None:
        check_count("raster_px, tile_px, steps", self.raster_px, self.tile_px, self.steps_a_drift_check)
        check_positive("dwell_us, bright_counts, spacing_px", self.dwell_us, self.bright_counts, self.spacing_px)
        if self.raster_px % DENSITY or self.tile_px % DENSITY:
            raise InputError(f"sides of {self.raster_px} and {self.tile_px} samples: give even numbers")
        if not 0 < self.preview_share <= LARGEST_PREVIEW_SHARE:
            raise InputError(
                f"the preview has {self.preview_share:g} of the raster's dose: give at most {LARGEST_PREVIEW_SHARE:g}"
            )

    @property
    def preview_px(self) -> int:
        """Pixels of the preview along each side."""
        return self.raster_px // DENSITY

    @property
    def preview_dwell_us(self) -> float:
        """Dwell time of the preview."""
        return self.dwell_us * self.preview_share * DENSITY**2

    @property
    def region_px(self) -> int:
        """Side of a tile in pixels of the preview."""
        return self.tile_px // DENSITY

    def charge(self, rows: int, cols: int, dwell_us: float, current_pa: float) -> Charge:
        """What one frame costs, with all overheads."""
        return Charge(
            time_s=self.costs.frame_time_s(rows, cols, dwell_us),
            electrons=self.costs.frame_electrons(rows, cols, dwell_us, current_pa),
            recorded_electrons=electrons(rows, cols, dwell_us, current_pa),
        )

    def preview(self, current_pa: float) -> Charge:
        """What the preview costs."""
        return self.charge(self.preview_px, self.preview_px, self.preview_dwell_us, current_pa)

    def raster(self, current_pa: float) -> Charge:
        """What the raster costs: one frame, and no computing."""
        return self.charge(self.raster_px, self.raster_px, self.dwell_us, current_pa)


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseScene:
    """What lies under the beam, and the truth about it.

    Attributes
    ----------
    kind, seed : which crystal.
    px_per_defect : samples of the raster to each planted defect.
    reference : see `Reference`.
    specimen, context : the latter is that of the preview.
    points_px : centres of the defects in the preview, shape (n, 2).
    d_primes, preview_d_primes : of each in the raster and in the preview, shape (n,).
    """

    kind: str
    seed: int
    px_per_defect: float
    reference: Reference
    specimen: PlantedSpecimen
    context: ScanContext
    points_px: FloatArray
    d_primes: FloatArray
    preview_d_primes: FloatArray

    @property
    def name(self) -> str:
        """Kind and seed."""
        return f"{self.kind}:{self.seed}"

    @property
    def current_pa(self) -> float:
        """Of the beam; raises `InputError` where it is not known."""
        if self.context.beam_current_pa is None:
            raise InputError(f"{self.name} has no beam current: make it with `sparse_scene`")
        return self.context.beam_current_pa

    @property
    def clear(self) -> npt.NDArray[np.bool_]:
        """Which defects have d′ of at least 6 in the raster, shape (n,)."""
        seen: npt.NDArray[np.bool_] = self.d_primes >= CLEAR_D_PRIME
        return seen

    def microscope(self, stream: int) -> SimulatedController:
        """A fresh instrument on the same specimen; its noise differs by the stream."""
        pitch_nm = self.context.pixel_size_nm[1]
        return SimulatedController(
            self.specimen,
            self.context,
            dwell_time_us=self.reference.preview_dwell_us,
            seed=10_000 * self.seed + stream,
            costs=self.reference.costs,
            physics=AcquisitionPhysics(line_jitter_nm=JITTER_PX * pitch_nm, moves_take_time=True),
        )


def sparse_scene(kind: str, seed: int, *, px_per_defect: float, reference: Reference | None = None) -> SparseScene:
    """A single crystal with its usual mixture of point defects, but few of them.

    Parameters
    ----------
    kind : one of `PREPARATIONS`.
    seed : of everything random in it.
    px_per_defect : samples of the raster to each defect.
    reference : see `Reference`.

    Raises
    ------
    InputError
        Unknown names.
    """
    check_positive("px_per_defect", px_per_defect)
    terms = reference or Reference()
    drawn = sorted(PREPARATIONS).index(kind) + 100 * seed if kind in PREPARATIONS else seed
    fov_nm = terms.raster_px * _spacing_nm(make_atomic(kind, drawn)) / terms.spacing_px
    usual = PREPARATIONS[kind].per_1000_nm2
    wanted = terms.raster_px**2 / px_per_defect / (INSIDE * fov_nm) ** 2 * 1000
    density = {sort: value / sum(usual.values()) * wanted for sort, value in usual.items()}
    specimen = make_atomic(kind, drawn, per_1000_nm2=density, extent_nm=INSIDE * fov_nm)
    current_pa = _current_pa(specimen, terms, fov_nm)
    context = ScanContext(
        rows=terms.preview_px,
        cols=terms.preview_px,
        fov_y_nm=fov_nm,
        fov_x_nm=fov_nm,
        beam_current_pa=current_pa,
    )
    return SparseScene(
        kind=kind,
        seed=seed,
        px_per_defect=px_per_defect,
        reference=terms,
        specimen=specimen,
        context=context,
        points_px=np.array([context.on_specimen().index_px(d.center_nm) for d in specimen.truth]).reshape(-1, 2),
        d_primes=_d_primes(specimen, fov_nm / terms.raster_px, terms.dwell_us, current_pa),
        preview_d_primes=_d_primes(specimen, fov_nm / terms.preview_px, terms.preview_dwell_us, current_pa),
    )


def _current_pa(specimen: Any, terms: Reference, fov_nm: float) -> float:
    """So that a bright column gets the counts that are asked for, judged by the middle of the frame."""
    side = min(256, terms.raster_px)
    part_nm = fov_nm * side / terms.raster_px
    grid = SamplingGrid(rows=side, cols=side, height_nm=part_nm, width_nm=part_nm)
    bright = float(np.quantile(specimen.pristine().intensity(*grid.mesh_nm()), BRIGHT_QUANTILE))
    return terms.bright_counts / bright / electrons(1, 1, terms.dwell_us, 1.0)


def _d_primes(specimen: PlantedSpecimen, pitch_nm: float, dwell_us: float, current_pa: float) -> FloatArray:
    """Of all defects, in a frame of that pitch, of which only the samples around each are looked at: they all count."""
    side = round(NEAR_SPACINGS * _spacing_nm(specimen) / pitch_nm)
    found = []
    for defect in specimen.truth:
        y_nm, x_nm = defect.center_nm
        grid = SamplingGrid(
            rows=side,
            cols=side,
            height_nm=side * pitch_nm,
            width_nm=side * pitch_nm,
            center_y_nm=y_nm,
            center_x_nm=x_nm,
        )
        exposure = Exposure(grid=grid, dwell_time_us=dwell_us, beam_current_pa=current_pa)
        found.append(detectability(specimen, defect, exposure).d_prime)
    return np.array(found, float)


def _spacing_nm(specimen: Any) -> float:
    return float(np.hypot(*specimen.lattice.vectors_nm.T).min())
