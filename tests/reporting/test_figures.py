"""Figures against closed forms: levels, colours that mean something, scale bars of true length."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from deepscan_core.errors import InputError
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting.drawing import Box, Plate, nice_ticks, plan_boxes, step_box
from deepscan_core.reporting.figures import (
    display_levels,
    grey_rgb,
    heat_levels,
    heat_rgba,
    nice_scale_bar,
    overlay_png,
)
from deepscan_core.reporting.raster import (
    NEVER_MEASURED_RGB,
    SCORE_LABELS,
    heat_bar_rgb,
    png_bytes,
    scale_bar_units,
    shrink,
)

FLAT = CalibratedImage(np.full((100, 100), 100, np.uint8), 1.0)


def flat_map(shape: tuple[int, int] = (100, 100)) -> ScoreMap:
    """Scores of an image in which nothing is rarer than anything else: -ln 0.5 everywhere."""
    return ScoreMap(np.full(shape, math.log(2), np.float32), "surprisal")


def picture(png: bytes) -> np.ndarray:
    """Decoded PNG as uint8 RGB."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def protocol_for(image: CalibratedImage, *steps: ScanStep) -> ScanProtocol:
    """A plan for an image."""
    return ScanProtocol(source_name="s", source_sha256="0" * 64, context=image.context(), steps=steps)


def a_step(order: int, y: float, x: float, height: float, width: float, rotation_rad: float = 0.0) -> ScanStep:
    """An uncalibrated step."""
    return ScanStep(
        order=order,
        center_y_px=y,
        center_x_px=x,
        height_px=height,
        width_px=width,
        rows=16,
        cols=16,
        dwell_time_us=1.0,
        rotation_rad=rotation_rad,
    )


class TestGrey:
    def test_levels_are_the_percentiles_and_ignore_outliers_and_nan(self) -> None:
        array = np.linspace(0, 1000, 100_001).reshape(1, -1).copy()
        array[0, 0], array[0, -1], array[0, 500] = -1e9, 1e9, np.nan
        black, white = display_levels(array)
        assert black == pytest.approx(5, abs=0.1)
        assert white == pytest.approx(995, abs=0.1)

    @pytest.mark.parametrize("array", [np.zeros((4, 4)), np.full((4, 4), 7, np.uint16), np.full((4, 4), np.nan)])
    def test_levels_of_flat_or_empty_pictures_are_usable(self, array: np.ndarray) -> None:
        black, white = display_levels(array)
        assert black < white

    def test_a_rare_bright_spot_on_zeros_is_still_seen(self) -> None:
        array = np.zeros((100, 100))
        array[3, 4] = 9
        assert grey_rgb(array)[3, 4].tolist() == [255, 255, 255]

    def test_brighter_is_lighter_and_nan_is_no_grey(self) -> None:
        array = np.arange(64, dtype=np.float64).reshape(8, 8)
        array[7, 7] = np.nan
        rgb = grey_rgb(array)
        assert rgb.shape == (8, 8, 3)
        assert rgb.dtype == np.uint8
        assert (np.diff(rgb[:, :, 0].ravel()[:-1].astype(int)) >= 0).all()
        assert tuple(rgb[7, 7]) == NEVER_MEASURED_RGB

    @pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16, np.int32, np.float32])
    def test_all_kinds_of_pixels(self, dtype: type) -> None:
        array: np.ndarray = np.zeros((20, 20), dtype)
        array[:10] = 1
        rgb = grey_rgb(array)
        assert rgb[0, 0, 0] > rgb[-1, -1, 0]

    def test_shrink_keeps_the_mean_and_skips_nan(self) -> None:
        values = np.random.default_rng(0).random((64, 128)).astype(np.float32)
        assert shrink(values, 32).shape == (16, 32)
        assert shrink(values, 32).mean() == pytest.approx(values.mean(), abs=1e-6)
        values[::2] = np.nan
        small = shrink(values, 32)
        assert small.mean() == pytest.approx(np.nanmean(values), abs=1e-5)
        assert np.isnan(shrink(np.full((8, 8), np.nan, np.float32), 4)).all()

    def test_png_round_trip(self) -> None:
        rgb = np.random.default_rng(1).integers(0, 255, (5, 7, 3)).astype(np.uint8)
        assert (picture(png_bytes(rgb)) == rgb).all()


class TestHeat:
    def test_alpha_grows_with_the_score_and_starts_at_nothing(self) -> None:
        alpha = heat_rgba(np.linspace(-1, 12, 500)[None, :], low=1, high=10, opacity=0.8)[0, :, 3].astype(int)
        assert (np.diff(alpha) >= 0).all()
        assert alpha[0] == 0
        assert alpha[-1] == round(0.8 * 255)

    def test_at_and_below_low_and_where_nan_nothing_is_drawn(self) -> None:
        assert (heat_rgba(np.array([[1.0, 0.0, np.nan, -np.inf]]), low=1, high=2)[..., 3] == 0).all()

    def test_brightness_of_the_colours_grows_with_the_score(self) -> None:
        colours = heat_rgba(np.linspace(0, 1, 64)[None, :], low=0, high=1)[0, :, :3].astype(float)
        assert (np.diff(colours @ [0.2126, 0.7152, 0.0722]) > -0.5).all()
        assert heat_bar_rgb(7).shape == (7, 3)

    def test_a_featureless_map_stays_dark(self) -> None:
        low, high = heat_levels(flat_map())
        assert (heat_rgba(flat_map().values, low=low, high=high)[..., 3] == 0).all()

    def test_the_ordinary_bulk_hardly_lights_up_and_the_rare_does(self) -> None:
        bulk = -np.log(np.random.default_rng(2).random((400, 400))).astype(np.float32)
        low, high = heat_levels(ScoreMap(bulk, "surprisal"))
        alpha = heat_rgba(bulk, low=low, high=high, opacity=1.0)[..., 3]
        assert alpha.mean() < 0.08 * 255
        assert (alpha == 0).mean() > 0.7
        assert heat_rgba(np.array([[9.2]]), low=low, high=high, opacity=1.0)[0, 0, 3] > 240

    def test_one_colour_means_one_score(self) -> None:
        quiet, quieter = (ScoreMap(np.full((9, 9), s, np.float32), "surprisal") for s in (3.0, 0.1))
        assert heat_levels(quiet) == heat_levels(quieter)
        probability = ScoreMap(np.full((9, 9), 0.1, np.float32), "probability")
        assert heat_levels(probability) == (0.0, 1.0)

    def test_a_giant_score_does_not_hide_the_merely_rare(self) -> None:
        values = np.full((50, 50), 12, np.float32)
        values[:10] = 4000
        low, high = heat_levels(ScoreMap(values, "surprisal"))
        assert heat_rgba(values, low=low, high=high, opacity=1.0)[-1, -1, 3] > 100

    def test_similarity_of_zero_is_transparent(self) -> None:
        score_map = ScoreMap(np.array([[0.0, -0.2], [0.3, 0.0]], np.float32), "similarity")
        low, high = heat_levels(score_map)
        alpha = heat_rgba(score_map.values, low=low, high=high)[..., 3]
        assert alpha[1, 0] > 0
        assert (alpha[[0, 0, 1], [0, 1, 1]] == 0).all()

    @pytest.mark.parametrize(
        "bad", [{"low": 1, "high": 1}, {"low": math.nan, "high": 1}, {"low": 0, "high": 1, "opacity": 2}]
    )
    def test_bad_levels_are_refused(self, bad: dict[str, float]) -> None:
        with pytest.raises(InputError, match="give"):
            heat_rgba(np.zeros((2, 2)), **bad)


class TestScaleBar:
    @pytest.mark.parametrize("fov_nm", [*np.geomspace(0.02, 5e6, 60), 10.0, 25.0, 50.0, 1000.0])
    @pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 1.0])
    def test_is_1_2_5_and_fits(self, fov_nm: float, share: float) -> None:
        length_nm, label = nice_scale_bar(float(fov_nm), share=share)
        lead = float(f"{length_nm:.6e}".split("e")[0])
        assert lead in (1.0, 2.0, 5.0)
        assert 0.39 * share * fov_nm <= length_nm <= share * fov_nm * (1 + 1e-6)
        value, unit = label.split(" ")
        in_nm = {"mm": 1e6, "µm": 1e3, "nm": 1.0, "Å": 0.1, "pm": 1e-3}[unit]
        assert float(value) * in_nm == pytest.approx(length_nm)

    def test_without_calibration_it_counts_pixels(self) -> None:
        assert scale_bar_units(None, 640) == (100.0, "100 px")

    def test_in_pixels_it_has_its_length_in_nm(self) -> None:
        length_px, label = scale_bar_units(0.05, 400)
        assert label == "2 nm"
        assert length_px == pytest.approx(40)

    @pytest.mark.parametrize("fov_nm", [0.0, -1.0, math.nan, math.inf])
    def test_a_field_of_view_of_nothing_is_refused(self, fov_nm: float) -> None:
        with pytest.raises(InputError, match="fov_x_nm"):
            nice_scale_bar(fov_nm)

    @pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.386, 9.21), (0.0, 0.05), (0.0, 23.0), (0.0, 1e-9)])
    def test_ticks_are_few_round_and_inside(self, low: float, high: float) -> None:
        ticks = nice_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        assert all(low - 1e-12 <= tick <= high * (1 + 1e-9) for tick in ticks)


class TestGeometry:
    def test_the_whole_frame_is_the_whole_plate(self) -> None:
        plate = Plate(rows=40, cols=60)
        box = plan_boxes(plate, [ScanRegion(center_px=(19.5, 29.5), size_px=(40, 60), score=1)], None)[0]
        assert box.corners == ((0, 0), (60, 0), (60, 40), (0, 40))

    def test_non_square_pixels_are_drawn_in_proportion(self) -> None:
        plate = Plate.of(CalibratedImage(np.zeros((50, 100)), (2.0, 1.0)))
        assert (plate.width, plate.height) == (100, 100)
        box = step_box(plate, a_step(1, 24.5, 49.5, 10, 10))
        assert (box.width, box.height, box.cx, box.cy) == (10, 20, 50, 50)

    def test_a_positive_rotation_lifts_the_right_end(self) -> None:
        box = Box(number=1, cx=50, cy=50, width=40, height=2, ccw_rad=math.pi / 6)
        right_end = max(box.corners)
        assert right_end[1] < 50 - 8
        assert box.holds((50 + 15 * math.cos(math.pi / 6), 50 - 15 * math.sin(math.pi / 6)))
        assert not box.holds((50 + 15 * math.cos(math.pi / 6), 50 + 15 * math.sin(math.pi / 6)))

    def test_numbers_stay_inside_the_frame(self) -> None:
        plate = Plate(rows=100, cols=100)
        for y, x in [(0, 0), (0, 99), (99, 0), (99, 99), (50, 50)]:
            for size in (2, 8, 40):
                box = step_box(plate, a_step(88, y, x, size, size, 0.3))
                label = box.label_at(plate, 3.0)
                assert all(1.5 < coordinate < 98.5 for coordinate in label)

    def test_a_region_left_out_of_the_plan_has_no_number(self) -> None:
        regions = [ScanRegion(center_px=(y, 20), size_px=(8, 8), score=1) for y in (20, 60)]
        boxes = plan_boxes(Plate.of(FLAT), regions, protocol_for(FLAT, a_step(1, 20, 20, 8, 8)))
        assert [box.number for box in boxes] == [1, None]


class TestOverlay:
    def test_the_hot_corner_is_hot_and_the_rest_is_grey(self) -> None:
        scores = flat_map().values.copy()
        scores[:20, 80:] = 30
        rgb = picture(overlay_png(FLAT, ScoreMap(scores, "surprisal"), (), None)).astype(int)
        frame = rgb[: rgb.shape[1]]
        n = frame.shape[0] // 10
        hot, cold = frame[n // 2 : n, -n:-5], frame[3 * n : 7 * n, 3 * n : 7 * n]
        assert (np.ptp(hot, axis=2) > 60).all()
        assert np.ptp(cold) == 0

    def test_a_region_is_outlined_where_it_is(self) -> None:
        region = ScanRegion(center_px=(49.5, 49.5), size_px=(20, 40), score=1)
        rgb = picture(overlay_png(FLAT, flat_map(), [region], None)).astype(int)
        scale = rgb.shape[1] / 100
        cyan = (rgb[..., 2] > 200) & (rgb[..., 0] < 130)
        ys, xs = np.nonzero(cyan[: rgb.shape[1]])
        edges = np.array([ys.min(), ys.max() + 1, xs.min(), xs.max() + 1]) / scale
        assert edges == pytest.approx([40, 60, 30, 70], abs=0.4)

    @pytest.mark.parametrize(
        ("shape", "pixel_size_nm"),
        [((64, 64), None), ((16, 300), 1.0), ((700, 40), (1.0, 2.0)), ((2500, 2400), 0.3), ((30, 4000), None)],
    )
    def test_size(self, shape: tuple[int, int], pixel_size_nm: float | None) -> None:
        image = CalibratedImage(np.random.default_rng(0).random(shape), pixel_size_nm)
        protocol = protocol_for(image, a_step(1, shape[0] / 2, shape[1] / 2, 8, 8, 0.5), a_step(2, 5, 5, 6, 6))
        rgb = picture(overlay_png(image, flat_map(shape), (), protocol))
        assert max(rgb.shape[:2]) <= 2060
        assert rgb.shape[1] >= 900 or max(rgb.shape[:2]) > 900

    @pytest.mark.parametrize("kind", list(SCORE_LABELS))
    @pytest.mark.parametrize("shape", [(100, 100), (60, 100), (300, 100)])
    def test_words_below_the_picture_do_not_run_into_each_other(
        self, kind: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[Any] = []
        write = Figure.text
        monkeypatch.setattr(Figure, "text", lambda *args, **more: written.append(write(*args, **more)) or written[-1])
        image = CalibratedImage(np.full(shape, 100, np.uint8), 1.0)
        regions = [ScanRegion(center_px=(4 * k + 1.5, 4 * k + 1.5), size_px=(4, 4), score=1) for k in range(12)]
        plan = protocol_for(image, *(a_step(k + 1, 4 * k + 1.5, 4 * k + 1.5, 4, 4) for k in range(10)))
        overlay_png(image, ScoreMap(np.full(shape, 0.5, np.float32), kind), regions, plan)
        figure = written[0].figure
        places = [text.get_window_extent(figure.canvas.get_renderer()) for text in written]
        assert len(places) == 3, "the score, what is planned, and what is left out"
        for number, place in enumerate(places):
            assert figure.bbox.containsx(place.x0), written[number].get_text()
            assert figure.bbox.containsx(place.x1)
            assert place.y0 >= 0
            assert not any(place.overlaps(other) for other in places[:number]), written[number].get_text()

    def test_a_map_of_another_image_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"\(50, 100\)"):
            overlay_png(FLAT, flat_map((50, 100)), (), None)

    def test_a_plan_of_another_image_is_refused(self) -> None:
        other = CalibratedImage(np.zeros((32, 32)))
        with pytest.raises(InputError, match=r"\(32, 32\)"):
            overlay_png(FLAT, flat_map(), (), protocol_for(other))
