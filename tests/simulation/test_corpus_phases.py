"""Bodies of a second phase in the rendered corpus: any share, any size, and clefts of matrix between them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.simulation.corpus.phases import (
    HABITS,
    LEAST_SHARE,
    MOST_SHARE,
    SMALLEST_PX,
    Habit,
    grow,
    phase_bodies,
)
from deepscan_core.simulation.corpus.scene import Canvas, Group

SHAPE = (128, 128)
CUBES = HABITS[2]


def painted(seed: int) -> tuple[Canvas, Group]:
    canvas = Canvas(image=np.full(SHAPE, 0.5, np.float32))
    phase_bodies(np.random.default_rng(seed), canvas)
    return canvas, canvas.groups[0]


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: f"{habit.form} {habit.sharpness}")
@pytest.mark.parametrize("share", [LEAST_SHARE, 0.2, 0.45, MOST_SHARE])
def test_bodies_take_the_share_that_was_asked_for(habit: Habit, share: float) -> None:
    for seed in range(4):
        grown = grow(np.random.default_rng(seed), SHAPE, habit, share=share, radius_px=14)
        taken = float((grown.distance_px < 0).mean())
        assert taken <= share + 0.01
        assert taken >= 0.8 * share - 0.01  # wide channels may leave less


def test_sizes_go_from_specks_to_half_of_the_field() -> None:
    smallest = grow(np.random.default_rng(0), SHAPE, CUBES, share=0.1, radius_px=SMALLEST_PX)
    number, count = ndimage.label(smallest.distance_px < 0)
    assert np.median(np.bincount(number.ravel())[1:]) < 40
    assert count > 40
    largest = grow(np.random.default_rng(0), SHAPE, CUBES, share=0.6, radius_px=SHAPE[0] / 4)
    deepest = ndimage.distance_transform_edt(largest.distance_px < 0).max()
    assert deepest > SHAPE[0] / 6  # a view of a third of the field can be all body


def test_bodies_that_met_keep_channels_some_of_which_end_as_clefts() -> None:
    clefts = 0
    for seed in range(10):
        grown = grow(np.random.default_rng(seed), SHAPE, CUBES, share=MOST_SHARE, radius_px=14)
        body = grown.distance_px < 0
        number, count = ndimage.label(body)
        owners = [set(np.unique(grown.owner[number == k]).tolist()) for k in range(1, count + 1)]
        assert count > 1, "channels part the bodies"
        together = [k for k, own in enumerate(owners, start=1) if len(own) > 1]
        clefts += any((ndimage.binary_closing(number == k, iterations=4) & ~body).sum() > 10 for k in together)
    assert clefts >= 5


def test_the_label_is_what_was_painted() -> None:
    seen = 0
    for seed in range(16):
        canvas, group = painted(seed)
        assert group.kind == "precipitate"
        assert group.form in {habit.form for habit in HABITS}
        inside, outside = (ndimage.binary_erosion(m, iterations=3) for m in (group.mask, ~group.mask))
        if inside.sum() < 30 or outside.sum() < 30 or not group.tone:
            continue
        seen += 1
        step = float(np.median(canvas.image[inside]) - np.median(canvas.image[outside]))
        assert (step > 0) == (group.tone == "bright"), seed
    assert seen >= 8


def test_bodies_come_bright_and_dark_and_in_every_form() -> None:
    groups = [painted(seed)[1] for seed in range(40)]
    assert {group.tone for group in groups} >= {"bright", "dark"}
    assert {group.form for group in groups} == {habit.form for habit in HABITS}
    shares = [float(group.mask.mean()) for group in groups]
    assert min(shares) < 0.15
    assert max(shares) > 0.55


def test_the_same_seed_paints_the_same_bodies() -> None:
    (first, group), (again, same), (other, _) = painted(3), painted(3), painted(4)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(group.mask, same.mask)
    assert not np.array_equal(first.image, other.image)
