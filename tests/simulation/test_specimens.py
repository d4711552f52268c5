"""Every kind of specimen: true at any resolution, the same for the same seed, and as the truth says."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.simulation.specimens import (
    KINDS,
    PlantedSpecimen,
    make_microstructure,
    make_specimen,
    make_terraces,
    specimen_kind,
    specimen_names,
)
from deepscan_core.simulation.specimens.surfaces import OFFSET, SCALE_PER_NM, STEP_NM, TIP_NM, Terraces

NAMES = specimen_names()
EXTENDED = [name for name in NAMES if KINDS[name].family == "microstructure"]


def grid_of(name: str, samples: int = 96, *, share: float = 1.0, ccw_rad: float = 0.0) -> SamplingGrid:
    side = specimen_kind(name).fov_nm * share
    return SamplingGrid(rows=samples, cols=samples, height_nm=side, width_nm=side, ccw_rad=ccw_rad)


@pytest.mark.parametrize("name", NAMES)
def test_intensities_are_shares_and_belong_to_the_seed(name: str) -> None:
    y, x = grid_of(name).mesh_nm()
    one, again, other = (make_specimen(name, seed).intensity(y, x) for seed in (4, 4, 5))
    assert one.shape == y.shape
    assert one.min() >= 0
    assert one.max() <= 1
    assert one.std() > 0
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert make_specimen(name, 4).name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_sub_scan_at_another_resolution_shows_the_same_specimen(name: str) -> None:
    """Every fifth sample of a fine sub-scan is a sample of the coarse scan; a turned one agrees where it looks."""
    specimen = make_specimen(name, 4)
    coarse = grid_of(name, 60)
    whole = specimen.intensity(*coarse.mesh_nm())
    y, x = coarse.mesh_nm()
    fine = SamplingGrid(
        rows=50,
        cols=50,
        height_nm=coarse.height_nm / 6,
        width_nm=coarse.width_nm / 6,
        center_y_nm=float(y[20:30, 30:40].mean()),
        center_x_nm=float(x[20:30, 30:40].mean()),
    )
    sub = specimen.intensity(*fine.mesh_nm())
    tolerance = 1e-3 * whole.max()  # columns are cut off where they have fallen to 2e-4
    assert sub[2::5, 2::5] == pytest.approx(whole[20:30, 30:40], abs=tolerance)
    turned = grid_of(name, 40, share=0.3, ccw_rad=0.7)
    y, x = turned.mesh_nm()
    alone = specimen.intensity(y[11, 5:9], x[11, 5:9])
    assert alone == pytest.approx(specimen.intensity(y, x)[11, 5:9], abs=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_truth_and_defect_free_twin(name: str) -> None:
    specimen, clean = make_specimen(name, 4), make_specimen(name, 4, defect_free=True)
    assert isinstance(specimen, PlantedSpecimen)
    assert len(specimen.truth) >= 3
    assert clean.truth == ()
    assert clean.defects_nm.shape == (0, 2)
    assert specimen.defects_nm == pytest.approx(np.array([d.center_nm for d in specimen.truth]))
    y, x = grid_of(name).mesh_nm()
    assert np.array_equal(specimen.pristine().intensity(y, x), clean.intensity(y, x))
    inside = [d for d in specimen.truth if max(map(abs, d.center_nm)) < specimen_kind(name).fov_nm / 2]
    assert inside, "a usual field of view shows defects"


@pytest.mark.parametrize("name", [*EXTENDED, "terraces", "single-atoms", "spots", "crystal"])
def test_a_defect_changes_the_picture_where_the_truth_says(name: str) -> None:
    specimen = make_specimen(name, 6)
    for defect in specimen.truth[:5]:
        assert len(specimen.without(defect).truth) == len(specimen.truth) - 1
        side = 2.6 * defect.reach_nm
        grid = SamplingGrid(
            rows=140,
            cols=140,
            height_nm=side,
            width_nm=side,
            center_y_nm=defect.center_y_nm,
            center_x_nm=defect.center_x_nm,
        )
        y, x = grid.mesh_nm()
        difference = np.abs(specimen.intensity(y, x) - specimen.without(defect).intensity(y, x))
        covered = defect.covers(y, x)
        assert covered.mean() * side**2 == pytest.approx(defect.area_nm2, rel=0.1)
        assert (difference[covered] > 0).mean() > 0.97
        # what charges glows around itself
        assert difference[covered].mean() > 2 * difference[~covered].mean()


def test_the_truth_of_a_microstructure_is_extended() -> None:
    for name in EXTENDED:
        assert all(defect.is_extended for defect in make_specimen(name, 1).truth)


def test_terraces_are_one_step_apart() -> None:
    surface = make_terraces(2, defect_free=True)
    y, x = SamplingGrid(rows=256, cols=256, height_nm=200, width_nm=200).mesh_nm()
    height = surface.height_nm(y, x)
    steps = height / STEP_NM
    on_terrace = np.abs(steps - np.round(steps)) < 0.25
    assert on_terrace.mean() > 0.85
    assert len(np.unique(np.round(steps[on_terrace]))) >= 4
    with_islands = make_terraces(2)
    island = next(d for d in with_islands.truth if d.kind == "island")
    place = [np.array(c) for c in island.center_nm]
    added = with_islands.height_nm(*place) - with_islands.without(island).height_nm(*place)
    assert added == pytest.approx(STEP_NM, rel=0.05)
    assert island.amplitude == pytest.approx(STEP_NM * SCALE_PER_NM)


def test_steps_are_rounded_by_the_tip() -> None:
    """Downhill the height falls all the way, nowhere faster than a step seen through the tip's Gaussian."""
    straight = Terraces(seed=1, terrace_nm=20.0, downhill_ccw_rad=0.0, waviness_nm=0.0, corrugation_nm=0.0, floors=3)
    x = np.linspace(-90, 90, 3601)[None, :]
    height_nm = (straight(np.zeros_like(x), x)[0] - OFFSET) / SCALE_PER_NM
    slope = np.diff(height_nm) / 0.05
    assert slope.max() <= 1e-12
    assert -slope.min() == pytest.approx(STEP_NM / (math.sqrt(2 * math.pi) * TIP_NM), rel=0.01)
    assert height_nm[[0, -1]] == pytest.approx([3 * STEP_NM, -3 * STEP_NM])


def test_density_and_extent_of_a_microstructure() -> None:
    few, many = (make_microstructure("precipitates", 1, density=d) for d in (1.0, 3.0))
    assert len(many.truth) == 3 * len(few.truth)
    small = make_microstructure("precipitates", 1, extent_nm=20_000.0, density=4.0)
    assert np.abs(small.defects_nm).max() <= 10_000


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"specimen 'cheese' is not known.*srtio3"):
        make_specimen("cheese")


def test_specimens_load_no_scipy_until_they_are_looked_at() -> None:
    code = "import sys, deepscan_core.simulation.specimens; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
