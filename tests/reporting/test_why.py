"""“Why here” on the page and as one picture: what is told, drawn to scale, with words for every picture."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.explain import Explanation
from deepscan_core.records.asked import Asked
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting.report import ReportData, render_report
from deepscan_core.reporting.why import MOST_EXPLAINED, explained, patch_slices, reciprocal_bar, why_view
from deepscan_core.reporting.why_figure import SIZE_PX, why_rgb
from deepscan_core.reporting.why_rasters import predicted_rgb, raised_rgb, shown_bins, signed_rgb, spectrum_rgb
from tests.explain.lattices import SQUARE, crystal
from tests.reporting.test_gallery import pixels
from tests.reporting.test_report import Page, make_step

PLACES = ((60.0, 70.0), (150.0, 160.0), (100.0, 40.0))


@functools.cache
def explained_data(*, calibrated: bool = True) -> ReportData:
    """A crystal with two dark places, three regions of which the two are explained."""
    array = crystal((192, 192), SQUARE, counts=40, seed=3).astype(float)
    y, x = np.mgrid[:192, :192]
    for cy, cx in PLACES[:2]:
        array *= 1 - 0.9 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 20)
    image = CalibratedImage(array, 0.02 if calibrated else None, name="crystal.tif")
    study = Study(image, backbone="classical")
    values = study.surprisal().values
    regions = tuple(
        ScanRegion(center_px=at, size_px=(24, 24), score=float(values[int(at[0]), int(at[1])])) for at in PLACES
    )
    context = image.context(beam_current_pa=50.0)
    steps = tuple(make_step(order, region, context) for order, region in enumerate(regions, 1))
    return ReportData(
        title="crystal",
        image=image,
        score_map=study.surprisal(),
        regions=regions,
        protocol=ScanProtocol(source_name="s", source_sha256=image.sha256, context=context, steps=steps),
        measurements=(),
        explanations=explained(study, regions, most=2),
        asked=Asked(scorer="surprisal", query="dark pores", positives_px=((60.0, 70.0),)),
    )


@functools.cache
def first() -> Explanation:
    return explained_data().explanations[1]


def test_the_highest_scores_are_explained_under_their_numbers() -> None:
    assert list(explained_data().explanations) == [1, 2]
    assert explained_data().explanations[2].region.center_px == PLACES[1]


class TestPage:
    def test_each_explained_region_unfolds_and_the_others_do_not(self) -> None:
        page = Page(render_report(explained_data()))
        assert len(page.of("details", class_="why")) == 2
        assert len(page.of("summary")) == 2
        assert "Of the 2 highest-scoring the grounds can be unfolded" in page.text
        assert "sigma below what the lattice predicts" in page.text
        assert "What the score of " in page.text

    def test_every_picture_has_words_of_its_own_and_a_scale_bar(self) -> None:
        html = render_report(explained_data())
        page = Page(html)
        alts = [str(attributes["alt"]) for attributes in page.of("img")]
        assert len(alts) == 3 + 2 * 9
        assert len(set(alts)) == len(alts)
        assert all("region" in alt for alt in alts)
        assert len(page.of("span", class_="bar")) == len(alts)
        assert page.text.count("nm⁻¹") == 2

    def test_without_calibration_lengths_are_in_pixels(self) -> None:
        text = Page(render_report(explained_data(calibrated=False))).text
        assert text.count("px⁻¹") == 2
        assert "nm⁻¹" not in text
        assert "The lattice here, 14 × 14 px, holds" in text

    def test_it_says_what_was_asked(self) -> None:
        text = Page(render_report(explained_data())).text
        assert "words “dark pores”, combined with 1 positive click (y 60, x 70 px)" in text

    def test_ids_stay_unique_and_headings_in_order(self) -> None:
        page = Page(render_report(explained_data()))
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))

    def test_a_report_of_many_explanations_stays_small(self) -> None:
        data = explained_data()
        html = render_report(data)
        without = render_report(dataclasses.replace(data, explanations={}))
        assert "Why here" not in without
        assert (len(html) - len(without)) / 2 * MOST_EXPLAINED < 1e6


class TestPictures:
    def test_blue_is_below_orange_above_and_white_as_predicted(self) -> None:
        dark, none, bright = signed_rgb(np.array([[-10.0, 0.0, 10.0]]))[0].astype(int)
        assert dark[2] > dark[0] + 80
        assert bright[0] > bright[2] + 80
        assert np.ptp(none) < 15
        assert (signed_rgb(np.array([[99.0]])) == bright).all()

    def test_the_dark_place_is_dark_where_it_is_seen_and_not_where_it_is_predicted(self) -> None:
        found = first()
        view = why_view(found, explained_data().image, (0.0, 100.0), "region 1")
        seen, predicted, difference = (pixels(picture["png"]).astype(int) for picture in view["pictures"][:3])
        middle = slice(seen.shape[0] // 2 - 3, seen.shape[0] // 2 + 3)
        assert seen[middle, middle].mean() < 0.7 * predicted[middle, middle].mean()
        assert difference[middle, middle, 2].mean() > difference[middle, middle, 0].mean() + 40
        assert (predicted_rgb(found)[..., 0] == predicted).all()

    def test_what_raises_the_score_is_coloured_in_its_cell_alone(self) -> None:
        found = first()
        assert found.occlusion is not None
        picture = raised_rgb(found, found.occlusion).astype(int)
        coloured = np.ptp(picture, axis=2) > 25
        assert 0 < coloured.mean() < 0.25
        rows, cols = np.nonzero(coloured)
        assert abs(rows.mean() + found.residual.rows.start - 60) < 4
        assert abs(cols.mean() + found.residual.cols.start - 70) < 4

    def test_peaks_are_ringed_where_they_are_bright(self) -> None:
        found = first()
        assert found.spectrum is not None
        view = why_view(found, explained_data().image, (0.0, 100.0), "region 1")
        picture = view["pictures"][4]
        shown = spectrum_rgb(found.spectrum)[..., 0]
        assert picture["marks"]["cols"] == len(shown)
        bright = [shown[int(float(y)), int(float(x))] for x, y in picture["marks"]["rings"]]
        assert len(bright) >= 4
        assert np.mean(bright) > np.median(shown) + 80

    def test_the_bar_of_the_spectrum_is_as_long_as_it_says(self) -> None:
        spectrum = first().spectrum
        assert spectrum is not None
        side = shown_bins(spectrum).stop - shown_bins(spectrum).start
        bins, label = reciprocal_bar(spectrum, (0.02, 0.02), side)
        assert label == "10 nm⁻¹"
        assert bins * spectrum.step_per_px / 0.02 == pytest.approx(10)
        assert reciprocal_bar(spectrum, None, side)[1] == "0.2 px⁻¹"

    def test_a_patch_at_the_corner_is_moved_inside(self) -> None:
        assert patch_slices((0, 99), 16, (100, 100)) == (slice(0, 16), slice(84, 100))
        assert patch_slices((50.5, 50.5), 16, (100, 100)) == (slice(43, 59), slice(43, 59))
        assert patch_slices((3, 3), 16, (8, 100)) == (slice(0, 8), slice(0, 16))


class TestFigure:
    def test_is_one_picture_with_all_panels(self) -> None:
        picture = why_rgb(first(), explained_data().image, "Region 1")
        assert picture.shape == (SIZE_PX[1], SIZE_PX[0], 3)
        assert picture.dtype == np.uint8
        inked = (picture < 250).any(axis=2)
        assert inked[:90].any()  # title and sentences
        columns = inked[140:330].mean(axis=0)
        assert (columns > 0.5).sum() > 0.8 * SIZE_PX[0]

    def test_is_drawn_of_uncalibrated_images_and_of_scores_without_a_residual(self) -> None:
        data = explained_data(calibrated=False)
        bare = dataclasses.replace(data.explanations[1], occlusion=None, spectrum=None)
        assert why_rgb(bare, data.image).shape == (SIZE_PX[1], SIZE_PX[0], 3)
        assert len(why_view(bare, data.image, (0.0, 1.0), "region 1")["pictures"]) == 3

    def test_clicks_and_words_get_a_row_of_their_own(self) -> None:
        found, image = taught_and_said()
        assert found.likeness is not None
        assert found.saying is not None
        bare = dataclasses.replace(found, likeness=None, saying=None, sentences=found.sentences[2:])
        plain = why_rgb(bare, image)
        assert plain.shape == (SIZE_PX[1], SIZE_PX[0], 3)
        inked = {}
        for name, kept in (("likeness", {"saying": None}), ("saying", {"likeness": None}), ("both", {})):
            picture = why_rgb(dataclasses.replace(found, sentences=bare.sentences, **kept), image)
            assert len(picture) > len(plain) + 200
            (inked[name],) = {float((picture[len(plain) :] < 250).any(axis=2).mean())}
        assert inked["both"] > max(inked["likeness"], inked["saying"]) > min(inked["likeness"], inked["saying"]) > 0.01
        alone = why_rgb(dataclasses.replace(found, saying=None, sentences=()), image)
        reversed_ = dataclasses.replace(
            found.likeness, contributions=tuple((name, -part) for name, part in found.likeness.contributions)
        )
        other = why_rgb(dataclasses.replace(found, saying=None, sentences=(), likeness=reversed_), image)
        assert not np.array_equal(alone[len(plain) :], other[len(plain) :]), "the bars are those of the likeness"

    def test_what_is_said_never_covers_the_pictures(self) -> None:
        data = explained_data()
        heights = [
            len(why_rgb(dataclasses.replace(first(), sentences=("A sentence of one line.",) * count), data.image))
            for count in (1, 3, 4, 9)
        ]
        assert heights[0] == heights[1] == SIZE_PX[1]
        assert heights[1] < heights[2] < heights[3]


@functools.cache
def taught_and_said() -> tuple[Explanation, CalibratedImage]:
    """A region explained by a click, and by words of a model that knows bright from dark."""
    from tests.cli.test_labels import BRIGHT, view
    from tests.word_model import BrightOrDark

    image = CalibratedImage(view(0), 0.1, name="view")
    study = Study(image, backbone="classical")
    region = ScanRegion(center_px=BRIGHT[1], size_px=(24, 24), score=1.0)
    teacher = study.teacher(BRIGHT[:1])
    return study.explain(region, BRIGHT[:1], teacher=teacher, query="bright spots", model=BrightOrDark()), image


class TestAsked:
    def test_modes_and_whether_they_are_combined(self) -> None:
        both = Asked(query="cracks", positives_px=((1.0, 2.0),), negatives_px=((3.0, 4.0),))
        assert both.modes == ("words", "teacher")
        assert both.to_dict() == {
            "modes": ["words", "teacher"],
            "is_combined": True,
            "scorer": None,
            "query": "cracks",
            "positives": [{"y_px": 1.0, "x_px": 2.0}],
            "negatives": [{"y_px": 3.0, "x_px": 4.0}],
            "earlier": [],
        }
        assert not Asked(scorer="spots").to_dict()["is_combined"]
        assert "1 negative click (y 3, x 4 px)" in both.told()
