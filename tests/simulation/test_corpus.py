"""The rendered corpus: truth that fits the picture, and phrases that mean what they say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

from deepscan_core.errors import InputError
from deepscan_core.simulation.corpus import alloys, transmission
from deepscan_core.simulation.corpus.captions import ALSO, MAYBE, Caption, caption, vocabulary
from deepscan_core.simulation.corpus.looks import FORMED_NOUNS
from deepscan_core.simulation.corpus.nouns import BACKGROUND, KINDS, NOUNS
from deepscan_core.simulation.corpus.painting import blobs
from deepscan_core.simulation.corpus.scene import Canvas, tone_of
from deepscan_core.simulation.corpus.scenes import SCENES, render_scene


@pytest.mark.parametrize("name", list(SCENES))
def test_every_kind_of_scene_is_a_picture_with_named_groups(name: str) -> None:
    scene = render_scene(3, name, side_px=96)
    assert scene.image.shape == (96, 96)
    assert np.isfinite(scene.image).all()
    assert np.ptp(scene.image) > 0.5
    assert {group.kind for group in scene.groups} <= set(KINDS) - {BACKGROUND}
    assert all(group.mask.shape == (96, 96) and group.mask.any() for group in scene.groups)


def test_the_same_seed_gives_the_same_scene_and_another_one_another() -> None:
    first, again, other = render_scene(5), render_scene(5), render_scene(6)
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_every_kind_appears_in_the_corpus() -> None:
    seen = {group.kind for name in SCENES for seed in range(6) for group in render_scene(seed, name, side_px=96).groups}
    assert set(KINDS) - {BACKGROUND} - seen <= {"vacuum", "dislocation", "debris", "charging"}  # drawn now and then


def test_the_tone_of_a_group_is_what_the_picture_shows() -> None:
    image, mask = np.full((40, 40), 0.5, np.float32), np.zeros((40, 40), bool)
    mask[15:25, 15:25] = True
    assert tone_of(image, mask) == ""
    assert tone_of(np.where(mask, np.float32(0.9), image), mask) == "bright"
    assert tone_of(np.where(mask, np.float32(0.1), image), mask) == "dark"


def test_marked_cracks_are_darker_than_what_is_beside_them() -> None:
    tones = [
        g.tone for seed in range(12) for g in render_scene(seed, "cracked", side_px=128).groups if g.kind == "crack"
    ]
    assert len(tones) >= 8
    assert tones.count("dark") >= 0.7 * len(tones)
    assert "bright" not in tones


def test_cracks_along_grains_follow_boundaries_and_leave_most_of_them_whole() -> None:
    for seed in range(6):
        groups = render_scene(seed, "along grains", side_px=128).groups
        boundary = next(group.mask for group in groups if group.kind == "grain boundary")
        cracks = [group.mask for group in groups if group.kind == "crack"]
        near = ndimage.binary_dilation(boundary, iterations=6)
        assert all((mask & near).sum() >= 0.8 * mask.sum() for mask in cracks)
        assert (boundary & ~np.any([boundary & False, *cracks], axis=0)).sum() > 0.3 * boundary.sum()


def test_particles_in_transmission_absorb_more_where_they_overlap(rng: np.random.Generator) -> None:
    centers, sizes = np.array([[32.0, 24.0], [32.0, 40.0]]), np.array([14.0, 14.0])
    alone = [
        transmission.thickness(rng, blobs(rng, (64, 64), centers[k : k + 1], sizes[k : k + 1], form="round"), "plate")
        for k in (0, 1)
    ]
    both = alone[0] + alone[1]
    assert both[32, 32] > 1.5 * both[32, 16]
    canvas = Canvas(image=np.full((64, 64), 0.9, np.float32))
    transmission.expose(rng, canvas, both, np.where(both > 0, -5, 5).astype(np.float32), is_bright_field=True)
    assert canvas.image[32, 32] < canvas.image[32, 16] < canvas.image[2, 2]


def test_coherent_precipitates_can_fill_most_of_the_field_or_little_of_it() -> None:
    shares = []
    for seed in range(24):
        canvas = Canvas(image=np.full((128, 128), 0.5, np.float32))
        alloys.coherent_precipitates(np.random.default_rng(seed), canvas)
        shares.append(float(canvas.groups[0].mask.mean()))
        assert canvas.groups[0].kind == "precipitate"
    assert min(shares) < 0.4
    assert max(shares) > 0.6


def test_coarsened_precipitates_are_compounds_with_re_entrant_corners() -> None:
    solidities = []
    for seed in range(12):
        canvas = Canvas(image=np.full((160, 160), 0.5, np.float32))
        alloys.coarsened_precipitates(np.random.default_rng(seed), canvas)
        assert canvas.groups[0].kind == "precipitate"
        number, _ = ndimage.label(canvas.groups[0].mask)
        largest = number == 1 + int(np.argmax(np.bincount(number.ravel())[1:]))
        solidities.append(largest.sum() / ConvexHull(np.argwhere(largest)).volume)
    assert min(solidities) < 0.8
    assert np.mean(solidities) < 0.95  # a large convex body on a grid of pixels has 1.0 or more


@pytest.mark.parametrize(("arguments", "named"), [({"name": "moon"}, "cracked"), ({"side_px": 8}, "at least 64")])
def test_impossible_scenes_are_refused(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        render_scene(0, **arguments)  # type: ignore[arg-type]


def group(kind: str, tone: str = "", form: str = "") -> SimpleNamespace:
    return SimpleNamespace(kind=kind, tone=tone, form=form, size="", layout="")


@pytest.mark.parametrize(
    ("asked", "shown", "meaning"),
    [
        (Caption(text="", kind="crack"), group("crack"), "yes"),
        (Caption(text="", kind="crack"), group("scratch"), "no"),
        (Caption(text="", kind="particle", tone="bright"), group("particle", "bright"), "yes"),
        (Caption(text="", kind="particle", tone="bright"), group("particle", "dark"), "no"),
        (Caption(text="", kind="particle", tone="bright"), group("particle"), "open"),
        (Caption(text="", kind="particle"), group("nanoparticle"), "yes"),
        (Caption(text="", kind="particle"), group("carbide"), "open"),
        (Caption(text="", form="linear"), group("crack", form="linear"), "yes"),
        (Caption(text="", form="linear"), group("pore", form="round"), "no"),
        (Caption(text="", tone="dark"), group("lattice", tone="dark"), "open"),
    ],
)
def test_what_a_caption_means(asked: Caption, shown: SimpleNamespace, meaning: str) -> None:
    assert asked.means(shown) == meaning


def test_no_noun_stands_for_two_kinds() -> None:
    owner: dict[str, str] = {}
    tables = [*NOUNS.items(), *((kind, nouns) for (kind, _), nouns in FORMED_NOUNS.items())]
    for kind, nouns in tables:
        for noun in nouns:
            assert owner.setdefault(noun, kind) == kind, noun


def test_relations_name_kinds_that_exist() -> None:
    for table in (ALSO, MAYBE):
        assert set(table) <= set(KINDS)
        assert {other for others in table.values() for other in others} <= set(KINDS)


def test_captions_are_made_of_the_vocabulary(rng: np.random.Generator) -> None:
    known = set(vocabulary())
    for kind in (*KINDS, ""):
        text = caption(rng, kind, tone="dark", form="round", size="small", layout="isolated").text
        assert set(text.lower().replace("-", " ").split()) <= known
