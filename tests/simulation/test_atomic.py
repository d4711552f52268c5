"""Crystals: lattices, defects where the truth says, strain, boundaries, blur."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.simulation.constants import POISSON_RATIO
from deepscan_core.simulation.specimens.atomic import AtomicSpecimen
from deepscan_core.simulation.specimens.atomic_kinds import PREPARATIONS, make_atomic
from deepscan_core.simulation.specimens.columns import Columns
from deepscan_core.simulation.specimens.lattice import Box, Dislocation
from deepscan_core.simulation.specimens.phases import PHASES

Array = np.ndarray


def mesh(center: tuple[float, float] = (0.0, 0.0), side_nm: float = 2.0, samples: int = 81) -> tuple[Array, Array]:
    return SamplingGrid(
        rows=samples,
        cols=samples,
        height_nm=side_nm,
        width_nm=side_nm,
        center_y_nm=center[0],
        center_x_nm=center[1],
    ).mesh_nm()


def plain(crystal: str, **changes: object) -> AtomicSpecimen:
    """A perfect crystal: no spread, gradient or contamination."""
    settings: dict = {"column_spread": 0.0, "gradient_per_nm": 0.0, "contamination": 0.0, "rotation_rad": 0.0}
    return make_atomic(crystal, 3, **{"defect_free": True, **settings, **changes})


def test_the_quick_sum_of_columns_is_the_sum() -> None:
    rng = np.random.default_rng(0)
    columns = Columns(
        y_nm=rng.uniform(-3, 3, 300),
        x_nm=rng.uniform(-3, 3, 300),
        peaks=rng.uniform(0.1, 1, 300),
        spreads=rng.uniform(0, 0.1, 300),
        sites=np.zeros(300, np.int64),
        sigma_nm=0.12,
    )
    y, x = rng.uniform(-2, 2, (2, 37, 11))
    away = (y[..., None] - columns.y_nm) ** 2 + (x[..., None] - columns.x_nm) ** 2
    gaussians = np.exp(-away / (2 * 0.12**2))
    assert columns.total(y, x) == pytest.approx((gaussians * columns.peaks).sum(-1), abs=2e-3)
    assert columns.modes(y, x).toarray() == pytest.approx((gaussians * columns.spreads).reshape(-1, 300), abs=2e-5)
    assert columns.total(np.array(0.3), np.array(0.1)) == pytest.approx(
        (np.exp(-((0.3 - columns.y_nm) ** 2 + (0.1 - columns.x_nm) ** 2) / (2 * 0.12**2)) * columns.peaks).sum(),
        abs=2e-3,
    )


@pytest.mark.parametrize("crystal", sorted(PHASES))
def test_density_of_columns_is_that_of_the_cell(crystal: str) -> None:
    specimen = plain(crystal, rotation_rad=0.3)
    places = specimen.places(0, Box(low_y_nm=-8, high_y_nm=8, low_x_nm=-8, high_x_nm=8))
    phase = PHASES[crystal]
    expected = 16**2 / phase.cell_area_nm2 * len(phase.sites)
    assert len(places.y_nm) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("crystal", "nearest_nm"),
    [
        ("srtio3", 0.3905 / 2),
        ("graphene", 0.2461 / math.sqrt(3)),
        ("mos2", 0.3161 / math.sqrt(3)),
        ("gaas", 0.56533 / 4),
        ("gold", 0.40782 * math.sqrt(3 / 8)),
    ],
)
def test_nearest_columns_are_as_far_apart_as_crystallography_says(crystal: str, nearest_nm: float) -> None:
    assert plain(crystal).shortest_nm == pytest.approx(nearest_nm)
    assert plain(crystal, spacing=1.5).shortest_nm == pytest.approx(1.5 * nearest_nm)


@pytest.mark.parametrize("crystal", sorted(PHASES))
def test_the_lattice_repeats_and_turns(crystal: str) -> None:
    straight, turned = plain(crystal), plain(crystal, rotation_rad=0.4)
    y, x = mesh(side_nm=1.5)
    for vector in straight.lattice.vectors_nm:
        moved = straight.intensity(y + 3 * vector[0], x + 3 * vector[1])
        assert moved == pytest.approx(straight.intensity(y, x), abs=1e-3 * straight.intensity(y, x).max())
    # turned counter-clockwise on a screen whose y axis points down
    cos, sin = math.cos(0.4), math.sin(0.4)
    there = turned.intensity(y * cos - x * sin, x * cos + y * sin)
    assert there == pytest.approx(straight.intensity(y, x), abs=1e-3 * there.max())


@pytest.mark.parametrize("crystal", sorted(PREPARATIONS))
@pytest.mark.parametrize("structure", ["single", "bicrystal"])
def test_point_defects_lie_where_the_truth_says(crystal: str, structure: str) -> None:
    specimen = make_atomic(crystal, 5, structure=structure, extent_nm=24.0)
    points = [edit.truth for edit in specimen.edits]
    assert len(points) > 5
    for defect in points[:12]:
        y, x = mesh(defect.center_nm, side_nm=1.0, samples=101)
        difference = specimen.intensity(y, x) - specimen.without(defect).intensity(y, x)
        row, col = np.unravel_index(np.abs(difference).argmax(), difference.shape)
        assert max(abs(row - 50), abs(col - 50)) <= 1
        # a factor of an uneven column changes by its own spread more or less
        assert difference[50, 50] == pytest.approx(defect.amplitude, rel=0.15)
        assert defect.covers(y, x)[50, 50]
        outside = ~defect.covers(y, x)
        assert np.abs(difference[outside]).max() < 0.2 * abs(defect.amplitude)


def test_defects_keep_their_distance() -> None:
    specimen = make_atomic("mos2", 1, extent_nm=30.0)
    places = specimen.defects_nm
    apart = np.hypot(*(places[:, None] - places[None]).T) + 99 * np.eye(len(places))
    assert len(places) > 20
    assert apart.min() > 1.2


@pytest.mark.parametrize("kind", ["vacancy", "substitution", "antisite", "interstitial", "adatom"])
def test_each_kind_can_be_planted_alone(kind: str) -> None:
    specimen = make_atomic("mos2", 2, per_1000_nm2={kind: 30.0}, extent_nm=24.0)
    assert {defect.kind for defect in specimen.truth} == {kind}
    if kind == "vacancy":
        assert all(defect.amplitude < 0 for defect in specimen.truth)
    if kind in ("interstitial", "adatom"):
        assert all(defect.amplitude > 0 for defect in specimen.truth)


def test_a_vacancy_of_a_layer_takes_the_whole_atom() -> None:
    specimen = make_atomic(
        "graphene", 2, per_1000_nm2={"vacancy": 40.0}, extent_nm=16.0, column_spread=0.0, contamination=0.0
    )
    for defect in specimen.truth:
        here = specimen.intensity(*(np.array(c) for c in defect.center_nm))
        peak = specimen.peak_of(specimen.lattice.phase.sites[0].strength)
        neighbours = 3 * peak * math.exp(-((0.2461 / math.sqrt(3)) ** 2) / (2 * specimen.width_nm**2))
        assert here - specimen.background == pytest.approx(neighbours, rel=0.1)


def test_spread_has_the_width_asked_for_and_belongs_to_the_column() -> None:
    specimen, even = plain("gold", column_spread=0.1), plain("gold")
    places = specimen.places(0, Box(low_y_nm=-10, high_y_nm=10, low_x_nm=-10, high_x_nm=10))
    at = (places.y_nm, places.x_nm)
    ratio = (specimen.intensity(*at) - specimen.background) / (even.intensity(*at) - even.background)
    assert ratio.std() == pytest.approx(0.1, rel=0.1)
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert specimen.intensity(at[0][7], at[1][7]) == pytest.approx(specimen.intensity(*at)[7], rel=1e-3)


def test_thickness_changes_the_columns_by_its_gradient() -> None:
    specimen = dataclasses.replace(plain("gold"), gradient_per_nm=(0.0, 0.02))
    first = specimen.lattice.vectors_nm[0]
    here, there = (specimen.intensity(np.array(n * first[0]), np.array(n * first[1])) for n in (0, 30))
    assert (there - specimen.background) / (here - specimen.background) == pytest.approx(
        1 + 0.02 * 30 * first[1], rel=0.01
    )


def test_blur_adds_in_quadrature_and_keeps_the_volume() -> None:
    specimen = make_atomic("graphene", 2, extent_nm=12.0)
    wide = specimen.blurred(0.08)
    assert wide.width_nm == pytest.approx(math.hypot(specimen.sigma_nm, 0.08))
    y, x = mesh(side_nm=4.0, samples=201)
    convolved = ndimage.gaussian_filter(specimen.intensity(y, x), 0.08 / (4.0 / 201))[30:-30, 30:-30]
    # contamination is left as it is, and varies little over the probe
    assert wide.intensity(y, x)[30:-30, 30:-30] == pytest.approx(convolved, rel=0.03)


@pytest.mark.parametrize("line_rad", [0.0, 0.7, math.pi / 2])
def test_a_mirrored_lattice_is_mirrored_in_its_line(line_rad: float) -> None:
    lattice = plain("gaas", rotation_rad=0.2).lattice
    mirrored = dataclasses.replace(lattice, mirrored_about_rad=line_rad)
    along = np.array([-math.sin(line_rad), math.cos(line_rad)])  # (y, x), counter-clockwise with y down
    vectors = lattice.vectors_nm
    assert mirrored.vectors_nm == pytest.approx(2 * np.outer(vectors @ along, along) - vectors)


def test_a_twin_is_the_mirror_image_of_itself() -> None:
    specimen = plain("gold", structure="twin", defect_free=False, per_1000_nm2={})
    (truth,) = specimen.truth
    assert truth.kind == "twin boundary"
    assert truth.is_extended
    angle = specimen.boundary.angle_ccw_rad
    along, normal = np.array([-math.sin(angle), math.cos(angle)]), np.array([math.cos(angle), math.sin(angle)])
    s, t = np.meshgrid(np.linspace(-2, 2, 81), np.linspace(0, 2, 41), indexing="ij")
    near, far = (
        specimen.intensity(*(truth.center_nm[k] + s * along[k] + sign * t * normal[k] for k in (0, 1)))
        for sign in (1, -1)
    )
    assert near == pytest.approx(far, abs=2e-3 * near.max())
    # and the coherent plane leaves no column out: as many on either side
    box = Box(low_y_nm=-6, high_y_nm=6, low_x_nm=-6, high_x_nm=6)
    sides = [len(specimen.places(grain, box).y_nm) for grain in (0, 1)]
    assert sides[0] == pytest.approx(sides[1], rel=0.05)


def test_a_bicrystal_has_two_orientations_and_no_crowd_between() -> None:
    specimen = make_atomic("srtio3", 4, structure="bicrystal", per_1000_nm2={}, extent_nm=20.0)
    y, x = mesh(side_nm=8.0, samples=5)
    columns = specimen.columns(y, x)
    places = np.stack([columns.y_nm, columns.x_nm], 1)
    apart = np.hypot(*(places[:, None] - places[None]).T) + 9 * np.eye(len(places))
    assert apart.min() > 0.5 * specimen.shortest_nm
    tilt = specimen.second.rotation_rad - specimen.lattice.rotation_rad
    assert math.radians(8) <= abs(tilt) <= math.radians(22)
    single = specimen.pristine()
    far_side = specimen.boundary.far_nm(y, x)
    changed = ~np.isclose(single.intensity(y, x), specimen.intensity(y, x), rtol=1e-3)
    assert changed[far_side > 1].mean() > 0.8
    assert not changed[far_side < -1].any()


def test_a_circuit_around_a_dislocation_fails_to_close_by_its_burgers_vector() -> None:
    burgers = (0.1, 0.25)
    dislocation = Dislocation(center_nm=(0.3, -0.2), burgers_nm=burgers)
    angle = np.linspace(0, 2 * math.pi, 4001)
    uy, ux = dislocation.displacement_nm(0.3 + 5 * np.sin(angle), -0.2 + 5 * np.cos(angle))
    steps = np.stack([np.diff(uy), np.diff(ux)], 1)
    smooth = np.hypot(*steps.T) < 0.05  # leave out the step at the cut, where the planes are matched again
    assert (~smooth).sum() == 1
    assert np.abs(steps[smooth].sum(0)) == pytest.approx(np.abs(burgers), rel=0.01)
    reach = np.hypot(uy, ux).max()
    assert reach <= dislocation.largest_nm(5.0)


def test_the_dilatation_of_a_dislocation_has_its_closed_form() -> None:
    """``-b (1 - 2 ν) / (2 π (1 - ν)) y / r²`` (Hirth & Lothe 1982, section 3-4), y towards the extra half plane."""
    dislocation, step = Dislocation(center_nm=(0.0, 0.0), burgers_nm=(0.0, 0.3)), 1e-4
    for y, x in ((3.0, 1.0), (-2.0, 2.5), (1.0, -3.0)):
        (up, down), (right, left) = (
            [dislocation.displacement_nm(np.array(y + a * k), np.array(x + b * k))[axis] for k in (step, -step)]
            for axis, (a, b) in enumerate(((1, 0), (0, 1)))
        )
        dilatation = float(up - down + right - left) / (2 * step)
        expected = -0.3 * (1 - 2 * POISSON_RATIO) / (2 * math.pi * (1 - POISSON_RATIO)) * y / (x**2 + y**2)
        assert dilatation == pytest.approx(expected, rel=0.05)


def test_a_dislocation_adds_a_half_plane() -> None:
    specimen = make_atomic("srtio3", 4, structure="dislocations", per_1000_nm2={}, extent_nm=8.0, rotation_rad=0.0)
    one = dataclasses.replace(specimen, dislocations=specimen.dislocations[:1])
    (core,) = one.truth
    assert core.kind == "dislocation"

    def strontium(low: float, high: float) -> int:
        """Columns of a strip beside the glide plane, which runs along x."""
        box = Box(
            low_y_nm=core.center_y_nm + low,
            high_y_nm=core.center_y_nm + high,
            low_x_nm=core.center_x_nm - 6.05,
            high_x_nm=core.center_x_nm + 6.05,
        )
        places = one.places(0, box)
        inside = box.holds(places.y_nm, places.x_nm) & (places.site == 0)
        rows = np.round((places.y_nm[inside]) / 0.3905)
        return round(inside.sum() / len(np.unique(rows)))

    assert abs(strontium(-2.0, -0.1) - strontium(0.1, 2.0)) == 1


def test_far_columns_of_strained_crystals_are_not_forgotten() -> None:
    """A sub-scan shows what the full scan shows, up to its very edge."""
    specimen = make_atomic("graphene", 2, structure="dislocations", extent_nm=40.0)
    y, x = mesh((4.0, -3.0), side_nm=12.0, samples=60)
    whole = specimen.intensity(y, x)
    assert specimen.intensity(y[50:, 48:], x[50:, 48:]) == pytest.approx(whole[50:, 48:], abs=2e-3 * whole.max())


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="crystal 'salt'"):
        make_atomic("salt")
    with pytest.raises(InputError, match="structure 'glass'"):
        make_atomic("gold", structure="glass")
    with pytest.raises(InputError, match="defect 'hole'"):
        make_atomic("gold", per_1000_nm2={"hole": 1.0})
    specimen = make_atomic("gold", 1)
    with pytest.raises(InputError, match="not planted here"):
        specimen.pristine().without(specimen.truth[0])
    with pytest.raises(InputError, match="column_spread"):
        dataclasses.replace(specimen, column_spread=0.5)
