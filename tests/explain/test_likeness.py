"""Why a place is like the clicks, on features whose meaning is known."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.explain.likeness import UNPREDICTED, feature_groups
from tests.cli.test_labels import BRIGHT, DARK, view
from tests.explain.test_explain import region_at


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(CalibratedImage(view(0)), backbone="classical")


def test_the_parts_sum_to_the_score_and_name_the_sign(study: Study) -> None:
    teacher = study.teacher(BRIGHT[:1], DARK[:1])
    found = {
        name: study.explain(region_at(place), BRIGHT[:1], teacher=teacher).likeness
        for name, place in (("alike", BRIGHT[1]), ("unlike", DARK[1]))
    }
    for name, likeness in found.items():
        assert likeness is not None, name
        parts = dict(likeness.contributions)
        assert sum(parts.values()) == pytest.approx(likeness.score, abs=0.05)
        map_value = study.teach(BRIGHT[:1], DARK[:1]).values[likeness.at_px]
        assert likeness.probability == pytest.approx(float(map_value), abs=1e-4)
    alike, unlike = found["alike"], found["unlike"]
    assert alike is not None
    assert unlike is not None
    for name in ("brightness", UNPREDICTED):
        assert dict(alike.contributions)[name] > 0 > dict(unlike.contributions)[name]
    assert alike.nearest[0].at_px == BRIGHT[0]
    assert alike.nearest[0].distance < unlike.nearest[0].distance


def test_every_feature_has_a_name(study: Study) -> None:
    stack = study._kept.taught()
    assert len(feature_groups(stack)) == stack.n_features


def test_a_click_on_another_image_has_no_place_on_this_one(study: Study) -> None:
    other = Study(CalibratedImage(view(7)), backbone="classical")
    teacher = study.teacher([], earlier=[other.label(BRIGHT[:1])])
    likeness = study.explain(region_at(BRIGHT[1]), teacher=teacher).likeness
    assert likeness is not None
    assert likeness.nearest[0].at_px is None
    assert "of another image" in likeness.sentence()
    assert np.isfinite(likeness.nearest[0].distance)
