"""The report as a colleague's browser gets it: whole, harmless, and with every number in its place."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.reporting.curves import efficiency_plot
from deepscan_core.reporting.report import ReportData, render_report

VOID = {"meta", "img", "br", "link", "input", "hr"}
HOSTILE = '<script>alert("1")</script>&"\' http.tif'


class Page(HTMLParser):
    """Elements with their attributes, the text, and a check that every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["style"], ["script"]):
            self.text += data

    def of(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """Attributes of the elements of a kind."""
        wanted = {key.rstrip("_"): value for key, value in wanted.items()}
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]


def make_data(*, n_regions: int = 3, calibrated: bool = True, **changes: Any) -> ReportData:
    """A report on a 40 x 80 image with square regions of 10 px along its middle."""
    image = CalibratedImage(np.random.default_rng(0).random((40, 80)), 0.5 if calibrated else None, name="sample.tif")
    context = image.context(beam_current_pa=50.0)
    regions = tuple(
        ScanRegion(center_px=(19.5, 9.5 + 20 * k), size_px=(10, 10), score=5.0 + k, label="rare")
        for k in range(n_regions)
    )
    steps = tuple(make_step(order, region, context) for order, region in enumerate(regions, 1))
    protocol = ScanProtocol(
        source_name=image.name,
        source_sha256=image.sha256,
        context=context,
        steps=steps,
        predicted_time_s=4.5,
        predicted_electrons=1e9 if calibrated else None,
    )
    data = ReportData(
        title="A title",
        image=image,
        score_map=ScoreMap(np.full((40, 80), 3, np.float32), "surprisal", "what is rare"),
        regions=regions,
        protocol=protocol,
        measurements=(make_measurement(1, calibrated=calibrated),),
    )
    return dataclasses.replace(data, **changes)


def make_step(order: int, region: ScanRegion, context: ScanContext, rotation_rad: float = 0.0) -> ScanStep:
    """The step that visits a region."""
    nm: dict[str, float] = {}
    if context.is_calibrated:
        y_nm, x_nm = context.nm_from_px(region.center_px)
        height_nm, width_nm = context.size_nm_from_px(region.size_px)
        nm = {"center_y_nm": y_nm, "center_x_nm": x_nm, "height_nm": height_nm, "width_nm": width_nm}
        nm["dose_e_per_nm2"] = 1234.0
    return ScanStep(
        order=order,
        center_y_px=region.center_px[0],
        center_x_px=region.center_px[1],
        height_px=region.size_px[0],
        width_px=region.size_px[1],
        rows=32,
        cols=48,
        dwell_time_us=8.0,
        rotation_rad=rotation_rad,
        priority=region.score,
        reason=region.label,
        **nm,
    )


def make_measurement(id_: int, *, calibrated: bool = True) -> RegionMeasurement:
    """An object of 12 px."""
    nm = 0.5 if calibrated else None
    return RegionMeasurement(
        id=id_,
        region=1,
        centroid_y_nm=nm,
        centroid_x_nm=nm,
        area_nm2=nm and 3.0,
        equivalent_diameter_nm=nm and 1.95,
        major_axis_nm=nm and 2.5,
        minor_axis_nm=nm and 1.5,
        orientation_rad=math.pi / 4,
        mean_intensity=0.5,
        score=5.0,
        touches_border=False,
        centroid_y_px=19.5,
        centroid_x_px=9.5,
        area_px=12.0,
        equivalent_diameter_px=3.9,
        major_axis_px=5.0,
        minor_axis_px=3.0,
    )


def make_tile(data: ReportData, order: int) -> ScanFrame:
    """The frame of a step."""
    return ScanFrame(
        values=np.random.default_rng(order).random((32, 48)).astype(np.float32),
        channel="HAADF",
        context=data.protocol.context,
        step=data.protocol.steps[order - 1],
        dwell_time_us=8.0,
        dose_e_per_nm2=1234.0,
    )


def full_data() -> ReportData:
    """Every section has something to say."""
    data = make_data()
    rows = [
        {
            "strategy": name,
            "area_fraction": k / 10,
            "dose_fraction": k / 10,
            "time_s": k,
            "captured_fraction": k / 10,
            "basis": "truth",
        }
        for name in ("plan", "full raster")
        for k in range(3)
    ]
    return dataclasses.replace(
        data,
        tiles=tuple(make_tile(data, order) for order in (1, 2, 3)),
        efficiency=tuple(rows),
        parameters={"scorer": "surprisal", "seed": 0, "query": None},
        versions={"numpy": "2.4.6"},
        timings_s={"features": 0.25, "plan": 0.05},
        notes=("Beam current 50 pA is assumed",),
        truth_nm=((0.0, -15.0), (9.0, 19.0)),
    )


def test_every_section_is_there_and_the_page_is_well_formed() -> None:
    page = Page(render_report(full_data()))
    for words in ("A title", "sample.tif", "HAADF", "what is rare", "Beam current 50 pA is assumed", "2.4.6", "250 ms"):
        assert words in page.text
    assert "1 of 2 lie inside" in page.text
    assert page.of("svg", class_="plot")
    assert full_data().image.sha256 in page.text


@pytest.mark.parametrize("data", [full_data(), make_data(n_regions=0), make_data(calibrated=False)])
def test_nothing_is_fetched(data: ReportData) -> None:
    html = render_report(data)
    assert not re.search(
        r"https?:|file:|//[a-z]|@import|url\((?!#)", re.sub(r"base64,[A-Za-z0-9+/=]+", "", html).split("<script>")[0]
    )
    assert not re.search(r"https?:|file:|src\s*=|fetch|XMLHttp", html.split("<script>")[1])
    for _, attributes in Page(html).elements:
        for key in ("src", "href"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/png;base64,", "data:text/csv;base64,"))
    assert "default-src 'none'" in html


def test_only_the_pages_own_script_may_run() -> None:
    html = render_report(full_data())
    script = html.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = Page(html).of("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert f"script-src 'sha256-{digest}';" in str(policy)


def test_a_hostile_name_stays_text() -> None:
    data = full_data()
    image = dataclasses.replace(data.image, name=HOSTILE)
    steps = tuple(dataclasses.replace(step, reason=HOSTILE) for step in data.protocol.steps)
    protocol = dataclasses.replace(data.protocol, steps=steps, source_sha256="1" * 64, provenance={HOSTILE: HOSTILE})
    score_map = dataclasses.replace(data.score_map, label=HOSTILE)
    efficiency = tuple({**row, "strategy": HOSTILE, "basis": HOSTILE} for row in data.efficiency)
    page = Page(
        render_report(
            dataclasses.replace(
                data,
                title=HOSTILE,
                image=image,
                protocol=protocol,
                score_map=score_map,
                efficiency=efficiency,
                parameters={HOSTILE: [HOSTILE]},
                versions={HOSTILE: HOSTILE},
                timings_s={HOSTILE: 1.0},
                notes=(HOSTILE,),
                tiles=tuple(dataclasses.replace(tile, channel=HOSTILE) for tile in data.tiles),
            )
        )
    )
    assert len(page.of("script")) == 1
    assert page.text.count(HOSTILE) > 10
    assert not any("onload" in attributes or "onerror" in attributes for _, attributes in page.elements)


def test_every_region_is_drawn_listed_and_linked_under_its_number() -> None:
    page = Page(render_report(full_data()))
    for number in ("1", "2", "3"):
        assert len(page.of("tr", id=f"step-{number}")) == 1
        assert len(page.of("a", id=f"map-{number}", href=f"#region-{number}")) == 1
        assert len(page.of("li", id=f"region-{number}")) == 1
        assert page.of("a", href=f"#map-{number}")


def test_a_region_covers_its_share_of_the_frame() -> None:
    page = Page(render_report(make_data(n_regions=2)))
    first = page.of("rect", class_="over")[0]
    *_, width, height = (float(v) for v in str(page.of("svg")[0]["viewbox"]).split())
    shares = [
        float(str(first[key])) / total
        for key, total in (("x", width), ("width", width), ("y", height), ("height", height))
    ]
    assert shares == pytest.approx([5 / 80, 10 / 80, 15 / 40, 10 / 40], abs=1e-4)
    route = str(page.of("polyline")[0]["points"]).split()
    assert [[float(v) for v in point.split(",")] for point in route] == [[10, 20], [30, 20]]


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    page = Page(render_report(make_data()))
    assert float(str(page.of("rect", class_="bar")[0]["width"])) * 0.5 == pytest.approx(5.0)
    assert "5 nm" in page.text


def test_a_turned_step_is_drawn_turned_counter_clockwise() -> None:
    data = make_data(n_regions=1)
    step = dataclasses.replace(data.protocol.steps[0], rotation_rad=math.radians(30))
    page = Page(render_report(dataclasses.replace(data, protocol=dataclasses.replace(data.protocol, steps=(step,)))))
    assert page.of("rect", class_="over")[0]["transform"] == "rotate(-30.0000 10.000 20.000)"
    assert "30°" in page.text


def test_dose_in_both_units_and_key_numbers() -> None:
    text = Page(render_report(full_data())).text
    for words in ("1234 e/nm²", "12.3 e/Å²", "9.38 %", "4.50 s", "regions planned"):
        assert words in text


def test_zero_regions() -> None:
    text = Page(render_report(make_data(n_regions=0, measurements=()))).text
    assert "Nothing here above the level" in text
    assert "No object was measured" in text


def test_without_tiles_it_says_so() -> None:
    assert "Planned, not yet acquired" in Page(render_report(make_data())).text


def test_without_calibration_there_are_pixels_and_no_dose() -> None:
    text = Page(render_report(make_data(calibrated=False))).text
    assert "not stated" in text
    assert "20 px" not in text.split("Where to look")[0]
    assert "10 px" in text
    assert "pixel size is not known" in text
    assert not re.search(r"\d nm", text)


def test_regions_without_a_step_are_dashed() -> None:
    data = make_data()
    protocol = dataclasses.replace(data.protocol, steps=data.protocol.steps[:1])
    page = Page(render_report(dataclasses.replace(data, protocol=protocol)))
    assert "2 more found, not in the plan" in page.text
    assert page.of("g", class_="left")


def test_thousands_of_objects_are_cut_and_counted() -> None:
    html = render_report(make_data(measurements=tuple(make_measurement(k) for k in range(1, 3001))))
    text = Page(html).text
    assert "The first 500 of 3000" in text
    assert "quantification.csv" in text
    assert len(html) < 1.5e6


def test_the_largest_report_stays_below_its_bound() -> None:
    """Noise does not compress: 450 regions with tiles of 256 x 256 samples on an image of 2048 x 2048 pixels."""
    rng = np.random.default_rng(0)
    image = CalibratedImage(rng.random((2048, 2048)), 0.5, name="noise.tif")
    context = image.context(beam_current_pa=50.0)
    centers = [(45.0 + 90 * (k // 22), 45.0 + 90 * (k % 22)) for k in range(450)]
    regions = tuple(ScanRegion(center_px=at, size_px=(88, 88), score=5.0, label="rare") for at in centers)
    steps = tuple(
        dataclasses.replace(make_step(order, region, context), rows=256, cols=256)
        for order, region in enumerate(regions, 1)
    )
    values = rng.random((256, 256)).astype(np.float32)
    tiles = tuple(
        ScanFrame(values=values, channel="HAADF", context=context, step=step, dwell_time_us=8.0) for step in steps
    )
    data = ReportData(
        title="noise",
        image=image,
        score_map=ScoreMap((10 * rng.random((2048, 2048))).astype(np.float32), "surprisal"),
        regions=regions,
        protocol=ScanProtocol(source_name="s", source_sha256=image.sha256, context=context, steps=steps),
        measurements=tuple(make_measurement(k) for k in range(1, 20_001)),
        tiles=tiles,
    )
    html = render_report(data)
    assert len(html) < 12e6
    page = Page(html)
    assert "The first 400 of 450 regions" in page.text
    assert len(page.of("img")) == 800
    assert "Save quantification.csv" not in page.text
    assert {a.get("href", "") for a in page.of("a") if str(a.get("id")).startswith("map-")} >= {"", "#region-400"}


def test_a_large_image_is_averaged_down() -> None:
    image = CalibratedImage(np.random.default_rng(0).random((2600, 2600)), 1.0)
    protocol = ScanProtocol(source_name="s", source_sha256=image.sha256, context=image.context(), steps=())
    score_map = ScoreMap(np.zeros(image.shape, np.float32), "probability")
    html = render_report(
        ReportData(title="t", image=image, score_map=score_map, regions=(), protocol=protocol, measurements=())
    )
    assert len(html) < 5e6


def test_pictures_have_words() -> None:
    page = Page(render_report(full_data()))
    assert all(attributes.get("alt") for attributes in page.of("img"))
    assert all(
        attributes.get("aria-label") for attributes in (*page.of("svg", role="group"), *page.of("svg", role="img"))
    )
    assert len(page.of("caption")) == len(page.of("table")) == 3
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.of("th"))
    assert page.of("html", lang="en")


def test_headings_are_in_order() -> None:
    levels = [int(tag[1]) for tag, _ in Page(render_report(full_data())).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_every_id_is_unique_and_every_link_arrives() -> None:
    page = Page(render_report(full_data()))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {str(a["href"])[1:] for _, a in page.elements if str(a.get("href")).startswith("#")}
    named |= {str(a["aria-labelledby"]) for _, a in page.elements if "aria-labelledby" in a}
    assert named <= set(ids)


def test_the_heat_map_says_where_its_peak_is() -> None:
    values = np.full((40, 80), 0.5, np.float32)
    values[20, 30], values[:4, :8] = 9.0, 4.0
    text = Page(render_report(make_data(score_map=ScoreMap(values, "surprisal")))).text
    assert "1.03 % of the frame scores above 1.4; the highest score, 9, lies in the centre, in region 2." in text


class TestHonesty:
    def test_notes_come_first_as_sentences(self) -> None:
        text = Page(render_report(make_data(notes=("no pixel size is known", "a bar was cropped.")))).text
        before = text.split("Where to look")[0]
        assert "Before you use these numbers" in before
        assert "No pixel size is known." in before
        assert "A bar was cropped." in before

    def test_without_notes_there_is_no_box(self) -> None:
        assert "Before you use" not in Page(render_report(make_data())).text

    def test_an_assumed_current_is_called_assumed_beside_the_dose(self) -> None:
        data = make_data()
        assumed = dataclasses.replace(data.protocol, provenance={"beam_current": "assumed"})
        text = Page(render_report(dataclasses.replace(data, protocol=assumed))).text
        assert "dose in the regions, current assumed" in text
        assert "50 pA, assumed" in text
        assert "assumed" not in Page(render_report(data)).text

    def test_an_uncalibrated_image_is_called_so_where_it_matters(self) -> None:
        text = Page(render_report(make_data(calibrated=False))).text
        assert "not calibrated" in text.split("Where to look")[0]
        assert "Not calibrated: the scale bar counts pixels" in text
        assert "Not calibrated: lengths and areas in px" in text


class TestEfficiency:
    def test_unknown_truth_is_said_in_words(self) -> None:
        rows = tuple(
            {"strategy": "plan", "area_fraction": 0.1, "dose_fraction": 0.1, "time_s": 1, "captured_fraction": c}
            for c in (None, "")
        )
        page = Page(render_report(make_data(efficiency=rows)))
        assert "not stated" in page.text
        assert not page.of("svg", class_="plot")

    def test_steps_rise_where_a_frame_is_finished(self) -> None:
        rows = [
            {"strategy": "plan", "dose_fraction": d, "captured_fraction": c, "basis": "truth"}
            for d, c in ((0.5, 0.25), (1.0, 1.0))
        ]
        plot = efficiency_plot(rows)
        assert plot is not None
        assert plot.curves[0].path == "M58.0 268.0H332.0V204.5H606.0V14.0"
        assert plot.x_ticks[-1][1] == "100 %"

    def test_without_dose_the_area_is_the_axis(self) -> None:
        rows = [
            {"strategy": "plan", "area_fraction": a, "dose_fraction": None, "captured_fraction": a} for a in (0.05, 0.1)
        ]
        plot = efficiency_plot(rows)
        assert plot is not None
        assert plot.x_label == "area fraction"
        assert plot.x_ticks[-1][1] == "10 %"

    def test_a_word_for_a_number_is_refused(self) -> None:
        with pytest.raises(InputError, match="captured_fraction"):
            efficiency_plot([{"strategy": "plan", "dose_fraction": 1, "captured_fraction": "most"}])

    def test_no_row_is_no_section(self) -> None:
        assert "Efficiency" not in Page(render_report(make_data())).text


def test_a_plan_for_another_image_is_refused() -> None:
    data = make_data()
    with pytest.raises(InputError, match="protocol"):
        render_report(
            dataclasses.replace(
                data,
                image=CalibratedImage(np.zeros((32, 32))),
                score_map=ScoreMap(np.zeros((32, 32), np.float32), "surprisal"),
            )
        )
