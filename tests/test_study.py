"""The public Python surface, as in the contract."""

from __future__ import annotations

import numpy as np
import pytest

import deepscan_core as ds
from deepscan_core.errors import CalibrationError
from deepscan_core.scoring import self_similarity
from tests.conftest import spot_image

PLACES = [(60.0, 60.0), (60.0, 190.0), (190.0, 60.0), (180.0, 180.0)]


def study(**settings: object) -> ds.Study:
    image = ds.CalibratedImage(spot_image((256, 256), PLACES), pixel_size_nm=0.2)
    return ds.Study(image, **({"backbone": "classical"} | settings))  # type: ignore[arg-type]


def test_surprisal_finds_the_planted_spots() -> None:
    one = study()
    score_map = one.surprisal()
    assert score_map.kind == "surprisal"
    assert score_map.values.dtype == np.float32
    assert score_map.values.shape == (256, 256)
    regions = one.regions(score_map, area_fraction=0.05, region_size_px=20)
    for y, x in PLACES:
        assert any(abs(r.center_px[0] - y) <= 10 and abs(r.center_px[1] - x) <= 10 for r in regions)
    assert regions[0].size_nm == pytest.approx((4, 4))
    assert one.image.context().px_from_nm(regions[0].center_nm or (0, 0)) == pytest.approx(regions[0].center_px)


@pytest.mark.network
def test_words_look_at_an_image_once_and_share_the_backbones_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    import deepscan_core.kept as module
    from deepscan_core.features.words import load_word_model
    from deepscan_core.features.words.own import OwnModel

    passes, looks = [], []
    extract, decoded = module.extract, OwnModel._decoded
    monkeypatch.setattr(module, "extract", lambda *a: passes.append(1) or extract(*a))
    monkeypatch.setattr(OwnModel, "_decoded", lambda *a: looks.append(1) or decoded(*a))
    load_word_model()
    one = study(backbone="tf_efficientnet_lite0")
    first = one.search("bright round spots")
    seen = len(looks)
    assert seen == 3
    again = one.search("bright round spots")
    one.search("cracks, not scratches")
    one.surprisal()
    assert len(looks) == seen
    assert len(passes) == 1
    assert np.array_equal(first.values, again.values)
    assert one.kept_bytes > first.values.nbytes


def test_a_map_of_words_gives_no_region_where_something_else_explains_it_better() -> None:
    one = study()
    low = ds.ScoreMap(np.full((256, 256), -0.1, np.float32) + 0.05 * np.eye(256, dtype=np.float32), kind="similarity")
    assert one.regions(low, area_fraction=0.1) == ()
    high = np.full((256, 256), -1.0, np.float32)
    high[60, 60] = 0.2
    assert len(one.regions(ds.ScoreMap(high, kind="similarity"), area_fraction=0.1)) == 1


def test_features_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import deepscan_core.kept as module

    calls = []
    original = module.extract
    monkeypatch.setattr(module, "extract", lambda *a: calls.append(1) or original(*a))
    one = study()
    one.surprisal()
    one.surprisal()
    one.teach([PLACES[0]], [])
    assert len(calls) == 1


def test_a_further_click_computes_no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    import deepscan_core.kept as kept_module
    import deepscan_core.study as study_module

    one = study()
    first = one.teach([PLACES[0]]).values

    def again(*args: object, **kwargs: object) -> None:
        pytest.fail("features were made again")

    for name in ("extract", "extract_patches", "statistics_maps", "residual_features"):
        monkeypatch.setattr(kept_module, name, again)
    for name in ("draw_sample", "surprisal_map"):
        monkeypatch.setattr(study_module, name, again)
    assert not np.array_equal(one.teach([PLACES[0], PLACES[1]]).values, first)
    assert np.array_equal(one.teach([PLACES[0]]).values, first)  # the second click undone
    one.suggest_click([PLACES[0]])


def test_one_click_finds_the_others() -> None:
    one = study()
    score_map = one.teach([PLACES[0]], [(120.0, 30.0)])
    assert score_map.kind == "probability"
    assert score_map.values.min() >= 0
    assert score_map.values.max() <= 1
    regions = one.regions(score_map, area_fraction=0.05, region_size_px=20)
    for y, x in PLACES:
        assert any(abs(r.center_px[0] - y) <= 10 and abs(r.center_px[1] - x) <= 10 for r in regions)


def test_expected_false_regions_raise_the_level_and_need_a_surprisal() -> None:
    one = study()
    strict = one.regions(one.surprisal(), expected_false_regions=0.1, region_size_px=20)
    loose = one.regions(one.surprisal(), expected_false_regions=5, region_size_px=20)
    assert len(strict) <= len(loose)
    with pytest.raises(ds.DeepScanError, match="area_fraction"):
        one.regions(one.teach([PLACES[0]]), expected_false_regions=1)
    with pytest.raises(ds.DeepScanError, match="false_share needs a surprisal map"):
        one.regions(one.teach([PLACES[0]]), false_share=0.1)


def test_a_false_share_is_none_of_nothing_and_grows_with_what_there_is() -> None:
    one = study()
    few, many = (one.regions(one.surprisal(), false_share=share, region_size_px=20) for share in (0.01, 0.5))
    assert 0 < len(few) <= len(many)
    flat = ds.ScoreMap(np.zeros(one.image.shape), kind="surprisal")
    assert one.regions(flat, false_share=0.5) == ()


def test_sizes_in_nm_need_a_pixel_size() -> None:
    one = study()
    (region, *_) = one.regions(one.surprisal(), area_fraction=0.05, region_size_nm=(4.0, 6.0))
    assert region.size_px == (20, 30)
    bare = ds.Study(ds.CalibratedImage(one.image.array), backbone="classical")
    with pytest.raises(CalibrationError, match="--pixel-size-nm"):
        bare.regions(bare.surprisal(), area_fraction=0.05, region_size_nm=4)


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (33, 500)])
@pytest.mark.parametrize("backbone", ["classical", pytest.param("tf_efficientnet_lite0", marks=pytest.mark.network)])
def test_small_and_narrow_images_work(shape: tuple[int, int], backbone: str) -> None:
    image = ds.CalibratedImage(np.random.default_rng(0).random(shape))
    one = ds.Study(image, backbone=backbone)
    score_map = one.surprisal()
    assert score_map.shape == shape
    one.regions(score_map, area_fraction=0.5, region_size_px=8)
    assert one.teach([(3.0, 3.0)]).shape == shape


@pytest.mark.parametrize("array", [np.ones((64, 64)), np.zeros((64, 64), np.uint8)])
@pytest.mark.parametrize("backbone", ["classical", pytest.param("tf_efficientnet_lite0", marks=pytest.mark.network)])
def test_a_constant_image_surprises_nobody(array: np.ndarray, backbone: str) -> None:
    one = ds.Study(ds.CalibratedImage(array), backbone=backbone)
    assert np.ptp(one.surprisal().values) == 0
    assert one.regions(one.surprisal(), area_fraction=0.2) == ()


@pytest.mark.network
def test_the_same_seed_gives_the_same_map_with_the_network() -> None:
    array = spot_image((128, 160), [(60.0, 60.0)])
    first, second = (ds.Study(ds.CalibratedImage(array), seed=3).surprisal().values for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.network
def test_gain_and_offset_of_the_detector_do_not_matter() -> None:
    array = spot_image((192, 192), [(60.0, 60.0)])
    plain = ds.Study(ds.CalibratedImage(array)).surprisal().values
    other = ds.Study(ds.CalibratedImage(array * 37 - 900)).surprisal().values
    assert np.corrcoef(plain.ravel(), other.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("clicks", [[(5,)], (100, 100), [("a", 1)], [(1.0, float("nan"))], "here"])
def test_clicks_that_are_no_pairs_are_refused_in_words(clicks: object) -> None:
    with pytest.raises(ds.DeepScanError, match="pairs"):
        study().teach(clicks)  # type: ignore[arg-type]
    assert study().teach(np.array([PLACES[0]])).kind == "probability"  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "1"])
def test_a_seed_that_no_generator_takes_is_refused(seed: object) -> None:
    with pytest.raises(ds.DeepScanError, match="seed is"):
        ds.Study(ds.CalibratedImage(np.zeros((32, 32))), seed=seed)  # type: ignore[arg-type]


def test_map_and_description_work_self_similarity_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out: list[object] = []
    found = self_similarity.residual_sigmas
    monkeypatch.setattr(
        self_similarity, "residual_sigmas", lambda *args, **named: worked_out.append(args) or found(*args, **named)
    )
    study = ds.Study(ds.CalibratedImage(spot_image((96, 96), [(40.0, 50.0)])), backbone="classical")
    regions = study.regions(study.surprisal(), expected_false_regions=1, region_size_px=16)
    assert study.describe(regions)[0] == "bright spot"
    assert len(worked_out) == 1
    assert study.kept_bytes > 8 * 96 * 96
