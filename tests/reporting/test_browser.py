"""The report in a real browser, headless and offline: what a colleague can do with it, by key, by touch and on paper."""

from __future__ import annotations

import csv
import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting.artifacts import measurements_csv
from deepscan_core.reporting.report import ReportData, render_report
from tests.reporting.test_report import full_data, make_data, make_measurement, make_step
from tests.reporting.test_why import explained_data

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PAPERS_PX = {"A4": 186 / 25.4 * 96, "Letter": (215.9 - 24) / 25.4 * 96}  # widths inside the margins of the print style


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium of this computer, driven by Playwright, which downloads none of its own."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on the path: the report is not opened in a browser")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a report in a page of its own; at the end nothing may have been logged, refused or asked of the network."""
    contexts, troubles = [], []

    def opened(data: ReportData, *, prepare: str = "", **options: Any) -> Any:
        options = {"viewport": {"width": 1280, "height": 900}, "offline": True, "color_scheme": "light"} | options
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: troubles.append(request.url) if is_foreign(request.url) else None)
        if prepare:
            page.add_init_script(prepare)
        path = tmp_path / "report.html"
        path.write_text(render_report(data), encoding="utf-8")
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def is_foreign(url: str) -> bool:
    """Whether an address is anything but the report and what it carries."""
    return not (url.startswith("data:") or re.fullmatch(r"file://.*/report\.html(#.*)?", url))


def with_objects() -> ReportData:
    """Objects whose scores are not in the order of their numbers; one touches a border, one area is very large."""
    first = make_measurement(1)
    changes = [{"score": 5.0}, {"score": 11.5, "touches_border": True}, {"score": -2.0, "area_nm2": 2.5e8}]
    objects = tuple(dataclasses.replace(first, id=k, region=k, **change) for k, change in enumerate(changes, 1))
    return dataclasses.replace(full_data(), measurements=objects)


def with_regions(count: int) -> ReportData:
    """Many small regions on noise."""
    image = CalibratedImage(np.random.default_rng(0).random((400, 400)), 0.5, name="noise.tif")
    context = image.context(beam_current_pa=50.0)
    side = int(np.ceil(count**0.5))
    centers = [(10 + 380 * (k // side) / side, 10 + 380 * (k % side) / side) for k in range(count)]
    regions = tuple(ScanRegion(center_px=at, size_px=(12, 12), score=5.0, label="rare") for at in centers)
    return ReportData(
        title="noise.tif",
        image=image,
        score_map=ScoreMap(np.full((400, 400), 3, np.float32), "surprisal"),
        regions=regions,
        protocol=ScanProtocol(
            source_name="s",
            source_sha256=image.sha256,
            context=context,
            steps=tuple(make_step(order, region, context) for order, region in enumerate(regions, 1)),
        ),
        measurements=tuple(
            dataclasses.replace(make_measurement(k), area_nm2=1.17e9, touches_border=True) for k in range(90)
        ),
    )


def preview_share(page: Any) -> float:
    """Share of the frame's width left of the heat map, as drawn."""
    return float(page.evaluate("document.getElementById('cut-rect').x.baseVal.value / 80"))


def column(page: Any, table: str, name: str) -> list[str]:
    """The texts of a column, from top to bottom."""
    index = page.evaluate(
        "([t, n]) => [...document.querySelectorAll(`#${t} thead th`)].findIndex(h => h.dataset.name === n)",
        [table, name],
    )
    return [row.locator("th, td").nth(index).inner_text() for row in page.locator(f"#{table} tbody tr").all()]


class TestSlider:
    def test_moves_by_keys_and_says_where_it_is(self, show: Any) -> None:
        page = show(full_data())
        cut = page.get_by_role("slider")
        assert preview_share(page) == pytest.approx(0.5)
        cut.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        assert preview_share(page) == pytest.approx(0.55)
        assert cut.get_attribute("aria-valuetext") == "55 % preview, 45 % heat map"
        page.keyboard.press("Home")
        assert preview_share(page) == 0
        page.get_by_role("button", name="Only preview").click()
        assert preview_share(page) == pytest.approx(1)

    def test_moves_by_mouse(self, show: Any) -> None:
        page = show(full_data())
        frame = page.locator("#picture").bounding_box()
        middle_y = frame["y"] + frame["height"] / 2
        page.mouse.move(frame["x"] + frame["width"] / 2, middle_y)
        page.mouse.down()
        page.mouse.move(frame["x"] + 0.2 * frame["width"], middle_y, steps=4)
        page.mouse.up()
        page.mouse.move(frame["x"] + 0.9 * frame["width"], middle_y)
        assert preview_share(page) == pytest.approx(0.2, abs=0.01)

    def test_moves_by_touch(self, show: Any) -> None:
        page = show(full_data(), viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        page.locator("#grip i").scroll_into_view_if_needed()
        frame = page.locator("#picture").bounding_box()
        y = frame["y"] + frame["height"] / 2
        touch = page.context.new_cdp_session(page)
        for kind, share in (("touchStart", 0.5), ("touchMove", 0.6), ("touchMove", 0.7), ("touchEnd", None)):
            points = [] if share is None else [{"x": frame["x"] + share * frame["width"], "y": y}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert preview_share(page) == pytest.approx(0.7, abs=0.02)

    def test_the_heat_lies_right_of_the_handle(self, show: Any) -> None:
        values = np.full((40, 80), 9.0, np.float32)
        page = show(dataclasses.replace(make_data(n_regions=0), score_map=ScoreMap(values, "surprisal")))
        page.locator("#cut").fill("50")
        pixels = screenshot(page.locator("#picture")).astype(int)
        width = pixels.shape[1]
        colourful = np.ptp(pixels, axis=2)[: pixels.shape[0] // 4]
        assert colourful[:, : int(0.45 * width)].max() < 12
        assert np.median(colourful[:, int(0.55 * width) :]) > 50

    def test_without_scripts_both_pictures_are_seen_and_no_dead_control(self, show: Any) -> None:
        page = show(full_data(), java_script_enabled=False)
        assert page.locator(".first svg").is_visible()
        assert page.locator(".second svg").is_visible()
        assert not page.locator("button:visible, input:visible").count()
        assert page.locator(".card").count() == 3


def screenshot(locator: Any) -> np.ndarray:
    """What a part of the page looks like, uint8 (rows, cols, 3)."""
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))


class TestTables:
    def test_a_heading_sorts_by_value_and_back(self, show: Any) -> None:
        page = show(with_objects())
        heading = page.locator("#t-objects thead th", has_text="Score")
        heading.get_by_role("button").click()
        assert column(page, "t-objects", "Object") == ["3", "1", "2"]
        assert heading.get_attribute("aria-sort") == "ascending"
        heading.get_by_role("button").press("Enter")
        assert column(page, "t-objects", "Object") == ["2", "1", "3"]
        assert heading.get_attribute("aria-sort") == "descending"
        page.locator("#t-objects thead th", has_text="Area").get_by_role("button").click()
        assert column(page, "t-objects", "Object")[-1] == "3"

    def test_what_is_not_known_stays_below(self, show: Any) -> None:
        page = show(full_data())
        page.evaluate("document.querySelector('#t-efficiency tbody tr').cells[2].dataset.v = ''")
        button = page.locator("#t-efficiency thead th", has_text="Dose").get_by_role("button")
        for _ in range(2):
            button.click()
            assert column(page, "t-efficiency", "Strategy") == ["full raster", "plan"]

    def test_copying_gives_plain_numbers_in_the_order_shown(self, show: Any) -> None:
        page = show(with_objects(), permissions=["clipboard-read", "clipboard-write"])
        page.locator("#t-objects thead th", has_text="Score").get_by_role("button").click()
        page.locator("button.copy[data-table=t-objects]").click()
        page.get_by_role("button", name="Copied").wait_for()
        check_objects_tsv(page.evaluate("navigator.clipboard.readText()"))

    def test_where_the_clipboard_is_refused_the_old_command_copies(self, show: Any) -> None:
        page = show(
            with_objects(), prepare="navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))"
        )
        page.locator("#t-objects thead th", has_text="Score").get_by_role("button").click()
        page.locator("button.copy[data-table=t-objects]").click()
        page.get_by_role("button", name="Copied").wait_for()
        page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
        page.locator("#pasted").focus()
        page.keyboard.press("Control+v")
        check_objects_tsv(page.locator("#pasted").input_value())

    def test_where_all_copying_is_refused_the_text_is_offered(self, show: Any) -> None:
        refuse = (
            "navigator.clipboard.writeText = () => Promise.reject(new Error('no')); document.execCommand = () => false"
        )
        page = show(with_objects(), prepare=refuse)
        page.locator("#t-objects thead th", has_text="Score").get_by_role("button").click()
        page.locator("button.copy[data-table=t-objects]").click()
        area = page.get_by_label("The table as text")
        area.wait_for()
        check_objects_tsv(area.input_value())
        assert page.evaluate("document.activeElement.selectionEnd") == len(area.input_value())
        assert "press Ctrl+C" in page.get_by_role("status").inner_text()

    def test_a_reason_cannot_become_a_formula(self, show: Any) -> None:
        data = full_data()
        steps = tuple(dataclasses.replace(step, reason="=HYPERLINK(A1)\t2") for step in data.protocol.steps)
        data = dataclasses.replace(data, protocol=dataclasses.replace(data.protocol, steps=steps))
        page = show(data, permissions=["clipboard-read", "clipboard-write"])
        page.locator("button.copy[data-table=t-steps]").click()
        page.get_by_role("button", name="Copied").wait_for()
        lines = page.evaluate("navigator.clipboard.readText()").splitlines()
        assert lines[1].split("\t")[-1] == "'=HYPERLINK(A1) 2"
        assert len({len(line.split("\t")) for line in lines}) == 1

    def test_the_link_saves_the_same_csv_as_the_run(self, show: Any, tmp_path: Path) -> None:
        page = show(with_objects())
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Save quantification.csv").click()
        assert waiting.value.suggested_filename == "quantification.csv"
        waiting.value.save_as(tmp_path / "saved.csv")
        assert (tmp_path / "saved.csv").read_text(encoding="utf-8") == measurements_csv(with_objects().measurements)

    def test_the_header_stays_in_sight(self, show: Any) -> None:
        page = show(with_regions(1))
        page.locator("#t-objects").evaluate("table => { table.parentElement.scrollTop = 900 }")
        top = "element => element.getBoundingClientRect().top"
        tops = [page.locator(f"#t-objects{part}").evaluate(top) for part in (" thead th >> nth=0", " >> xpath=..")]
        assert abs(tops[0] - tops[1]) < 2


def check_objects_tsv(text: str) -> None:
    """The table of `with_objects`, sorted by score, as a spreadsheet would read it."""
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    assert [row["Object"] for row in rows] == ["3", "1", "2"]
    assert [float(row["Score"]) for row in rows] == [-2.0, 5.0, 11.5]
    assert [float(row["Area (nm²)"]) for row in rows] == [2.5e8, 3.0, 3.0]
    assert [row["Touches border"] for row in rows] == ["no", "no", "yes"]
    assert float(rows[0]["Orientation (°)"]) == pytest.approx(45)


@pytest.mark.parametrize("count", [1, 300])
class TestGallery:
    def test_a_number_leads_to_its_card_and_back(self, show: Any, count: int) -> None:
        page = show(with_regions(count))
        page.locator(f"#map-{count}").focus()
        page.keyboard.press("Enter")
        wait_until_reached(page, f"region-{count}")
        page.locator(f"#region-{count} h3 a").click()
        wait_until_reached(page, f"map-{count}")

    def test_all_pictures_are_decoded(self, show: Any, count: int) -> None:
        page = show(with_regions(count))
        assert page.evaluate("[...document.images].filter(i => i.complete && i.naturalWidth > 0).length") == count


def wait_until_reached(page: Any, element: str) -> None:
    """Wait until an element has the focus and its middle lies inside the window; the page forbids Playwright's own wait."""
    reached = """id => {
        const box = document.getElementById(id).getBoundingClientRect(), y = (box.top + box.bottom) / 2;
        return document.activeElement.id === id && y > 0 && y < innerHeight;
    }"""
    for _ in range(60):
        if page.evaluate(reached, element):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{element} was not reached")


@pytest.mark.parametrize("width", [320, 390, 768])
@pytest.mark.parametrize("count", [1, 300])
def test_nothing_runs_over_the_side(show: Any, width: int, count: int) -> None:
    page = show(with_regions(count), viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


class TestScheme:
    def test_follows_the_system_until_the_button_is_pressed_and_forgets(self, show: Any) -> None:
        page = show(full_data(), color_scheme="dark")
        button = page.get_by_role("button", name="Dark colours")
        assert background(page) == "rgb(20, 23, 28)"
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        assert background(page) == "rgb(252, 251, 248)"
        assert button.get_attribute("aria-pressed") == "false"
        page.reload()
        assert background(page) == "rgb(20, 23, 28)"

    def test_motion_is_left_out_where_asked(self, show: Any) -> None:
        behaviours = [
            show(full_data(), reduced_motion=wish).evaluate("getComputedStyle(document.documentElement).scrollBehavior")
            for wish in ("reduce", "no-preference")
        ]
        assert behaviours == ["auto", "smooth"]

    def test_the_focus_is_seen(self, show: Any) -> None:
        page = show(full_data())
        for _ in range(2):
            page.keyboard.press("Tab")
        style = page.evaluate(
            "(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))"
        )
        assert style == ["solid", 3]


class TestWhyHere:
    def test_unfolds_by_key_and_takes_the_whole_row(self, show: Any) -> None:
        page = show(explained_data())
        summary = page.locator("#region-1 summary")
        narrow = page.locator("#region-1").bounding_box()["width"]
        assert not page.locator("#region-1 .panels").first.is_visible()
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator("#region-1 .panels").first.is_visible()
        assert page.locator("#region-1").bounding_box()["width"] > 2 * narrow
        page.keyboard.press("Space")
        assert not page.locator("#region-1 .panels").first.is_visible()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 390])
    def test_every_picture_is_drawn_inside_the_page(self, show: Any, scheme: str, width: int) -> None:
        page = show(explained_data(), color_scheme=scheme, viewport={"width": width, "height": 844})
        page.locator("#region-1 summary").click()
        page.locator("#region-1 .panels").last.scroll_into_view_if_needed()
        pictures = page.locator("#region-1 .why img")
        page.wait_for_function("[...document.querySelectorAll('#region-1 .why img')].every(i => i.complete)")
        assert pictures.count() == 9
        assert pictures.evaluate_all("all => all.every(i => i.naturalWidth > 0)")
        ends = page.locator("#region-1 .why figure").evaluate_all("f => f.map(e => e.getBoundingClientRect().right)")
        assert max(ends) <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#region-1 .signed i").is_visible()

    def test_on_paper_what_is_folded_takes_no_room(self, show: Any) -> None:
        page = show(explained_data())
        page.locator("#region-1 summary").click()
        page.emulate_media(media="print")
        assert page.locator("#region-1 .why").is_visible()
        assert not page.locator("#region-2 .why").is_visible()

    def test_unfolds_without_scripts(self, show: Any) -> None:
        page = show(explained_data(), java_script_enabled=False)
        page.locator("#region-2 summary").click()
        assert page.locator("#region-2 .panels").first.is_visible()


def background(page: Any) -> str:
    """The colour of the page."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


@pytest.mark.parametrize("paper", PAPERS_PX)
class TestPaper:
    def test_tables_and_pictures_fit_and_controls_are_gone(self, show: Any, paper: str) -> None:
        width = int(PAPERS_PX[paper])
        page = show(with_regions(300), color_scheme="dark", viewport={"width": width, "height": 1000})
        page.emulate_media(media="print", color_scheme="dark")
        assert background(page) == "rgb(255, 255, 255)"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (
            page.locator("table").evaluate_all("all => Math.max(...all.map(t => t.getBoundingClientRect().right))")
            <= width
        )
        clipped = (
            "all => all.filter(s => s.scrollHeight > s.clientHeight + 1 || s.scrollWidth > s.clientWidth + 1).length"
        )
        assert page.locator(".scroll").evaluate_all(clipped) == 0
        assert page.locator(".js-only:visible, .tools:visible, input:visible, nav:visible").count() == 0
        assert page.locator(".second svg").is_visible()

    def test_prints(self, show: Any, paper: str) -> None:
        printed = {count: pages_of(show(with_regions(count)).pdf(format=paper)) for count in (1, 300)}
        assert 2 <= printed[1] <= 6
        assert printed[1] < printed[300] <= 25


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF file has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))
