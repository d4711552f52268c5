"""Contrast and colours computed from the page's own CSS, and as people with colour vision deficiencies see them."""

from __future__ import annotations

import re
from io import BytesIO
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from deepscan_core.reporting import palette
from deepscan_core.reporting.raster import NEVER_MEASURED_RGB, heat_bar_rgb, heat_png, heat_rgba
from deepscan_core.reporting.report import render_report
from tests.reporting.test_report import full_data

Floats = npt.NDArray[np.float64]

# Full-strength deficiencies on linear RGB: Machado, Oliveira and Fernandes, IEEE TVCG 15 (2009) 1291,
# doi:10.1109/TVCG.2009.113, the table for severity 1.0.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
all_visions = pytest.mark.parametrize("vision", VISIONS)


def rgb(colour: str) -> Floats:
    """``#rrggbb`` as three numbers from 0 to 255."""
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)], float)


def linear(colours: npt.ArrayLike) -> Floats:
    """sRGB from 0 to 255 to linear light from 0 to 1."""
    unit = np.asarray(colours, float) / 255
    return np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)


def lab_as_seen(colours: npt.ArrayLike, vision: str) -> Floats:
    """CIELAB, (n, 3), of colours (n, 3) as somebody with that vision sees them."""
    seen = np.clip(linear(colours) @ VISIONS[vision].T, 0, 1)
    encoded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(encoded[None])[0])


def smallest_difference(colours: npt.ArrayLike, vision: str) -> float:
    """The smallest CIEDE2000 difference between any two colours."""
    seen = lab_as_seen(colours, vision)
    return min(float(deltaE_ciede2000(one, other)) for one, other in combinations(seen, 2))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    lights = sorted(float(linear(rgb(colour)) @ [0.2126, 0.7152, 0.0722]) + 0.05 for colour in (one, other))
    return lights[1] / lights[0]


def css_scheme(scheme: str) -> dict[str, str]:
    """The colours that the page's CSS sets for a scheme."""
    css = render_report(full_data()).split("<style>")[1].split("</style>")[0]
    selector = {
        "light": r"^:root \{",
        "dark": r'^:root\[data-scheme="dark"\] \{',
        "print": r"@media print \{ :root,[^{]*\{",
    }[scheme]
    block = re.split(selector, css, maxsplit=1, flags=re.MULTILINE)[1].split("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


def test_the_formulas_give_the_published_values() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    grey = lab_as_seen([[119, 119, 119]], "protanopia")[0]
    assert grey == pytest.approx(lab_as_seen([[119, 119, 119]], "normal")[0], abs=0.2)
    red, green = rgb("#d40000"), rgb("#6b6b00")
    assert smallest_difference([red, green], "protanopia") < 0.3 * smallest_difference([red, green], "normal")


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
class TestContrast:
    def test_text_reaches_level_aa(self, scheme: str) -> None:
        css = css_scheme(scheme)
        pairs = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("paper", "wash", "lit")]
        ratios = {pair: contrast(css[pair[0]], css[pair[1]]) for pair in [*pairs, ("ink", "warn")]}
        assert min(ratios.values()) >= 4.5, ratios

    def test_controls_marks_and_curves_stand_out(self, scheme: str) -> None:
        css = css_scheme(scheme)
        ratios = {name: contrast(css[name], css["paper"]) for name in ("edge", "accent", "warn-edge", *curves())}
        assert min(ratios.values()) >= 3, ratios


def curves() -> list[str]:
    """Names of the curves' colours."""
    return [f"c{k}" for k in range(6)]


def test_the_page_states_the_palettes() -> None:
    for scheme, colours in (("light", palette.LIGHT), ("dark", palette.DARK), ("print", palette.PRINT)):
        stated = css_scheme(scheme)
        assert {name: stated[name] for name in colours} == dict(colours)


@all_visions
class TestColourVision:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_curves_stay_apart(self, scheme: str, vision: str) -> None:
        colours = [rgb(css_scheme(scheme)[name]) for name in curves()]
        assert smallest_difference(colours, vision) >= 15

    def test_regions_defects_route_and_gaps_stay_apart(self, vision: str) -> None:
        colours = [rgb(c) for c in (palette.BOX_COLOUR, palette.RING_COLOUR, palette.ROUTE_COLOUR)]
        assert smallest_difference([*colours, NEVER_MEASURED_RGB], vision) >= 15

    def test_marks_stand_out_from_every_heat_colour(self, vision: str) -> None:
        heat = lab_as_seen(heat_bar_rgb(33), vision)
        for colour in (palette.BOX_COLOUR, palette.RING_COLOUR):
            mark = lab_as_seen([rgb(colour)], vision)[0]
            assert min(float(deltaE_ciede2000(mark, other)) for other in heat) >= 14

    def test_a_higher_score_is_lighter_on_mid_grey(self, vision: str) -> None:
        lightness = lab_as_seen(heat_bar_rgb(33), vision)[:, 0]
        assert (np.diff(lightness) > 0).all()
        assert lightness[-1] - lightness[0] > 40

    def test_quarters_of_the_scale_are_told_apart(self, vision: str) -> None:
        assert smallest_difference(heat_bar_rgb(5), vision) >= 8

    def test_steps_of_the_scale_are_even(self, vision: str) -> None:
        seen = lab_as_seen(heat_bar_rgb(17), vision)
        steps = [float(deltaE_ciede2000(one, other)) for one, other in pairwise(seen)]
        assert max(steps) < 4 * np.median(steps)


def test_the_palette_file_of_the_heat_has_the_colours_of_the_heat() -> None:
    values = np.linspace(-1, 12, 400).reshape(20, 20)
    values[3, 3] = np.nan
    drawn = np.asarray(Image.open(BytesIO(heat_png(values, low=1, high=10))).convert("RGBA")).astype(int)
    assert np.abs(drawn - heat_rgba(values, low=1, high=10).astype(int)).max() <= 2
