"""Maps of a view that changes: settings, clicks, and what is kept between two looks."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.live import maps
from deepscan_core.live.clicks import (
    Click,
    classes_of,
    clicks_from_json,
    clicks_to_json,
    examples_px,
    of_one_class,
)
from deepscan_core.live.lessons import ExamplesStore
from deepscan_core.live.results import ResultStore
from deepscan_core.live.settings import MapSettings
from deepscan_core.live.studies import MOST_VIEWS, StudyStore
from deepscan_core.live.tables import COLUMNS, table_of, unit_of
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import ScanRegion
from deepscan_core.study import Study
from tests.conftest import spot_image
from tests.word_model import BrightOrDark

CLASSICAL = MapSettings(backbone="classical")
PLACES = [(60.0, 60.0), (60.0, 190.0), (190.0, 60.0), (180.0, 180.0)]


def image(places: list[tuple[float, float]] = PLACES, *, seed: int = 0) -> CalibratedImage:
    return CalibratedImage(spot_image((256, 256), places, seed=seed), pixel_size_nm=0.2)


def click(place: tuple[float, float], **more: Any) -> Click:
    return Click(y_frac=(place[0] + 0.5) / 256, x_frac=(place[1] + 0.5) / 256, **more)


def around(values: np.ndarray, place: tuple[float, float]) -> float:
    y, x = (round(p) for p in place)
    return float(values[y - 4 : y + 5, x - 4 : x + 5].max())


def test_settings_survive_a_round_trip_and_old_ones_load() -> None:
    settings = MapSettings(backbone="classical", seed=3, scorer="spots", scales=(1.0, 0.5), false_share=0.1)
    assert MapSettings.from_json(settings.to_json()) == settings
    assert MapSettings.from_json('{"backbone": "classical", "seed": 0}') == CLASSICAL
    assert MapSettings.from_json("") == MapSettings.from_json("{}") == MapSettings()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "keys out of backbone, seed, scorer, scales"),
        ("[1]", "keys out of backbone"),
        ('{"model": "x"}', "keys out of backbone"),
        ('{"backbone": 3}', "backbone is 3"),
        ('{"seed": -1}', "seed is -1"),
        ('{"scorer": "best"}', "give one of surprisal"),
        ('{"scales": 1}', "scales is 1"),
        ('{"scales": [0]}', "above zero"),
        ('{"false_share": "many"}', "false_share is 'many'"),
        ('{"region_size_px": 0}', "region_size_px is 0"),
        ('{"live": 1}', "live is 1"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_words(text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        MapSettings.from_json(text)


def test_without_a_rule_one_false_region_is_expected() -> None:
    assert MapSettings().region_options()["expected_false_regions"] == 1.0
    assert MapSettings(area_fraction=0.1).region_options()["expected_false_regions"] is None


def test_clicks_are_read_as_fractions_of_the_frame() -> None:
    text = json.dumps(
        [
            {"y_frac": 0.125, "x_frac": 0.25, "positive": True},
            {"y_frac": 0.5, "x_frac": 1.0, "positive": False, "frame": "f"},
            {"y_frac": 0.5, "x_frac": 0.0, "positive": True, "class": "vacancy"},
        ]
    )
    first, second, third = clicks_from_json(text)
    assert first.at_px((4, 8)) == (0.0, 1.5)
    assert (first.class_name, second.class_name, third.class_name) == ("target", None, "vacancy")
    assert second.frame == "f"
    assert classes_of([first, second, third]) == ("target", "vacancy")
    assert clicks_from_json("") == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{}", "JSON list of objects with the keys y_frac"),
        ("nonsense", "JSON list"),
        ('[{"y_frac": 0.5}]', "y_frac, x_frac and positive"),
        ('[{"y_frac": 0.5, "x_frac": 0.5, "positive": true, "colour": "red"}]', "and perhaps class and frame"),
        ('[{"y_frac": 1.5, "x_frac": 0.5, "positive": true}]', "fractions from 0 to 1"),
        ('[{"y_frac": "a", "x_frac": 0.5, "positive": true}]', "finite number"),
        ('[{"y_frac": 0.5, "x_frac": 0.5, "positive": 1}]', "give true or false"),
        ('[{"y_frac": 0.5, "x_frac": 0.5, "positive": true, "class": ""}]', "class is ''"),
        ('[{"y_frac": 0.5, "x_frac": 0.5, "positive": true, "frame": 7}]', "frame is 7"),
    ],
)
def test_clicks_that_cannot_be_used_are_refused_in_words(text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        clicks_from_json(text)


def test_a_positive_click_of_one_class_is_a_negative_one_of_the_others() -> None:
    a, b = click((1, 2), class_name="a"), click((3, 4), class_name="b")
    nothing, not_a = (click((5, 6), is_positive=False, class_name=name) for name in (None, "a"))
    positives, negatives = examples_px([a, b, nothing, not_a], "a", (256, 256))
    assert np.allclose(positives, [(1, 2)])
    assert np.allclose(negatives, [(3, 4), (5, 6), (5, 6)])
    assert np.allclose(examples_px([a, b, nothing, not_a], "b", (256, 256))[1], [(1, 2), (5, 6)])


def test_a_click_finds_the_other_spots() -> None:
    found = maps.teach(image(), [click(PLACES[0])], CLASSICAL)
    assert found.kind == "probability"
    assert min(around(found.values, place) for place in PLACES) > 0.5
    assert np.median(found.values) < 0.1


def test_what_is_learned_is_the_frame_that_was_clicked_not_the_present_one() -> None:
    """The clicked place is empty in the present frame; learned from there it would find background."""
    present_places = [(100.0, 40.0), (220.0, 220.0)]
    present, clicked = image(present_places, seed=1), image()
    clicks = [click(PLACES[0], frame="then")]
    found = maps.teach(present, clicks, CLASSICAL, frame_of={"then": clicked}.__getitem__)
    assert min(around(found.values, place) for place in present_places) > 0.5
    assert np.median(found.values) < 0.1
    misled = maps.teach(present, [click(PLACES[0])], CLASSICAL)
    assert max(around(misled.values, place) for place in present_places) < 0.5
    with pytest.raises(InputError, match="no frames are at hand"):
        maps.teach(present, clicks, CLASSICAL)


def two_kinds() -> CalibratedImage:
    """Bright spots at the places above, and two dark ones."""
    dark = spot_image((256, 256), [(120.0, 120.0), (230.0, 120.0)], seed=5)
    return CalibratedImage(spot_image((256, 256), PLACES) - (dark - 100))


def test_of_several_classes_the_map_shows_the_highest_probability() -> None:
    bright, dark = click(PLACES[0], class_name="bright"), click((120.0, 120.0), class_name="dark")
    both = maps.teach(two_kinds(), [bright, dark], CLASSICAL)
    alone = maps.teach(two_kinds(), [bright, click((120.0, 120.0), is_positive=False)], CLASSICAL)
    assert min(around(both.values, place) for place in [*PLACES, (120.0, 120.0), (230.0, 120.0)]) > 0.5
    assert around(alone.values, (230.0, 120.0)) < 0.5
    assert both.label == "like bright, dark"


def test_a_click_is_suggested_for_the_class_with_the_fewest_examples() -> None:
    bright = [click(place, class_name="bright") for place in PLACES[:2]]
    dark = click((120.0, 120.0), class_name="dark")
    suggested = maps.suggest_click(two_kinds(), [*bright, dark], CLASSICAL)
    assert (suggested.class_name, suggested.is_positive, suggested.frame) == ("dark", True, None)
    y, x = suggested.at_px((256, 256))
    assert min(np.hypot(y - a, x - b) for a, b in [*PLACES[:2], (120.0, 120.0)]) >= 8


@pytest.mark.parametrize("frame", [None, "then"])
def test_no_place_is_suggested_that_was_clicked_even_on_an_earlier_frame(frame: str | None) -> None:
    clicks = [click(place, frame=frame) for place in PLACES]
    for _ in range(6):
        suggested = maps.suggest_click(image(), clicks, CLASSICAL, frame_of=lambda name: image())
        y, x = suggested.at_px((256, 256))
        assert min(np.hypot(y - a, x - b) for a, b in (one.at_px((256, 256)) for one in clicks)) >= 8
        clicks.append(click((y, x), frame=frame, is_positive=False))


def region_around(place: tuple[float, float]) -> ScanRegion:
    return ScanRegion(center_px=place, size_px=(24, 24), score=1.0)


def test_a_region_is_explained_by_the_likeliest_class_and_its_clicks_on_this_very_image() -> None:
    bright, dark = click(PLACES[0], class_name="bright"), click((120.0, 120.0), class_name="dark")
    for clicks in ([bright, dark], [dark, bright]):
        at_bright = maps.explain(two_kinds(), region_around(PLACES[1]), CLASSICAL, clicks=clicks)
        at_dark = maps.explain(two_kinds(), region_around((230.0, 120.0)), CLASSICAL, clicks=clicks)
        assert at_bright.likeness is not None
        assert at_dark.likeness is not None
        assert at_bright.likeness.nearest[0].at_px == pytest.approx(PLACES[0])
        assert at_dark.likeness.nearest[0].at_px == pytest.approx((120.0, 120.0))
        assert at_bright.likeness.probability > 0.5 < at_dark.likeness.probability
        assert at_bright.neighbours.are_clicks
        assert at_bright.sentences[0] == at_bright.likeness.sentence()
    surprising = maps.explain(two_kinds(), region_around(PLACES[1]), CLASSICAL)
    assert surprising.likeness is None
    assert not surprising.neighbours.are_clicks


def test_clicks_on_another_frame_explain_a_region_without_a_place_on_this_image() -> None:
    """A click on this image goes first, whatever was clicked first: places are told by their order."""
    then, now = click(PLACES[3], frame="then"), click(PLACES[0])
    known = {"frame_of": {"then": image(seed=4)}.__getitem__, "version_of": {"then": "1"}.__getitem__}
    alone = maps.explain(image(), region_around(PLACES[1]), CLASSICAL, clicks=[then], **known)
    assert alone.likeness is not None
    assert [one.at_px for one in alone.likeness.nearest] == [None]
    assert not alone.neighbours.are_clicks
    both = maps.explain(image(), region_around(PLACES[0]), CLASSICAL, clicks=[then, now], **known)
    assert both.likeness is not None
    assert both.likeness.nearest[0].at_px == pytest.approx(PLACES[0])
    assert both.likeness.nearest[1].at_px is None


def test_words_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepscan_core.features.words.load_word_model", BrightOrDark)
    found = maps.explain(image(), region_around(PLACES[1]), CLASSICAL, query="bright spots, not nothing")
    assert found.saying is not None
    assert (found.saying.phrase, found.saying.query) == ("bright spots", "bright spots, not nothing")
    assert found.saying.score > 1 > found.saying.occlusion.left_nats
    assert found.saying.unwanted is not None
    assert found.saying.unwanted[1] < 0
    assert found.sentences[0] == found.saying.sentence()
    assert found.likeness is None


def test_a_uniform_view_shows_nothing_that_was_clicked() -> None:
    blank = CalibratedImage(np.zeros((256, 256)))
    found = maps.teach(blank, [click(PLACES[0], frame="then")], CLASSICAL, frame_of=lambda name: image())
    assert not found.values.any()


def test_clicks_without_an_example_are_refused() -> None:
    with pytest.raises(InputError, match="click at least one example"):
        maps.teach(image(), [click(PLACES[0], is_positive=False)], CLASSICAL)


def test_discs_are_measured_in_nm2() -> None:
    rows, cols = np.mgrid[:256, :256]
    array = np.random.default_rng(0).normal(100, 3, (256, 256))
    for (y, x), radius in zip(PLACES, (8, 10, 12, 14), strict=True):
        array[np.hypot(rows - y, cols - x) <= radius] += 60
    table = table_of(maps.quantify(CalibratedImage(array, pixel_size_nm=0.5), CLASSICAL))
    assert table.shape == (4, len(COLUMNS))
    areas_nm2 = np.sort(table[:, COLUMNS.index("area_nm2")])
    assert areas_nm2 == pytest.approx([np.pi * (radius * 0.5) ** 2 for radius in (8, 10, 12, 14)], rel=0.05)
    assert unit_of("area_nm2") == "nm²"
    assert unit_of("touches_border") == ""


def test_no_object_is_one_row_of_nan_and_no_calibration_is_nan_in_nm() -> None:
    nothing = table_of(maps.quantify(CalibratedImage(np.ones((64, 64))), CLASSICAL))
    assert nothing.shape == (1, len(COLUMNS))
    assert np.isnan(nothing).all()
    bare = table_of(maps.quantify(CalibratedImage(image().array), CLASSICAL))
    assert np.isnan(bare[:, COLUMNS.index("area_nm2")]).all()
    assert np.isfinite(bare[:, COLUMNS.index("area_px")]).all()


def test_a_study_is_kept_by_what_its_image_holds() -> None:
    store = StudyStore()
    with store.study(image(), CLASSICAL) as first, store.study(image(seed=1), CLASSICAL) as other:
        assert first is not other
    with store.study(image(), CLASSICAL) as again:
        assert again is first
    with store.study(image(), MapSettings(backbone="classical", seed=1)) as seeded:
        assert seeded is not first
    calibrated = CalibratedImage(image().array, pixel_size_nm=7.0)
    with store.study(calibrated, CLASSICAL) as otherwise:
        assert otherwise.image.pixel_size_nm == (7.0, 7.0)


def test_frames_of_one_view_hand_on_a_codebook() -> None:
    store = StudyStore()

    def codebook(name: str, seed: int, settings: MapSettings = CLASSICAL) -> object:
        frame = CalibratedImage(image(seed=seed).array, pixel_size_nm=0.2, name=name)
        with store.study(frame, settings) as study:
            return study._kept.codebook

    first = codebook("live", 0)
    assert codebook("live", 1) is first
    assert codebook("still", 2) is not first
    assert codebook("live", 3, MapSettings(backbone="classical", scorer="self_similarity")) is not first
    for number in range(MOST_VIEWS):
        codebook(f"other {number}", 4 + number)
    assert codebook("live", 9) is not first


def test_what_was_not_asked_for_longest_is_forgotten_first() -> None:
    store = StudyStore(most_studies=2)
    kept = []
    for seed in (0, 1, 0, 2, 0):
        with store.study(image(seed=seed), CLASSICAL) as study:
            kept.append(study)
    assert len(store) == 2
    assert kept[0] is kept[2] is kept[4]
    with store.study(image(seed=1), CLASSICAL) as study:
        assert study is not kept[1]


def test_one_class_alone_is_taught_as_beside_the_others() -> None:
    clicks = [
        click(PLACES[0], class_name="a"),
        click(PLACES[1], class_name="b", frame="then"),
        click(PLACES[2], is_positive=False, class_name="a"),
        click(PLACES[3], is_positive=False, class_name="b"),
        click((10.0, 10.0), is_positive=False, class_name=None),
    ]
    for name in "ab":
        alone = of_one_class(clicks, name)
        assert classes_of(alone) == (name,)
        assert examples_px(alone, name, (256, 256)) == examples_px(clicks, name, (256, 256))
    assert clicks_from_json(clicks_to_json(clicks)) == tuple(clicks)


def test_memory_is_bounded_but_the_last_study_stays() -> None:
    store = StudyStore(most_bytes=3 * image().array.nbytes)
    for seed in range(6):
        with store.study(image(seed=seed), CLASSICAL):
            pass
    assert 1 <= len(store) <= 3
    with store.study(image(), CLASSICAL) as study:
        study.surprisal()
    assert len(store) == 1


def test_one_frame_is_worked_on_once_by_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    import deepscan_core.kept as module

    calls: list[int] = []
    original = module.extract
    monkeypatch.setattr(module, "extract", lambda *a: calls.append(1) or time.sleep(0.05) or original(*a))
    frame, results = image(seed=99), []
    work = [lambda: maps.surprisal(frame, CLASSICAL), lambda: maps.teach(frame, [click(PLACES[0])], CLASSICAL)]
    threads = [threading.Thread(target=lambda job=job: results.append(job())) for job in work * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert len(calls) == 1


def test_work_that_is_stopped_can_be_taken_up_again() -> None:
    class StoppedError(Exception):
        pass

    def stop(share: float) -> None:
        raise StoppedError

    for _ in range(2):
        with pytest.raises(StoppedError):
            maps.surprisal(image(), CLASSICAL, report=stop)
    assert maps.surprisal(image(), CLASSICAL).kind == "surprisal"


def test_what_a_frame_taught_is_kept_until_the_frame_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def frame_of(name: str) -> CalibratedImage:
        asked.append(name)
        return image()

    versions = {"then": "1"}
    clicks = [click(PLACES[0], frame="then")]
    monkeypatch.setattr(maps, "EXAMPLES", ExamplesStore())
    monkeypatch.setattr(maps, "TAUGHT", ResultStore(most=2))
    monkeypatch.setattr(maps, "TAUGHT", ResultStore(most=2))
    first = maps.teach(image(), clicks, CLASSICAL, frame_of=frame_of, version_of=versions.__getitem__)
    again = maps.teach(image(), clicks, CLASSICAL, frame_of=frame_of, version_of=versions.__getitem__)
    assert asked == ["then"]
    assert np.array_equal(first.values, again.values)
    versions["then"] = "2"
    maps.teach(image(), clicks, CLASSICAL, frame_of=frame_of, version_of=versions.__getitem__)
    maps.teach(
        image(), [*clicks, click(PLACES[1], frame="then")], CLASSICAL, frame_of=frame_of, version_of=versions.get
    )
    maps.teach(image(), clicks, CLASSICAL, frame_of=frame_of)  # nobody says whether it changed
    assert asked == ["then"] * 4


def test_in_a_hurry_ordinary_places_come_from_frames_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = {"first": image(), "second": image(seed=5)}
    sources: dict[str, Any] = {"frame_of": frames.__getitem__, "version_of": str.upper}
    looked: list[Study] = []
    surprisal = Study.surprisal

    def counted(study: Study) -> ScoreMap:
        looked.append(study)
        return surprisal(study)

    monkeypatch.setattr(maps, "EXAMPLES", ExamplesStore())
    monkeypatch.setattr(maps, "TAUGHT", ResultStore(most=2))
    monkeypatch.setattr(maps, "STUDIES", StudyStore())
    monkeypatch.setattr(Study, "surprisal", counted)
    one, two = click(PLACES[0], frame="first"), click(PLACES[1], frame="second")
    maps.teach(image(), [one], CLASSICAL, is_hurried=True, **sources)
    assert looked  # nothing was known yet
    looked.clear()
    hurried = maps.teach(image(), [one, two], CLASSICAL, is_hurried=True, **sources)
    assert not looked
    whole = maps.teach(image(), [one, two], CLASSICAL, **sources)
    assert looked
    for found in (hurried, whole):
        assert min(around(found.values, place) for place in PLACES) > 0.5 > np.median(found.values)
    looked.clear()
    maps.teach(image(), [one, two], CLASSICAL, **sources)
    assert not looked


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> StudyStore:
    """A store in which one frame of a view has been compared with clicks, seed 0."""
    store = StudyStore()
    monkeypatch.setattr(maps, "STUDIES", store)
    monkeypatch.setattr(maps, "EXAMPLES", ExamplesStore())
    monkeypatch.setattr(maps, "TAUGHT", ResultStore(most=2))
    maps.teach(image(), [click(PLACES[0])], CLASSICAL)
    return store


def test_a_frame_that_nobody_has_looked_at_is_stood_for_by_the_one_before(looked_at: StudyStore) -> None:
    assert looked_at.frame_before(image(), CLASSICAL) is None, "it has been looked at itself"
    found = looked_at.frame_before(image(seed=1), CLASSICAL)
    assert found is not None
    assert np.array_equal(found.array, image().array)
    elsewhere = [(y, 256 - x) for y, x in PLACES[:2]] + [(128.0, 30.0)]
    assert looked_at.frame_before(image(elsewhere, seed=1), CLASSICAL) is None, "the view has moved"
    other = CalibratedImage(image(seed=1).array, pixel_size_nm=0.3)
    assert looked_at.frame_before(other, CLASSICAL) is None, "of another magnification"
    assert looked_at.frame_before(image(seed=1), MapSettings(backbone="classical", seed=1)) is None, "in another way"
    flat = CalibratedImage(np.ones((256, 256), np.float32), pixel_size_nm=0.2)
    assert looked_at.frame_before(flat, CLASSICAL) is None
    maps.surprisal(image(seed=2), CLASSICAL)
    found = looked_at.frame_before(image(seed=3), CLASSICAL)
    assert found is not None
    assert np.array_equal(found.array, image().array), "surprise alone makes no frame ready for clicks"
    with looked_at.study(image(), CLASSICAL):
        assert looked_at.frame_before(image(seed=1), CLASSICAL) is None, "somebody is at it"


def test_who_waits_sees_the_click_on_the_frame_before_and_then_on_the_frame_itself(looked_at: StudyStore) -> None:
    frames = {"then": image(), "now": image(seed=1)}
    clicks = [click(PLACES[0], frame="then"), click(PLACES[1], frame="now")]
    known: dict[str, Any] = {"frame_of": frames.__getitem__, "version_of": lambda name: "1"}
    quick = maps.teach_levels(frames["now"], clicks, CLASSICAL, is_hurried=True, **known)
    like = maps.teach(image(), clicks, CLASSICAL, frame_of=lambda name: image())
    assert np.array_equal(quick.values, like.display_levels.values)
    with looked_at.study(frames["now"], CLASSICAL) as study:
        assert not study.is_ready_for_clicks
    whole = maps.teach(frames["now"], clicks, CLASSICAL, **known)
    fresh = {"frame_of": frames.__getitem__}
    assert np.array_equal(whole.values, maps.teach(frames["now"], clicks, CLASSICAL, **fresh).values)
    patient = maps.teach_levels(frames["now"], clicks, CLASSICAL, is_hurried=False, **known)
    assert np.array_equal(patient.values, whole.display_levels.values)


def test_the_store_forgets_what_was_not_asked_for_longest() -> None:
    store = ExamplesStore(most=2)
    store.keep("a", {})
    store.keep("b", {})
    assert store.get("a") == {}
    store.keep("c", {})
    store.keep(None, {})
    assert (store.get("a"), store.get("b"), store.get("c"), store.get(None)) == ({}, None, {}, None)
    assert len(store) == 2


def test_who_asks_for_what_is_being_made_waits_for_it() -> None:
    store: ResultStore[str] = ResultStore(most=1)
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slow() -> str:
        begun.set()
        assert go_on.wait(10)
        return "made"

    threads = [threading.Thread(target=lambda: made.append(store.once("key", slow)))]
    threads[0].start()
    assert begun.wait(10)
    threads.append(threading.Thread(target=lambda: made.append(store.once("key", lambda: "made again"))))
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert made == ["made", "made"]
    assert store.once("other", lambda: "another") == "another"
    assert store.once("key", lambda: "forgotten before") == "forgotten before"
    assert [store.once(None, lambda n=n: str(n)) for n in (1, 2)] == ["1", "2"]  # type: ignore[misc]


def test_nothing_is_kept_of_what_could_not_be_made() -> None:
    store: ResultStore[int] = ResultStore(most=2)

    def failing() -> int:
        raise InputError("not today")

    with pytest.raises(InputError):
        store.once("key", failing)
    assert store.once("key", lambda: 3) == 3


def test_the_same_clicks_on_the_same_image_are_learned_from_once() -> None:
    clicks = [click(PLACES[0], frame="a")]
    known: dict[str, Any] = {"frame_of": lambda name: image(), "version_of": lambda name: "1"}
    first = maps.teach(image(), clicks, CLASSICAL, **known)
    assert maps.teach(image(), clicks, CLASSICAL, **known) is first
    assert maps.teach(image(), clicks, CLASSICAL, **{**known, "version_of": lambda name: "2"}) is not first
    assert maps.teach(image(), clicks, CLASSICAL, frame_of=known["frame_of"]) is not first
    assert maps.teach(image(seed=1), clicks, CLASSICAL, **known) is not first
