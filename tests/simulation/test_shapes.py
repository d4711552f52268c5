"""Outlines: areas against closed forms, distances, and what they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.simulation.shapes import Blob, Cluster, Disc, Shape, Stroke, counted_area_nm2
from deepscan_core.simulation.specimens import outlines
from deepscan_core.simulation.truth import PlantedDefect


def planted(shape: Shape, center: tuple[float, float] = (0.0, 0.0)) -> PlantedDefect:
    return PlantedDefect(kind="test", center_y_nm=center[0], center_x_nm=center[1], shape=shape, amplitude=1.0)


def counted(shape: Shape) -> float:
    reach = 1.01 * shape.reach_nm * np.ones(2)
    return counted_area_nm2(shape, -reach, reach)


@pytest.mark.parametrize(
    "shape",
    [
        Disc(radius_nm=3.0),
        Blob(radius_nm=2.0, waves=(0.2, 0.0, 0.1), phases_rad=(0.3, 0.0, 1.0)),
        Blob(radius_nm=2.0, waves=(0.0, 0.15), phases_rad=(0.0, 2.0), elongation=2.5, angle_ccw_rad=0.7),
        Stroke(points_nm=np.array([[-4.0, -3.0], [4.0, 3.0]]), width_nm=1.5),
    ],
    ids=["disc", "wavy", "long", "line"],
)
def test_area_in_closed_form_is_the_area_counted(shape: Shape) -> None:
    assert counted(shape) == pytest.approx(shape.area_nm2, rel=0.005)


def test_areas_of_known_figures() -> None:
    assert Blob(radius_nm=2.0, elongation=3.0).area_nm2 == pytest.approx(4 * math.pi)
    bent = Stroke(points_nm=np.array([[0.0, 0.0], [0.0, 6.0], [0.0, 10.0]]), width_nm=2.0)
    assert bent.area_nm2 == pytest.approx(10 * 2 + math.pi, rel=0.005)
    apart = Cluster(centers_nm=np.array([[0.0, -5.0], [0.0, 5.0]]), radii_nm=np.array([1.0, 2.0]))
    assert apart.area_nm2 == pytest.approx(5 * math.pi, rel=0.01)


def test_a_tapered_line_is_a_third_as_wide_at_its_ends() -> None:
    line = Stroke(points_nm=np.array([[0.0, -10.0], [0.0, 10.0]]), width_nm=3.0, tapered=True)
    for x, half in ((0.0, 1.5), (-10.0, 0.5), (10.0, 0.5)):
        assert line.distance_nm(np.array(half - 0.01), np.array(x)) < 0
        assert line.distance_nm(np.array(half + 0.01), np.array(x)) > 0


def test_distances_are_those_of_the_circle_and_the_line() -> None:
    y, x = np.array([0.0, 3.0]), np.array([0.0, 4.0])
    assert Disc(radius_nm=2.0).distance_nm(y, x) == pytest.approx([-2, 3])
    assert Blob(radius_nm=2.0).distance_nm(y, x) == pytest.approx([-2, 3])
    line = Stroke(points_nm=np.array([[0.0, -1.0], [0.0, 1.0]]), width_nm=1.0)
    assert line.distance_nm(np.array([2.0, 4.0]), np.array([0.0, 4.0])) == pytest.approx([1.5, 4.5])


def test_a_blob_is_drawn_out_along_its_angle_counter_clockwise() -> None:
    blob = Blob(radius_nm=1.0, elongation=4.0, angle_ccw_rad=math.pi / 4)  # up to the right: y falls as x grows
    assert planted(blob).covers(np.array([-1.2]), np.array([1.2])).all()
    assert not planted(blob).covers(np.array([1.2]), np.array([1.2])).any()


@pytest.mark.parametrize("seed", range(4))
def test_nothing_lies_beyond_the_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes: list[Shape] = [
        outlines.rough_blob(rng, 2.0, roughness=0.3, elongation=1.7),
        outlines.faceted_blob(rng, 2.0, sides=5),
        outlines.jagged_line(rng, 9.0, 0.4, angle_ccw_rad=1.0, jag=0.1),
        outlines.bent_line(rng, 9.0, 0.4, angle_ccw_rad=1.0, bend_rad=0.4),
        outlines.grown_cluster(rng, 20, 0.5),
    ]
    y, x = np.meshgrid(np.linspace(-15, 15, 301), np.linspace(-15, 15, 301), indexing="ij")
    for shape in shapes:
        inside = shape.distance_nm(y, x) <= 0
        assert inside.any()
        assert np.hypot(y, x)[inside].max() <= shape.reach_nm + 1e-9
        # covers() takes a short cut by the reach; it must not change anything
        assert np.array_equal(planted(shape, (2.0, -1.0)).covers(y + 2.0, x - 1.0), inside)


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="radius"):
        Disc(radius_nm=0.0)
    with pytest.raises(InputError, match="waves"):
        Blob(radius_nm=1.0, waves=(0.9, 0.3), phases_rad=(0.0, 0.0))
    with pytest.raises(InputError, match="two points"):
        Stroke(points_nm=np.zeros((1, 2)), width_nm=1.0)
    with pytest.raises(InputError, match="as many"):
        Cluster(centers_nm=np.zeros((2, 2)), radii_nm=np.ones(3))
