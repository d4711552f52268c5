"""Suites: what the scenes hold, and that nobody gains where nothing is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepscan_core.benchmarking import planted_scenes, real_scenes
from deepscan_core.benchmarking.meter import BUDGETS, Meter
from deepscan_core.benchmarking.rivals import RIVALS
from deepscan_core.benchmarking.run import run, tasks_of
from deepscan_core.benchmarking.strategies import false_regions, outcomes
from deepscan_core.benchmarking.suites import SUITES, Plan, suites
from deepscan_core.errors import InputError

LOOKING = [
    name
    for name, one in RIVALS.items()
    if one.is_installed and not one.needs_truth and not one.slow and one.score is not None
]


def test_an_atomic_scene_has_the_spacing_and_the_counts_of_its_turn() -> None:
    scene = planted_scenes.atomic_scene("gold", 0, 256)
    turn = planted_scenes.CONDITIONS[planted_scenes.ATOMIC.index("gold") % len(planted_scenes.CONDITIONS)]
    assert scene.specimen is not None
    vectors_nm = scene.specimen.lattice.vectors_nm  # type: ignore[attr-defined]
    assert np.hypot(*vectors_nm.T).min() / scene.preview.pixel_size_nm[0] == pytest.approx(turn[0])
    assert np.quantile(scene.preview.array, 0.995) == pytest.approx(turn[1], rel=0.5)
    assert len(scene.points_px) == len(scene.d_primes) > 0
    assert (scene.d_primes > 0).all()
    assert ((scene.points_px >= -0.5) & (scene.points_px <= 255.5)).all()
    again = planted_scenes.atomic_scene("gold", 0, 256)
    assert np.array_equal(scene.preview.array, again.preview.array)


def test_truth_with_an_extent_becomes_a_mask() -> None:
    scene = planted_scenes.micro_scene("powder", 0, 128)
    assert scene.mask is not None
    assert 0 < scene.mask.mean() < 0.3
    assert len(scene.points_px) == 0
    quarter = planted_scenes.micro_scene("powder", 1, 128)
    assert scene.exposure is not None
    assert quarter.exposure is not None
    assert quarter.exposure.electrons_a_sample == pytest.approx(scene.exposure.electrons_a_sample / 4)


@pytest.mark.parametrize("name", ["mos2-bicrystal", "cracks", "terraces"])
def test_a_clean_scene_holds_nothing(name: str) -> None:
    scene = planted_scenes.clean_scene(name, 0, 128)
    assert len(scene.points_px) == 0
    assert scene.mask is None


def test_every_planted_suite_keeps_its_previews_below_five_percent() -> None:
    """The meter refuses dearer ones; the shortest dwell times are those of microstructures and of gold."""
    for make, name in ((planted_scenes.micro_scene, "powder"), (planted_scenes.atomic_scene, "gold")):
        for seed in (0, 1):
            assert Meter(make(name, seed, 256)).ledger.preview_share <= 0.05


def test_suites_are_chosen_by_name() -> None:
    assert [suite.name for suite in suites([])] == list(SUITES)
    assert [suite.name for suite in suites(["noise"])] == ["noise"]
    with pytest.raises(InputError, match="atomic, microstructures"):
        suites(["nonsense"])


def test_no_two_frames_of_a_suite_share_a_seed() -> None:
    """Else strategies that do not look would go to the same places in all kinds, and the interval would be too narrow."""
    for names in (planted_scenes.ATOMIC, planted_scenes.MICRO + planted_scenes.SURFACE):
        seeds = [planted_scenes.own_seed(name, seed) for name in names for seed in range(6)]
        assert len(set(seeds)) == len(seeds)
    scenes = [planted_scenes.micro_scene(name, 0, 128) for name in ("pores", "particles")]
    first, second = (RIVALS["random"].regions(scene)[:3] for scene in scenes)  # type: ignore[misc]
    assert list(first) != list(second)


def test_the_full_suite_tries_every_kind_of_specimen() -> None:
    kinds = {task.shot.kind for task in tasks_of(suites([]), Plan())}
    assert kinds >= {*planted_scenes.ATOMIC, *planted_scenes.MICRO, *planted_scenes.SURFACE, "noise"}
    quick = tasks_of(suites([]), Plan(quick=True))
    assert len(quick) < len(tasks_of(suites([]), Plan())) / 3
    assert len(tasks_of(suites(["noise"]), Plan(seeds=5))) == 5
    assert tasks_of(suites(["real"]), Plan()) == []


@pytest.mark.parametrize("name", [n for n in LOOKING if n in ("speckle", "local_variance", "brightest", "darkest")])
def test_on_white_noise_a_plain_look_gains_nothing(name: str) -> None:
    check_no_gain(name, frames=12)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("name", [n for n in LOOKING if n not in ("speckle", "local_variance", "brightest", "darkest")])
def test_on_white_noise_no_method_gains_anything(name: str) -> None:
    check_no_gain(name, frames=5)


def check_no_gain(name: str, frames: int) -> None:
    """Captured is area, within four standard errors of so many marks."""
    excess = []
    for seed in range(frames):
        scene = planted_scenes.noise_scene("noise", seed, 240)
        for outcome in outcomes(RIVALS[name], scene):
            readings = {(r.measure, r.budget): r.value for r in Meter(scene).read(outcome.rectangles)}
            excess.append([readings["captured", b] - readings["area_share", b] for b in BUDGETS])
    marks = frames * planted_scenes.NOISE_POINTS
    for budget, gain in zip(BUDGETS, np.mean(excess, axis=0), strict=True):
        assert abs(gain) < 4 * np.sqrt(budget * (1 - budget) / marks) + 1e-3


@pytest.mark.network
def test_asking_for_more_false_regions_shows_at_least_as_many() -> None:
    counts = [reading.value for reading in false_regions(planted_scenes.clean_scene("gold", 0, 128))]
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    "names",
    [
        ("random", "dot_grid", "speckle", "brightest"),
        pytest.param(("deepscan", "patchcore"), marks=[pytest.mark.network, pytest.mark.slow]),
    ],
)
def test_the_same_seed_gives_the_same_numbers(names: tuple[str, ...]) -> None:
    tasks = tasks_of(suites(["surface"]), Plan(quick=True, seeds=1))
    first, second = (run(tasks, [RIVALS[name] for name in names]).rows for _ in range(2))
    assert first == second
    assert len(first) > 100


def written(folder: Path, *, truth: np.ndarray | str) -> Path:
    folder.mkdir()
    frame = np.zeros((1030, 1030), np.uint8)
    frame[100:140, 200:240] = 255
    Image.fromarray(frame).save(folder / "a.png")
    if isinstance(truth, str):
        (folder / "a_atoms.csv").write_text(truth, encoding="utf-8")
    else:
        Image.fromarray(truth).save(folder / "a_mask.png")
    return folder / "a.png"


def test_a_real_frame_is_averaged_with_its_truth(tmp_path: Path) -> None:
    marks = np.zeros((1030, 1030), np.uint8)
    marks[99:141, 201:240], marks[500:, :] = 2, 1
    path = written(tmp_path / "sem_ebc_cracks", truth=marks)
    assert real_scenes.files_of(tmp_path, "cracks") == [path]
    scene = real_scenes.real_scene("cracks", path)
    assert scene.preview.shape == (343, 343)  # blocks of 3
    assert scene.mask is not None
    assert scene.mask[34:46, 67:79].all()
    assert scene.mask.sum() == 14 * 13  # class 1 is no crack; blocks at least half marked are


def test_points_move_with_the_blocks(tmp_path: Path) -> None:
    path = written(tmp_path / "stem_pt_single_atoms", truth="x_px,y_px\n201,100\n3000,0\n")
    scene = real_scenes.real_scene("atoms", path)
    assert scene.points_px == pytest.approx(np.array([[(100 + 0.5) / 3 - 0.5, (201 + 0.5) / 3 - 0.5]]))
    assert np.isnan(scene.d_primes).all()
    assert scene.preview.pixel_size_nm == pytest.approx((3 * 0.029297,) * 2)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "x_px,y_px\n1,two\n"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "stem_pt_single_atoms", truth=text)
    with pytest.raises(InputError, match="x_px and y_px"):
        real_scenes.real_scene("atoms", path)


def test_a_frame_without_marks_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "sem_ebc_cracks", truth=np.zeros((1030, 1030), np.uint8))
    with pytest.raises(InputError, match="nothing is marked"):
        real_scenes.real_scene("cracks", path)


def test_every_real_set_is_read(shared_data: Path) -> None:
    for name in real_scenes.SETS:
        files = real_scenes.files_of(shared_data, name)
        assert len(files) >= 3
        scene = real_scenes.real_scene(name, files[0])
        assert min(scene.preview.shape) <= 512
        assert Meter(scene).ledger.preview_share <= 0.05
        assert len(scene.points_px) > 10 or (scene.mask is not None and 0.001 < scene.mask.mean() < 0.3)
