"""The sparse suites: how the gain depends on density and sampling, and whether looking again beats planning once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from deepscan_core.benchmarking.sparse.contestants import Rules, Trial
from deepscan_core.benchmarking.sparse.metering import Reading
from deepscan_core.benchmarking.sparse.scene import Reference, sparse_scene
from deepscan_core.benchmarking.strategies import warm_up

KINDS = ("srtio3", "mos2", "gold", "gaas")
DENSITIES_PX = (400_000.0, 200_000.0, 100_000.0, 50_000.0)  # samples of the raster to a defect
QUICK_RASTER_PX = 512
FIRST_SEED = 1000  # strategies were tuned on seeds below
NOISY, WIDE = "sparse-noisy", "sparse-wide"


@dataclass(frozen=True, kw_only=True)
class SparseSuite:
    """Scenes that share their terms.

    Attributes
    ----------
    name, title, about : the last two for people.
    reference, rules : see there.
    px_per_defect : densities that are tried.
    seeds : scenes of each kind and density.
    """

    name: str
    title: str
    about: str
    reference: Reference
    rules: Rules
    px_per_defect: tuple[float, ...]
    seeds: int


SPARSE_SUITES: tuple[SparseSuite, ...] = (
    SparseSuite(
        name="sparse",
        title="Few defects in a large crystal",
        about="a preview of 4.5 % of the raster's dose; 11.5 % of its time and electrons may be spent; what is less likely "
        "than one in 300 gets no tile",
        reference=Reference(),
        rules=Rules(limit_share=0.115, least_probability=0.003),
        px_per_defect=DENSITIES_PX,
        seeds=2,
    ),
    SparseSuite(
        name="sparse-coarse",
        title="The same, coarsely sampled",
        about="24 samples of the raster along a lattice vector: the same counts a sample, and so about a third of the "
        "counts a column, show a defect less clearly",
        reference=Reference(spacing_px=24.0),
        rules=Rules(limit_share=0.115, least_probability=0.003),
        px_per_defect=(100_000.0,),
        seeds=1,
    ),
    SparseSuite(
        name=NOISY,
        title="A preview too noisy to see everything",
        about="a preview of 1 % of the raster's dose; all spend 11.5 % of the raster's time and electrons",
        reference=Reference(preview_share=0.01),
        rules=Rules(limit_share=0.115, least_probability=0.0),
        px_per_defect=(100_000.0,),
        seeds=5,
    ),
    SparseSuite(
        name=WIDE,
        title="The same with large tiles",
        about="tiles of 128 x 128 samples, as the strain around a defect asks for: each takes as long as seven looks; a "
        "preview of 1 % of the raster's dose; all spend 11.5 % of the raster's time and electrons",
        reference=Reference(preview_share=0.01, tile_px=128),
        rules=Rules(limit_share=0.115, least_probability=0.0),
        px_per_defect=(400_000.0,),
        seeds=3,
    ),
)


@dataclass(frozen=True, kw_only=True)
class SparseRow:
    """One strategy on one scene."""

    suite: str
    kind: str
    seed: int
    px_per_defect: float
    reading: Reading


@dataclass(frozen=True, kw_only=True)
class SparseTask:
    """One scene, to be made and tried."""

    suite: SparseSuite
    kind: str
    seed: int
    px_per_defect: float
    reference: Reference

    @property
    def title(self) -> str:
        """For the progress bar."""
        return f"{self.suite.name}, {self.kind}:{self.seed}, one in {self.px_per_defect:g}"


def sparse_tasks(*, quick: bool = False, seeds: int | None = None) -> list[SparseTask]:
    """Everything that is to be tried; in a quick run one small frame of one kind, at two densities."""
    found = []
    for suite in SPARSE_SUITES:
        reference = replace(suite.reference, raster_px=QUICK_RASTER_PX) if quick else suite.reference
        for px in suite.px_per_defect[1:3] if quick and len(suite.px_per_defect) > 1 else suite.px_per_defect:
            for kind in KINDS[2:3] if quick else KINDS:
                for number in range(seeds or (1 if quick else suite.seeds)):
                    seed = FIRST_SEED + number
                    task = SparseTask(suite=suite, kind=kind, seed=seed, px_per_defect=px, reference=reference)
                    found.append(task)
    return found


def run_sparse(tasks: Sequence[SparseTask], *, advance: Callable[[str], object] = str) -> list[SparseRow]:
    """Carry out tasks one after the other.

    Parameters
    ----------
    tasks : from `sparse_tasks`.
    advance : is told the title of each task when it begins.
    """
    warm_up()
    rows: list[SparseRow] = []
    for task in tasks:
        advance(task.title)
        scene = sparse_scene(task.kind, task.seed, px_per_defect=task.px_per_defect, reference=task.reference)
        rows += [_row(task, reading) for reading in Trial(scene, task.suite.rules).readings()]
    return rows


def _row(task: SparseTask, reading: Reading) -> SparseRow:
    return SparseRow(
        suite=task.suite.name,
        kind=task.kind,
        seed=task.seed,
        px_per_defect=task.px_per_defect,
        reading=reading,
    )


def csv_row(row: SparseRow) -> Mapping[str, object]:
    """One line of ``sparse.csv``, without what differs between runs."""
    reading = row.reading
    return {
        "suite": row.suite,
        "kind": row.kind,
        "seed": row.seed,
        "px_per_defect": row.px_per_defect,
        "strategy": reading.strategy,
        "captured_fraction": reading.captured,
        "captured": reading.captured_count,
        "clear_defects": reading.clear_count,
        "tiles": reading.tiles,
        "false_tiles": reading.false_tiles,
        "looks": reading.looks,
        "dose_fraction": reading.dose_share,
        "dose_fraction_blanked": reading.dose_share_blanked,
        "time_fraction": reading.time_share,
    }
