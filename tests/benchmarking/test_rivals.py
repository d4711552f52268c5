"""Rivals: what must be found is found, what must earn nothing earns nothing, and the oracle is at the limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.benchmarking.rivals import RIVALS, Rectangle, Rival, rival
from deepscan_core.benchmarking.rivals.described import patch_corners
from deepscan_core.benchmarking.rivals.limits import greedy_squares, oracle, oracle_over_mask
from deepscan_core.benchmarking.rivals.mahalanobis import RIDGE, mahalanobis_distances
from deepscan_core.benchmarking.rivals.patchcore import greedy_coreset, nearest_elsewhere
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.errors import InputError, MissingError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.regions.selection import Selection, select_regions
from deepscan_core.simulation.physics import Exposure, record_frame
from deepscan_core.simulation.specimens import make_atomic

NETWORKED = {"described_pipeline", "patchcore", "mahalanobis", "deepscan", "anomalib_patchcore"}
PATTERNS = ("raster", "random", "dot_grid")
SIDE_PX, REGION_PX = 128, 16
PLANTED_PX = (72.0, 56.0)


def marked(names: Sequence[str]) -> list[object]:
    return [pytest.param(n, marks=pytest.mark.network) if n in NETWORKED else n for n in names]


def installed(name: str) -> Rival:
    if not rival(name).is_installed:
        pytest.skip(f"{rival(name).package} is not installed here")
    return rival(name)


def scene_of(array: np.ndarray, points: Sequence[tuple[float, float]] = (), **changes: object) -> Scene:
    points_px = np.array(points, float).reshape(-1, 2)
    fields = {
        "name": "test:0",
        "preview": CalibratedImage(array, pixel_size_nm=0.1),
        "region_px": REGION_PX,
        "seed": 3,
        "specimen": None,
        "exposure": None,
        "points_px": points_px,
        "d_primes": np.full(len(points_px), 9.0),
        "mask": None,
    }
    return Scene(**{**fields, **changes})


def lattice(side_px: int = SIDE_PX, *, missing: bool = True) -> np.ndarray:
    """Columns 8 px apart at 20 counts, one of them missing at `PLANTED_PX`."""
    y, x = np.mgrid[:side_px, :side_px].astype(float)
    array = np.full((side_px, side_px), 1.0)
    for row in np.arange(0, side_px, 8):
        for col in np.arange(0, side_px, 8):
            if not missing or (row, col) != PLANTED_PX:
                array += 20 * np.exp(-((y - row) ** 2 + (x - col) ** 2) / (2 * 1.8**2))
    return np.random.default_rng(5).poisson(array).astype(np.float32)


def atomic_scene() -> Scene:
    density = {"vacancy": 12.0, "interstitial": 12.0}
    specimen = make_atomic("srtio3", 2, per_1000_nm2=density, extent_nm=16.0, contamination=0.0, depth=1.0)
    grid = SamplingGrid(rows=192, cols=192, height_nm=18.0, width_nm=18.0)
    exposure = Exposure(grid=grid, dwell_time_us=4.0, beam_current_pa=50.0)
    frame = record_frame(specimen, exposure, np.random.default_rng(2))
    points = (specimen.defects_nm / 18.0 + 0.5) * 192 - 0.5
    return scene_of(frame, [tuple(p) for p in points], specimen=specimen, exposure=exposure)


def spot(sign: float) -> np.ndarray:
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    away = (y - PLANTED_PX[0]) ** 2 + (x - PLANTED_PX[1]) ** 2
    noise = np.random.default_rng(4).normal(100, 3, (SIDE_PX, SIDE_PX))
    return noise + sign * 20 * np.exp(-away / (2 * 4.0**2))


def place_of(values: np.ndarray, point: tuple[float, float]) -> float:
    """Share of the area that has to be scanned until the point is captured, by squares of 7 px."""
    spread = ndimage.maximum_filter(values, 7)
    return float((spread >= spread[round(point[0]), round(point[1])]).mean())


@pytest.mark.parametrize(
    "name",
    [
        *marked([name for name, one in RIVALS.items() if not one.slow]),
        *(pytest.param(n, marks=[pytest.mark.network, pytest.mark.slow]) for n, one in RIVALS.items() if one.slow),
    ],
)
def test_every_rival_answers_for_the_whole_frame_and_the_same_again(name: str) -> None:
    one = installed(name)
    scene = scene_of(lattice(96)) if one.slow else atomic_scene()
    assert one.can_see(scene)
    if one.score is not None:
        first, again = one.score(scene), one.score(scene)
        assert first.shape == scene.preview.shape
        assert first.dtype == np.float64
        assert np.isfinite(first).all()
        assert first.std() > 0
        assert np.array_equal(first, again)
    else:
        rectangles = list(one.regions(scene))
        assert rectangles == list(one.regions(scene))
        for top, left, height, width in rectangles:
            assert min(height, width) >= REGION_PX
            assert 0 <= top <= scene.preview.shape[0] - height
            assert 0 <= left <= scene.preview.shape[1] - width


@pytest.mark.parametrize(
    ("name", "array"),
    [
        *(("local_variance", spot(sign)) for sign in (1, -1)),
        ("brightest", spot(1)),
        ("darkest", spot(-1)),
        ("self_similarity_prototype", lattice()),
        *(
            pytest.param(name, lattice(), marks=pytest.mark.network)
            for name in ("patchcore", "mahalanobis", "deepscan")
        ),
        pytest.param("described_pipeline", spot(2), marks=pytest.mark.network),
    ],
)
def test_what_a_rival_is_made_for_it_finds(name: str, array: np.ndarray) -> None:
    share = 0.2 if name == "described_pipeline" else 0.02  # its smallest patch is a sixteenth of this frame
    assert place_of(installed(name).score(scene_of(array)), PLANTED_PX) <= share


def test_a_perfect_lattice_has_nothing_for_the_prototype_at_that_place() -> None:
    score = rival("self_similarity_prototype").score
    there = tuple(slice(int(p) - 3, int(p) + 4) for p in PLANTED_PX)
    assert score(scene_of(lattice()))[there].max() > 3 * score(scene_of(lattice(missing=False)))[there].max()


@pytest.mark.parametrize("name", marked(["local_variance", "self_similarity_prototype", "patchcore", "mahalanobis"]))
def test_gain_and_offset_of_the_detector_change_nothing(name: str) -> None:
    one, other = (rival(name).score(scene_of(array)) for array in (lattice(), 4 * lattice() + 64))
    np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3 * float(one.max()))


@pytest.mark.parametrize("name", marked([n for n in RIVALS if n not in ("ideal_observer", "oracle", "speckle")]))
def test_a_constant_image_gives_a_constant_map(name: str) -> None:
    one = installed(name)
    scene = scene_of(np.full((64, 80), 7.0))
    if one.score is not None:
        assert np.ptp(one.score(scene)) == 0
    else:
        assert len(one.regions(scene)) == 4 * 5


@pytest.mark.parametrize("shape", [(128, 128), (70, 133), (16, 40)])
@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_cover_the_frame_once(name: str, shape: tuple[int, int]) -> None:
    times = np.zeros(shape, int)
    for top, left, height, width in rival(name).regions(scene_of(np.zeros(shape))):
        times[top : top + height, left : left + width] += 1
    assert (times == 1).all()


def test_a_raster_runs_in_lines_and_a_quarter_of_a_dot_grid_is_a_grid() -> None:
    scene = scene_of(np.zeros((128, 128)))
    raster = list(rival("raster").regions(scene))
    assert raster == sorted(raster)
    quarter = list(rival("dot_grid").regions(scene))[:16]
    for axis in (0, 1):
        assert np.unique(np.diff(sorted({tile[axis] for tile in quarter}))).tolist() == [2 * REGION_PX]


def speckled(scene: Scene, share: float) -> list[Rectangle]:
    values = ScoreMap(rival("speckle").score(scene).astype(np.float32), kind="similarity")
    size = (scene.region_px, scene.region_px)
    found = select_regions(values, Selection(size_px=size, area_fraction=share))
    return [(round(r.center_px[0] - 7.5), round(r.center_px[1] - 7.5), *size) for r in found]


@pytest.mark.parametrize("name", [*PATTERNS, "speckle"])
def test_patterns_earn_what_their_area_is(name: str) -> None:
    """Over 200 seeds and uniform points: the captured share is the area's, within four standard errors."""
    captured = []
    for seed in range(200):
        scene = scene_of(np.zeros((128, 128)), seed=seed)
        eighth = 64 // 8
        chosen = speckled(scene, 0.125) if name == "speckle" else list(rival(name).regions(scene))[:eighth]
        covered = np.zeros((128, 128), bool)
        for top, left, height, width in chosen:
            covered[top : top + height, left : left + width] = True
        assert covered.mean() == pytest.approx(0.125)
        points = np.random.default_rng([seed, 99]).integers(0, 128, (20, 2))
        captured.append(covered[points[:, 0], points[:, 1]].mean())
    error = np.std(captured) / np.sqrt(len(captured))
    assert abs(np.mean(captured) - 0.125) < 4 * error


def covers(rectangles: Sequence[Rectangle], points: np.ndarray) -> bool:
    def holds(rectangle: Rectangle, point: np.ndarray) -> bool:
        top, left, height, width = rectangle
        return bool(top - 0.5 <= point[0] < top + height - 0.5 and left - 0.5 <= point[1] < left + width - 0.5)

    return all(any(holds(one, point) for one in rectangles) for point in points)


def test_the_oracle_needs_one_square_a_defect_where_they_are_far_apart() -> None:
    grid = np.array([(y, x) for y in (3.4, 40.0, 80.6, 124.0) for x in (0.2, 50.5, 127.2)])
    found = list(oracle(scene_of(np.zeros((128, 128)), [tuple(p) for p in grid])))
    assert len(found) == len(grid)
    assert covers(found, grid)
    middles = [(top + 7.5, left + 7.5) for top, left, _, _ in found]
    assert min(abs(y - 40) + abs(x - 50.5) for y, x in middles) <= 1  # centred where the frame allows


def test_the_oracle_takes_the_fullest_square_first_and_shares_squares() -> None:
    points = [(20.0, 20.0), (30.0, 33.0), (20.0, 33.0), (90.0, 90.0), (100.0, 91.0), (110.0, 10.0)]
    found = list(oracle(scene_of(np.zeros((128, 128)), points)))
    assert len(found) == 3
    assert covers(found[:1], np.array(points[:3]))
    assert covers(found[:2], np.array(points[:5]))
    assert covers(found, np.array(points))


def test_the_oracle_of_an_area_is_its_area() -> None:
    mask = np.zeros((128, 128), bool)
    mask[32:64, 48:64] = True  # two squares exactly
    mask[100, 10:26] = True  # a line one square long
    found = list(oracle_over_mask(mask, 16))
    assert len(found) == 3
    assert sorted(found[:2]) == [(32, 48, 16, 16), (48, 48, 16, 16)]
    assert found[2][1] == 10
    assert list(oracle(scene_of(np.zeros((128, 128)), mask=mask))) == found


def test_the_oracle_counts_points_and_areas_by_their_share() -> None:
    mask = np.zeros((128, 128), bool)
    mask[90:98, 90:98] = True  # all of the area in one square: worth as much as all points together
    found = list(oracle(scene_of(np.zeros((128, 128)), [(20.0, 20.0), (60.0, 20.0)], mask=mask)))
    assert len(found) == 3
    assert found[0][0] <= 90 <= found[0][0] + 8
    assert covers(found, np.array([(20, 20), (60, 20), (93, 93)]))


def test_greedy_squares_always_take_what_adds_most(rng: np.random.Generator) -> None:
    worth = rng.random((40, 50)) * (rng.random((40, 50)) < 0.1)
    found, left, last = greedy_squares(worth, 8), worth.copy(), np.inf
    for top, leftmost, side, _ in found:
        best = ndimage.uniform_filter(left, 8, mode="constant", origin=0)[4:-3, 4:-3].max() * 64
        here = left[top : top + side, leftmost : leftmost + side]
        assert here.sum() == pytest.approx(best)
        assert here.sum() <= last + 1e-12
        last = float(here.sum())
        here[:] = 0
    assert left.max() == 0


def test_no_truth_gives_the_oracle_nothing_and_real_images_no_ideal_observer() -> None:
    scene = scene_of(np.zeros((64, 64)))
    assert list(oracle(scene)) == []
    assert not rival("ideal_observer").can_see(scene)
    with pytest.raises(InputError, match="no known specimen"):
        rival("ideal_observer").score(scene)


def test_the_ideal_observer_beats_everyone_on_visible_defects() -> None:
    scene = atomic_scene()
    places = {
        name: np.mean([place_of(rival(name).score(scene), tuple(p)) for p in scene.points_px])
        for name in ("ideal_observer", "self_similarity_prototype", "local_variance", "brightest", "speckle")
    }
    assert min(places, key=places.get) == "ideal_observer"
    assert places["ideal_observer"] < 0.02
    assert places["self_similarity_prototype"] < 0.25 * places["speckle"]


def test_a_coreset_holds_one_of_each_cluster(rng: np.random.Generator) -> None:
    middles = 50 * np.eye(6, 200, dtype=np.float32)  # more features than the projection keeps
    rows = np.repeat(middles, 30, axis=0) + rng.normal(0, 0.1, (180, 200)).astype(np.float32)
    chosen = greedy_coreset(rows, share=6 / 180, seed=1)
    assert sorted(chosen // 30) == list(range(6))


def test_the_nearest_elsewhere_is_that_of_a_plain_search(rng: np.random.Generator) -> None:
    table = rng.normal(size=(60, 5)).astype(np.float32)
    centers = rng.uniform(0, 100, (60, 2))
    memory = rng.choice(60, 25, replace=False)
    found = nearest_elsewhere(table, centers, memory, away_px=30.0)
    for k in range(60):
        far = [m for m in memory if np.abs(centers[m] - centers[k]).max() >= 30]
        assert found[k] == pytest.approx(min(np.linalg.norm(table[m] - table[k]) for m in far), rel=1e-3)


def test_mahalanobis_distances_have_their_closed_form(rng: np.random.Generator) -> None:
    one = rng.normal(3, 2, (500, 1))
    expected = np.abs(one - one.mean()).ravel() / np.sqrt(one.var(ddof=1) + RIDGE)
    np.testing.assert_allclose(mahalanobis_distances(one), expected)
    several = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4))
    inverse = np.linalg.inv(np.cov(several.T) + RIDGE * np.eye(4))
    away = several - several.mean(axis=0)
    np.testing.assert_allclose(mahalanobis_distances(several) ** 2, np.einsum("ni,ij,nj->n", away, inverse, away))


def test_the_described_pipeline_has_the_described_patches() -> None:
    corners = patch_corners((512, 512))
    assert sum(side == 32 for _, _, side in corners) == 31**2
    assert sum(side == 64 for _, _, side in corners) == 15**2
    assert max(top + side for top, _, side in corners) == 512


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="not known: give one of raster, random"):
        rival("magic")
    with pytest.raises(InputError, match="not both"):
        Rival(name="x", title="x", source="x")
    assert all(name == one.name for name, one in RIVALS.items())
    assert all(one.extra == "rivals" for one in RIVALS.values() if one.package)


def test_without_anomalib_its_rival_says_what_to_install() -> None:
    one = rival("anomalib_patchcore")
    if one.is_installed:
        pytest.skip("anomalib is installed here")
    pytest.importorskip("torch")
    with pytest.raises(MissingError, match=r"pip install 'nionswift-deepscan\[rivals\]'"):
        one.score(scene_of(lattice()))


def test_scenes_refuse_truth_that_does_not_fit() -> None:
    with pytest.raises(InputError, match="points of shape"):
        scene_of(np.zeros((64, 64)), d_primes=np.ones(3))
    with pytest.raises(InputError, match="a mask of shape"):
        scene_of(np.zeros((64, 64)), mask=np.zeros((2, 2), bool))
    with pytest.raises(InputError, match="do not fit"):
        scene_of(np.zeros((64, 64)), region_px=65)
