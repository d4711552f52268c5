"""``deepscan benchmark --suite sparse``: strategies on large frames with few defects."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from deepscan_core.benchmarking.page import Origin
from deepscan_core.benchmarking.sparse.figure import sparse_png
from deepscan_core.benchmarking.sparse.page import FIGURE, sparse_page
from deepscan_core.benchmarking.sparse.suites import SparseRow, csv_row, run_sparse, sparse_tasks
from deepscan_core.cli.progress import stages
from deepscan_core.reporting import artifacts

TABLE, TIMINGS, PAGE = "sparse.csv", "sparse-timings.csv", "sparse.md"
TIMING_COLUMNS = (
    "suite",
    "kind",
    "seed",
    "px_per_defect",
    "strategy",
    "compute_s",
    "time_fraction_computed",
    "pays_below",
)


def run(
    out: Path, *, quick: bool, seeds: int | None, overwrite: bool, origin: Callable[[float], Origin]
) -> list[SparseRow]:
    """Run the sparse suites and write their files.

    Parameters
    ----------
    out, overwrite : where the files go, and whether earlier ones are replaced.
    quick, seeds : see `sparse_tasks`.
    origin : how the run came about, from the seconds it took.
    """
    artifacts.check_free(out, overwrite=overwrite, names=(TABLE, TIMINGS, PAGE, FIGURE))
    tasks = sparse_tasks(quick=quick, seeds=seeds)
    begun = time.perf_counter()
    with stages(len(tasks), "benchmark") as advance, artifacts.staged(out) as staging:
        rows = run_sparse(tasks, advance=advance)
        lines = [csv_row(row) for row in rows]
        artifacts.write_text(staging / TABLE, artifacts.table_csv(tuple(lines[0]), lines))
        artifacts.write_text(staging / TIMINGS, artifacts.table_csv(TIMING_COLUMNS, [_timing(row) for row in rows]))
        (staging / FIGURE).write_bytes(sparse_png(rows))
        artifacts.write_text(staging / PAGE, sparse_page(rows, origin(time.perf_counter() - begun)))
    return rows


def _timing(row: SparseRow) -> dict[str, object]:
    reading = row.reading
    return {
        "suite": row.suite,
        "kind": row.kind,
        "seed": row.seed,
        "px_per_defect": row.px_per_defect,
        "strategy": reading.strategy,
        "compute_s": reading.compute_s,
        "time_fraction_computed": reading.time_share_computed,
        "pays_below": reading.pays_below,
    }
