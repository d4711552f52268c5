"""Maps of several kinds as one."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.maps import ScoreKind, ScoreMap
from deepscan_core.scoring.combining import combined, log_odds


def a_map(values: list[float], kind: ScoreKind, label: str = "") -> ScoreMap:
    return ScoreMap(np.array([values], np.float32), kind=kind, label=label)


def test_each_kind_is_log_odds() -> None:
    assert log_odds(a_map([0.5, 0.75], "probability"))[0] == pytest.approx([0, np.log(3)])
    assert log_odds(a_map([3.0, 5.0], "surprisal"))[0] == pytest.approx([0, 2])
    assert log_odds(a_map([-1.0, 99.0], "similarity"))[0] == pytest.approx([-1, 9])


def test_a_click_takes_back_what_the_words_said_and_adds_what_they_missed() -> None:
    words = a_map([2.0, -1.0, -4.0], "similarity", "like “cracks”")
    clicks = a_map([0.02, 0.98, 0.5], "probability", "like the clicks")
    both = combined([words, clicks])
    assert (both.values[0] > 0).tolist() == [False, True, False]
    assert both.label == "like “cracks” and like the clicks"


def test_one_map_stays_as_it_is() -> None:
    one = a_map([1.0], "surprisal")
    assert combined([one]) is one


@pytest.mark.parametrize(
    ("maps", "named"),
    [([], "no maps"), ([a_map([1.0], "surprisal"), a_map([1.0, 2.0], "surprisal")], "maps of one image")],
)
def test_impossible_combinations_are_refused(maps: list[ScoreMap], named: str) -> None:
    with pytest.raises(InputError, match=named):
        combined(maps)
