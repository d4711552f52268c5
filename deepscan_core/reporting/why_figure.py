"""“Why here” of one region as one picture, for windows that show pictures, and for papers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepscan_core.explain import Explanation
from deepscan_core.records.image import CalibratedImage
from deepscan_core.reporting.drawing import nice_length
from deepscan_core.reporting.palette import BOX_COLOUR
from deepscan_core.reporting.raster import RGB, display_levels, grey_between, scale_bar_units
from deepscan_core.reporting.why import (
    LEAST_SHARE,
    PART_NAMES,
    likeness_caption,
    patch_slices,
    reciprocal_bar,
    said_rgb,
    saying_caption,
    saying_rows,
    signed,
)
from deepscan_core.reporting.why_rasters import (
    MOST_SIGMAS,
    SIGNED_COLOURS,
    observed_rgb,
    predicted_rgb,
    raised_rgb,
    shown_bins,
    signed_rgb,
    spectrum_rgb,
)
from deepscan_core.reporting.wording import number

SIZE_PX = (1180, 680)  # of what is rare; more sentences, and clicks or words, make it higher
_DPI = 100
_INK, _BAR = "#1c2430", "#0077aa"
_COLUMNS = 5
_ROW_PX, _PANEL_PX, _HEAD_PX = 296, 211, 129
_LINE_PX, _LINES = 18.5, 3  # of a sentence, and how many the head has room for
_LETTERS_A_LINE = 150
_LETTERS_A_COLUMN = 40
_BAR_SHARE = 0.4
_MOST_GROUPS = 7  # of features, those that give or take most


def why_rgb(found: Explanation, image: CalibratedImage, title: str = "") -> RGB:
    """Sentences, residual, what raises the score, Fourier transform, nearest patches and the parts of the score; below
    them why it is like the clicks, or what says the words.

    Returns
    -------
    uint8 ndarray of shape (680, 1180, 3); of more rows where clicks or words are explained, or much is said.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    lines = [line for sentence in found.sentences for line in textwrap.wrap(sentence, _LETTERS_A_LINE)]
    sheet = _Sheet(lines, title or "Why here", rows=2 if found.likeness is None and found.saying is None else 3)
    canvas: Any = FigureCanvasAgg(sheet.figure)
    _draw_window(sheet.axes(0, 0, "Seen"), observed_rgb(found), found, outlined=True)
    _draw_window(sheet.axes(0, 1, "Predicted by the rest"), predicted_rgb(found), found)
    difference = sheet.axes(0, 2, "Difference")
    _draw_window(difference, signed_rgb(found.residual.sigmas), found)
    _draw_colour_bar(sheet, difference)
    if found.occlusion is not None:
        most, left = float(found.occlusion.drops_nats.max()), found.occlusion.left_nats
        raised = sheet.axes(0, 3, f"Raises the score: a cell by {number(max(most, 0.0), 2)} nats")
        _draw_window(raised, raised_rgb(found, found.occlusion), found)
        _note(raised, f"without all of it {number(left, 2)} nats")
    if found.spectrum is not None:
        _draw_spectrum(sheet, found)
    _draw_patches(sheet, found, image)
    _draw_parts(sheet, found)
    _draw_asked(sheet, found)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


class _Sheet:
    """A figure with a title, sentences, and rows of panels below them."""

    def __init__(self, lines: Sequence[str], title: str, *, rows: int) -> None:
        from matplotlib.figure import Figure

        self._head_px = _HEAD_PX + _LINE_PX * max(0, len(lines) - _LINES)
        self._height_px = round(self._head_px + SIZE_PX[1] - _HEAD_PX + _ROW_PX * (rows - 2))
        size = (SIZE_PX[0] / _DPI, self._height_px / _DPI)
        self.figure: Any = Figure(figsize=size, dpi=_DPI, facecolor="white")
        told: dict[str, Any] = {"va": "top", "color": _INK, "parse_math": False}
        self.figure.text(0.015, self._up(17), title, fontsize=12, fontweight="bold", **told)
        self.figure.text(0.015, self._up(47.6), "\n".join(lines), fontsize=9.5, linespacing=1.4, **told)

    def axes(self, row: int, column: int, title: str, *, columns: int = 1) -> Any:
        """A panel, perhaps over several columns."""
        left, step = 0.015, 0.985 / _COLUMNS
        bottom = self._up(self._head_px + _ROW_PX * row + _PANEL_PX)
        box = (left + column * step, bottom, columns * step - 0.018, _PANEL_PX / self._height_px)
        axes = self.figure.add_axes(box)
        words = "\n".join(textwrap.wrap(title, columns * _LETTERS_A_COLUMN))
        axes.set_title(words, fontsize=8.5, color=_INK, loc="left", pad=4, parse_math=False)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    def below(self, axes: Any, away_px: float, height_px: float) -> Any:
        """A strip under a panel."""
        box = axes.get_position()
        height = height_px / self._height_px
        return self.figure.add_axes((box.x0, box.y0 - away_px / self._height_px - height, box.width, height))

    def _up(self, down_px: float) -> float:
        """From pixels below the upper edge to the figure's own fractions."""
        return 1 - down_px / self._height_px


def _show(axes: Any, pixels: RGB, found: Explanation, *, is_spectrum: bool = False) -> None:
    rows, cols = pixels.shape[:2]
    y, x = found.pixel_size_nm or (1.0, 1.0)
    axes.imshow(pixels, interpolation="nearest", extent=(0, cols, rows, 0), aspect=x / y if is_spectrum else y / x)


def _draw_window(axes: Any, pixels: RGB, found: Explanation, *, outlined: bool = False) -> None:
    from matplotlib.patches import Rectangle

    _show(axes, pixels, found)
    if outlined:
        top, left, bottom, right = found.region.bounds_px
        corner = (left + 0.5 - found.residual.cols.start, top + 0.5 - found.residual.rows.start)
        axes.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, edgecolor=BOX_COLOUR, linewidth=1.2))
    _draw_bar(axes, pixels, *_bar(found, pixels.shape[1]))


def _bar(found: Explanation, cols: int) -> tuple[float, str]:
    return scale_bar_units(None if found.pixel_size_nm is None else found.pixel_size_nm[1], cols, share=_BAR_SHARE)


def _draw_bar(axes: Any, pixels: RGB, length: float, label: str) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    rows, cols = pixels.shape[:2]
    bar = Rectangle(
        (0.05 * cols, 0.92 * rows), length, 0.025 * rows, facecolor="white", edgecolor="black", linewidth=0.6
    )
    axes.add_patch(bar)
    text = axes.text(
        0.05 * cols, 0.9 * rows, label, color="white", fontsize=8, va="bottom", fontweight="bold", parse_math=False
    )
    text.set_path_effects([Stroke(linewidth=2, foreground="black"), Normal()])


def _draw_colour_bar(sheet: _Sheet, axes: Any) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    bar = sheet.below(axes, 3.4, 8.2)
    colours = LinearSegmentedColormap.from_list("signed", list(SIGNED_COLOURS))
    bar.imshow(np.linspace(0, 1, 256)[None], cmap=colours, aspect="auto", extent=(-MOST_SIGMAS, MOST_SIGMAS, 0, 1))
    bar.set_yticks([])
    bar.set_xticks([-MOST_SIGMAS, 0, MOST_SIGMAS], [f"−{MOST_SIGMAS:g}", "0", f"{MOST_SIGMAS:g} sigma"], fontsize=7)
    bar.tick_params(length=2, pad=1, width=0.5)


def _note(axes: Any, words: str) -> None:
    axes.text(0, -0.02, words, transform=axes.transAxes, va="top", fontsize=7.5, color=_INK, parse_math=False)


def _draw_spectrum(sheet: _Sheet, found: Explanation) -> None:
    from matplotlib.patches import Circle

    spectrum = found.spectrum
    if spectrum is None:
        return
    axes = sheet.axes(0, 4, f"Fourier transform: {100 * spectrum.crystallinity:.0f} % lattice")
    pixels = spectrum_rgb(spectrum)
    _show(axes, pixels, found, is_spectrum=True)
    middle = len(spectrum.power) // 2 - shown_bins(spectrum).start + 0.5
    for y, x in np.concatenate([spectrum.peaks_bins, -spectrum.peaks_bins]):
        axes.add_patch(Circle((middle + x, middle + y), 3.2, fill=False, edgecolor=BOX_COLOUR, linewidth=1.0))
    axes.set(xlim=(0, pixels.shape[1]), ylim=(pixels.shape[0], 0))
    _draw_bar(axes, pixels, *reciprocal_bar(spectrum, found.pixel_size_nm, pixels.shape[1]))
    around = found.crystallinity_around
    window = f"{len(spectrum.power)} px, Hann taper"
    _note(axes, window if around is None else f"{window}; around it {100 * around:.0f} % lattice")


def _draw_patches(sheet: _Sheet, found: Explanation, image: CalibratedImage) -> None:
    near = found.neighbours
    levels = display_levels(image.array)
    kind = "Click" if near.are_clicks else "Like it"
    shown = [("Its patch", near.center_px)]
    shown += [(f"{kind}, {number(one.distance, 2)} away", one.center_px) for one in near.nearest]
    for column, (title, center_px) in enumerate(shown):
        axes = sheet.axes(1, column, title)
        pixels = grey_between(image.array[patch_slices(center_px, near.size_px, image.shape)], levels, 64)
        _show(axes, pixels, found)
        _draw_bar(axes, pixels, *_bar(found, pixels.shape[1]))
        place = f"y {center_px[0]:.0f}, x {center_px[1]:.0f} px"
        _note(axes, place if column else f"{place}; {near.percentile:.3g} % are less odd")


def _draw_parts(sheet: _Sheet, found: Explanation) -> None:
    parts = [item for item in found.contributions_nats.items() if item[1] >= LEAST_SHARE * found.nats > 0]
    parts.sort(key=lambda item: -item[1])
    rows = [(PART_NAMES[name], nats, number(nats, 2)) for name, nats in parts]
    _draw_bars(sheet.axes(1, 4, f"Parts of {number(found.nats)} nats"), rows, most_rows=5)


def _draw_asked(sheet: _Sheet, found: Explanation) -> None:
    """Why it is like the clicks, and what says the words."""
    column = 0
    if found.likeness is not None:
        ranked = sorted(found.likeness.contributions, key=lambda item: -abs(item[1]))[:_MOST_GROUPS]
        axes = sheet.axes(2, column, likeness_caption(found.likeness), columns=2)
        _draw_bars(axes, [(name, value, signed(value)) for name, value in ranked])
        column += 2
    if found.saying is not None:
        axes = sheet.axes(2, column, saying_caption(found.saying), columns=2)
        _draw_bars(axes, [(name, value, signed(value)) for name, value in saying_rows(found.saying)])
        most, left = float(found.saying.occlusion.drops_nats.max()), found.saying.occlusion.left_nats
        said = sheet.axes(2, column + 2, f"Says the words: a cell by {number(max(most, 0.0), 2)}")
        _draw_window(said, said_rgb(found, found.saying), found)
        _note(said, f"without all of it {number(left, 2)}")


def _draw_bars(axes: Any, rows: Sequence[tuple[str, float, str]], *, most_rows: int = _MOST_GROUPS) -> None:
    """Names and numbers above bars from 0, with one round number on the axis."""
    values = [value for _, value, _ in rows]
    longest = max(map(abs, values), default=0.0) or 1.0
    scale = nice_length(longest)
    axes.barh(range(len(rows)), values, height=0.35, color=_BAR)
    for row, (name, _, told) in enumerate(rows):
        axes.text(0, row - 0.28, f"{name}: {told}", va="bottom", fontsize=7.5, color=_INK, parse_math=False)
    reach = 1.02 * max(longest, scale)
    axes.set(ylim=(most_rows - 0.4, -0.8), xlim=(-reach if min(values, default=0.0) < 0 else 0, reach))
    axes.set_xticks([0, scale], ["0", number(scale, 2)], fontsize=7)
    axes.spines[["top", "right", "left"]].set_visible(False)
