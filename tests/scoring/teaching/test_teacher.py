"""Clicks on features whose classes are planted."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.scoring.teacher import Teacher
from deepscan_core.scoring.teaching.calibration import MOST_LOG_ODDS
from deepscan_core.scoring.teaching.examples import Lesson
from deepscan_core.scoring.teaching.odds import HIGHEST, KNOTS, LOWEST, _at_even_knots
from tests.scoring.planted_places import SIDE, planted


def test_one_click_finds_all_of_its_kind(rng: np.random.Generator) -> None:
    image = planted(rng)
    found = Teacher().fit([image.lesson(image.kind_a[:1]).examples()]).predict(image.features)
    assert found.kind == "probability"
    best = np.argsort(image.probability(found, np.arange(SIDE * SIDE)))[-8:]
    assert len(set(best) & set(image.kind_a)) >= 7


def test_a_negative_click_turns_its_kind_down(rng: np.random.Generator) -> None:
    image = planted(rng)
    both = image.lesson([image.kind_a[0], image.kind_b[0]])
    one = image.lesson([image.kind_a[0]], [image.kind_b[1]])
    kinds = [
        image.probability(Teacher().fit([lesson.examples()]).predict(image.features), image.kind_b[2:]).mean()
        for lesson in (both, one)
    ]
    assert kinds[0] > 0.2 > kinds[1]


def test_odds_between_knots_are_what_interpolation_gives(rng: np.random.Generator) -> None:
    knots = np.linspace(LOWEST, HIGHEST, KNOTS)
    heights = np.cumsum(rng.random(KNOTS))
    scores = np.append(rng.uniform(LOWEST - 1, HIGHEST + 1, 500), [LOWEST, HIGHEST, knots[7]]).astype(np.float32)
    found = _at_even_knots(scores, knots, heights)
    assert found.dtype == np.float32
    assert np.allclose(found, np.interp(scores, knots, heights), atol=1e-4 * np.ptp(heights))
    assert np.all(np.diff(_at_even_knots(np.sort(scores), knots, heights)) >= 0)


def test_a_click_is_undone_exactly(rng: np.random.Generator) -> None:
    image, teacher = planted(rng), Teacher()
    first = image.lesson(image.kind_a[:1], image.kind_b[:1]).examples()
    before = teacher.fit([first]).predict(image.features).values
    more = teacher.fit([image.lesson(image.kind_a[:2], image.kind_b[:1]).examples()]).predict(image.features).values
    assert not np.array_equal(before, more)
    assert np.array_equal(before, teacher.fit([first]).predict(image.features).values)


@pytest.mark.parametrize(
    ("positives", "named"), [([], "no positive click"), ([(500.0, 3.0)], "outside"), ([(3.0, -9.0)], "outside")]
)
def test_impossible_clicks_are_refused(
    rng: np.random.Generator, positives: list[tuple[float, float]], named: str
) -> None:
    image = planted(rng)
    with pytest.raises(InputError, match=named):
        Teacher().fit([Lesson(features=image.features, sample=image.sample(), positives_px=positives).examples()])


def test_a_place_clicked_both_ways_is_refused(rng: np.random.Generator) -> None:
    image = planted(rng)
    with pytest.raises(InputError, match="positive and as negative"):
        image.lesson(image.kind_a[:1], image.kind_a[:1]).examples()


def test_what_was_learned_on_one_image_is_found_on_another(rng: np.random.Generator) -> None:
    clicked, other = planted(rng), planted(rng)
    found = Teacher().fit([clicked.lesson(clicked.kind_a[:1]).examples()]).predict(other.features)
    assert other.probability(found, other.kind_a).min() > 0.4 > other.probability(found, other.kind_b).max()


def test_clicks_of_several_images_are_learned_together(rng: np.random.Generator) -> None:
    first, second, third = (planted(rng) for _ in range(3))
    misled = first.lesson([*first.kind_a[:4], first.kind_b[0]]).examples()
    corrected = second.lesson([], list(second.kind_b)).examples()
    both, one = (Teacher().fit(examples).predict(third.features) for examples in ([misled, corrected], [misled]))
    assert third.probability(both, third.kind_a).mean() > 0.5
    assert third.probability(both, third.kind_b).mean() < third.probability(one, third.kind_b).mean()
    assert both.label == "like 5 positive and unlike 8 negative clicks"


def test_images_that_cannot_be_compared_are_refused(rng: np.random.Generator) -> None:
    image = planted(rng)
    blank = FeatureMap(
        values=np.zeros((SIDE, SIDE, 1), np.float32), step_px=8, origin_px=3.5, image_shape=(256, 256), source="t"
    )
    flat = FeatureStack((blank,))
    examples = image.lesson(image.kind_a[:1]).examples()
    with pytest.raises(InputError, match=r"5 features a place \(t\) and with 1"):
        Teacher().fit([examples]).predict(flat)
    with pytest.raises(InputError, match="5 features"):
        Teacher().fit([examples, Lesson(features=flat, sample=None, positives_px=[(1.0, 1.0)]).examples()])
    with pytest.raises(InputError, match="what an ordinary place is"):
        Teacher().fit([Lesson(features=image.features, sample=None, positives_px=[(1.0, 1.0)]).examples()])


def test_an_image_without_anything_alike_gets_low_probabilities(rng: np.random.Generator) -> None:
    image = planted(rng)
    empty = FeatureMap(
        values=rng.normal(0, 1, (SIDE, SIDE, 5)).astype(np.float32),
        step_px=8,
        origin_px=3.5,
        image_shape=(256, 256),
        source="t",
    )
    teacher = Teacher().fit([image.lesson(image.kind_a[:3]).examples()])
    assert teacher.predict(FeatureStack((empty,))).values.max() < 0.1
    assert image.probability(teacher.predict(image.features), image.kind_a).min() > 0.4


def test_probabilities_near_one_can_still_be_told_apart(rng: np.random.Generator) -> None:
    image = planted(rng)
    teacher = Teacher().fit([image.lesson(image.kind_a[:1]).examples()])
    scores = np.arange(-0.5, 3, 0.05).astype(np.float32)
    log_odds = teacher.odds_.log_odds(scores)
    assert np.abs(log_odds).max() < MOST_LOG_ODDS
    assert (np.diff(1 / (1 + np.exp(-log_odds))) > 0).all()
