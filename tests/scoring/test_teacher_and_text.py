"""Clicks and words on features whose classes are planted."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.teacher import taught_map
from deepscan_core.scoring.text import check_query, similarity_map


def planted(rng: np.random.Generator) -> tuple[FeatureMap, np.ndarray, np.ndarray]:
    """A 32 x 32 grid of noise with two kinds of rare patches: A and B, eight each."""
    values = rng.normal(0, 1, (32, 32, 5))
    cells = rng.permutation(32 * 32)[:16]
    kind_a, kind_b = cells[:8], cells[8:]
    values.reshape(-1, 5)[kind_a, 0] += 9
    values.reshape(-1, 5)[kind_b, 1] += 9
    features = FeatureMap(
        values=values.astype(np.float32), step_px=4, origin_px=1.5, image_shape=(128, 128), source="t"
    )
    return features, kind_a, kind_b


def at(features: FeatureMap, cell: int) -> tuple[float, float]:
    y, x = features.centers_px()[cell]
    return (float(y), float(x))


def test_one_click_finds_all_of_its_kind(rng: np.random.Generator) -> None:
    features, kind_a, kind_b = planted(rng)
    rarity = np.zeros(32 * 32)
    rarity[np.concatenate([kind_a, kind_b])] = 1
    score_map = taught_map(features, [at(features, kind_a[0])], [], rarity)
    assert score_map.kind == "probability"
    probability = [score_map.values[tuple(np.rint(features.centers_px()[c]).astype(int))] for c in range(32 * 32)]
    best = set(np.argsort(probability)[-8:])
    assert len(best & set(kind_a)) >= 7


def test_a_negative_click_turns_its_kind_down(rng: np.random.Generator) -> None:
    features, kind_a, kind_b = planted(rng)
    rarity = np.zeros(32 * 32)
    positives = [at(features, kind_a[0]), at(features, kind_b[0])]

    def mean_b(negatives: list[tuple[float, float]]) -> float:
        values = taught_map(features, positives[:1] if negatives else positives, negatives, rarity).values
        return float(np.mean([values[tuple(np.rint(features.centers_px()[c]).astype(int))] for c in kind_b[2:]]))

    assert mean_b([at(features, kind_b[1])]) < 0.2 < mean_b([])


@pytest.mark.parametrize(
    ("positives", "named"), [([], "no positive click"), ([(500.0, 3.0)], "outside"), ([(3.0, -9.0)], "outside")]
)
def test_impossible_clicks_are_refused(
    rng: np.random.Generator, positives: list[tuple[float, float]], named: str
) -> None:
    features, _, _ = planted(rng)
    with pytest.raises(InputError, match=named):
        taught_map(features, positives, [], np.zeros(32 * 32))


def test_similarity_is_the_difference_of_cosines_and_is_not_stretched() -> None:
    values = np.zeros((4, 4, 3), np.float32)
    values[..., 2] = 1
    values[1, 2] = (1, 0, 0)
    features = FeatureMap(values=values, step_px=8, origin_px=3.5, image_shape=(32, 32), source="t")
    query, background, absent = (np.eye(3, dtype=np.float32)[[k]] for k in (0, 2, 1))
    score_map = similarity_map(features, query, background, label="x")
    assert score_map.kind == "similarity"
    assert score_map.values[11, 19] == pytest.approx(1, abs=0.25)  # beside the centre (11.5, 19.5) of the odd window
    assert score_map.values[28, 4] == pytest.approx(-1, abs=1e-6)
    assert similarity_map(features, absent, background, label="y").values.max() <= 1e-6


@pytest.mark.parametrize("query", ["", "  ", "x" * 500])
def test_impossible_queries_are_refused(query: str) -> None:
    with pytest.raises(InputError, match="query"):
        check_query(query)


def test_a_place_clicked_both_ways_is_refused(rng: np.random.Generator) -> None:
    features, kind_a, _ = planted(rng)
    click = at(features, kind_a[0])
    with pytest.raises(InputError, match="positive and as negative"):
        taught_map(features, [click], [click], np.zeros(32 * 32))
