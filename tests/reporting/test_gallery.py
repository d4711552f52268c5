"""The gallery shows what lies inside each region, and nothing else."""

from __future__ import annotations

import base64
import dataclasses
import io
import math

import numpy as np
import pytest
from PIL import Image

from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.reporting.drawing import Plate
from deepscan_core.reporting.gallery import crop, gallery_view
from tests.reporting.test_figures import a_step, protocol_for
from tests.reporting.test_report import Page, full_data, make_data, make_tile, render_report

RAMP = CalibratedImage(np.arange(40 * 60, dtype=np.float64).reshape(40, 60), 1.0)


class TestCrop:
    def test_is_the_pixels_inside(self) -> None:
        step = a_step(1, 14.5, 24.5, 10, 20)
        assert (crop(RAMP, Plate.of(RAMP), step) == RAMP.array[10:20, 15:35]).all()

    def test_agrees_with_the_region_on_what_is_inside(self) -> None:
        region = make_data().regions[0]
        data = make_data()
        step = data.protocol.steps[0]
        assert (crop(data.image, Plate.of(data.image), step) == data.image.array[region.slices((40, 80))]).all()

    def test_outside_the_image_nothing_was_measured(self) -> None:
        part = crop(RAMP, Plate.of(RAMP), a_step(1, 0, 0, 8, 8))
        assert part.shape == (8, 8)
        assert np.isnan(part).sum() == 64 - 16
        assert (part[4:, 4:] == RAMP.array[:4, :4]).all()

    def test_a_region_smaller_than_a_pixel_is_one_pixel(self) -> None:
        assert crop(RAMP, Plate.of(RAMP), a_step(1, 7, 9, 0.3, 0.3)).tolist() == [[RAMP.array[7, 9]]]

    def test_turned_by_a_quarter_it_is_the_turned_picture(self) -> None:
        straight = crop(RAMP, Plate.of(RAMP), a_step(1, 19.5, 29.5, 10, 10))
        turned = crop(RAMP, Plate.of(RAMP), a_step(1, 19.5, 29.5, 10, 10, math.pi / 2))
        assert turned == pytest.approx(np.rot90(straight, -1), abs=1e-6)

    def test_turned_with_unequal_pixels_keeps_true_angles(self) -> None:
        y, x = np.mgrid[:60, :100].astype(float)
        image = CalibratedImage(np.hypot(2 * (y - 29.5), x - 49.5), (2.0, 1.0))
        part = crop(image, Plate.of(image), a_step(1, 29.5, 49.5, 12, 24, 0.7))
        assert part.shape == (12, 24)
        assert part[::-1, ::-1] == pytest.approx(part, abs=1e-6)
        assert part[0, 0] == pytest.approx(math.hypot(11, 11.5), rel=0.02)


class TestCards:
    def test_each_region_has_its_number_score_reason_and_alt_text(self) -> None:
        page = Page(render_report(make_data()))
        assert len(page.of("li", class_="card")) == 3
        assert "score 5.00 nats" in page.text
        alts = [str(attributes["alt"]) for attributes in page.of("img")]
        assert alts[1] == "Preview of region 2, 5 × 5 nm, score 6.00: rare"

    def test_the_tile_stands_beside_the_crop_of_its_region(self) -> None:
        data = full_data()
        cards = gallery_view(dataclasses.replace(data, tiles=(make_tile(data, 2),)), Plate.of(data.image))["cards"]
        assert [len(card["tiles"]) for card in cards] == [0, 1, 0]
        assert cards[1]["tiles"][0]["alt"].startswith("Acquired tile of region 2, 5 × 5 nm, HAADF")

    def test_the_crop_has_the_grey_levels_of_the_preview(self) -> None:
        values = np.full((40, 80), 100.0)
        values[:, 40:] = 200.0
        image = CalibratedImage(values, None)
        data = make_data(n_regions=0, calibrated=False)
        steps = (a_step(1, 20, 10, 8, 8), a_step(2, 20, 60, 8, 8))
        data = dataclasses.replace(data, image=image, protocol=protocol_for(image, *steps), measurements=())
        cards = gallery_view(data, Plate.of(image))["cards"]
        assert [pixels(card["crop"]["png"]).mean() for card in cards] == [0, 255]

    def test_scale_bar_of_crop_and_tile_is_as_long_as_it_says(self) -> None:
        data = full_data()
        card = gallery_view(data, Plate.of(data.image))["cards"][0]
        for shown in (card["crop"], *card["tiles"]):
            assert shown["bar_label"] == "2 nm"
            assert float(shown["bar_percent"]) / 100 * 5 == pytest.approx(2)

    def test_objects_are_counted_by_region(self) -> None:
        cards = gallery_view(make_data(), Plate.of(make_data().image))["cards"]
        assert [card["objects"] for card in cards] == ["1 object", "0 objects", "0 objects"]

    def test_only_surprisal_is_in_nats(self) -> None:
        score_map = ScoreMap(np.full((40, 80), 0.5, np.float32), "probability")
        data = make_data(score_map=score_map)
        assert gallery_view(data, Plate.of(data.image))["cards"][0]["score"] == "5.00"


def pixels(uri: str) -> np.ndarray:
    """A picture of the page as an array."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))
