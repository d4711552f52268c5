"""“Why here” of one region as one picture, for windows that show pictures, and for papers."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from deepscan_core.explain import Explanation
from deepscan_core.records.image import CalibratedImage
from deepscan_core.reporting.drawing import nice_length
from deepscan_core.reporting.palette import BOX_COLOUR
from deepscan_core.reporting.raster import RGB, display_levels, grey_between, scale_bar_units
from deepscan_core.reporting.why import LEAST_SHARE, PART_NAMES, patch_slices, reciprocal_bar
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

SIZE_PX = (1180, 680)
_DPI = 100
_INK, _BAR = "#1c2430", "#0077aa"
_COLUMNS = 5
_LETTERS_A_LINE = 150
_BAR_SHARE = 0.4


def why_rgb(found: Explanation, image: CalibratedImage, title: str = "") -> RGB:
    """Sentences, residual, what raises the score, Fourier transform, nearest patches and the parts of the score.

    Returns
    -------
    uint8 ndarray of shape (680, 1180, 3).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE_PX[0] / _DPI, SIZE_PX[1] / _DPI), dpi=_DPI, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    lines = [line for sentence in found.sentences for line in textwrap.wrap(sentence, _LETTERS_A_LINE)]
    figure.text(
        0.015, 0.975, title or "Why here", va="top", fontsize=12, fontweight="bold", color=_INK, parse_math=False
    )
    figure.text(0.015, 0.93, "\n".join(lines), va="top", fontsize=9.5, color=_INK, linespacing=1.4, parse_math=False)
    _draw_window(_axes(figure, 0, 0, "Seen"), observed_rgb(found), found, outlined=True)
    _draw_window(_axes(figure, 0, 1, "Predicted by the rest"), predicted_rgb(found), found)
    difference = _axes(figure, 0, 2, "Difference")
    _draw_window(difference, signed_rgb(found.residual.sigmas), found)
    _draw_colour_bar(figure, difference)
    if found.occlusion is not None:
        most, left = float(found.occlusion.drops_nats.max()), found.occlusion.left_nats
        raised = _axes(figure, 0, 3, f"Raises the score: a cell by {number(max(most, 0.0), 2)} nats")
        _draw_window(raised, raised_rgb(found, found.occlusion), found)
        _note(raised, f"without all of it {number(left, 2)} nats")
    if found.spectrum is not None:
        _draw_spectrum(figure, found)
    _draw_patches(figure, found, image)
    _draw_parts(figure, found)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _axes(figure: Any, row: int, column: int, title: str) -> Any:
    left, step = 0.015, 0.985 / _COLUMNS
    axes = figure.add_axes((left + column * step, 0.5 - 0.435 * row, step - 0.018, 0.31))
    axes.set_title(title, fontsize=8.5, color=_INK, loc="left", pad=4, parse_math=False)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


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


def _draw_colour_bar(figure: Any, axes: Any) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    box = axes.get_position()
    bar = figure.add_axes((box.x0, box.y0 - 0.017, box.width, 0.012))
    colours = LinearSegmentedColormap.from_list("signed", list(SIGNED_COLOURS))
    bar.imshow(np.linspace(0, 1, 256)[None], cmap=colours, aspect="auto", extent=(-MOST_SIGMAS, MOST_SIGMAS, 0, 1))
    bar.set_yticks([])
    bar.set_xticks([-MOST_SIGMAS, 0, MOST_SIGMAS], [f"−{MOST_SIGMAS:g}", "0", f"{MOST_SIGMAS:g} sigma"], fontsize=7)
    bar.tick_params(length=2, pad=1, width=0.5)


def _note(axes: Any, words: str) -> None:
    axes.text(0, -0.02, words, transform=axes.transAxes, va="top", fontsize=7.5, color=_INK, parse_math=False)


def _draw_spectrum(figure: Any, found: Explanation) -> None:
    from matplotlib.patches import Circle

    spectrum = found.spectrum
    if spectrum is None:
        return
    axes = _axes(figure, 0, 4, f"Fourier transform: {100 * spectrum.crystallinity:.0f} % lattice")
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


def _draw_patches(figure: Any, found: Explanation, image: CalibratedImage) -> None:
    near = found.neighbours
    levels = display_levels(image.array)
    kind = "Click" if near.are_clicks else "Like it"
    shown = [("Its patch", near.center_px)]
    shown += [(f"{kind}, {number(one.distance, 2)} away", one.center_px) for one in near.nearest]
    for column, (title, center_px) in enumerate(shown):
        axes = _axes(figure, 1, column, title)
        pixels = grey_between(image.array[patch_slices(center_px, near.size_px, image.shape)], levels, 64)
        _show(axes, pixels, found)
        _draw_bar(axes, pixels, *_bar(found, pixels.shape[1]))
        place = f"y {center_px[0]:.0f}, x {center_px[1]:.0f} px"
        _note(axes, place if column else f"{place}; {near.percentile:.3g} % are less odd")


def _draw_parts(figure: Any, found: Explanation) -> None:
    axes = _axes(figure, 1, 4, f"Parts of {number(found.nats)} nats")
    parts = [item for item in found.contributions_nats.items() if item[1] >= LEAST_SHARE * found.nats > 0]
    parts.sort(key=lambda item: -item[1])
    longest = max((nats for _, nats in parts), default=0.0) or 1.0
    scale = nice_length(longest)
    axes.barh(range(len(parts)), [nats for _, nats in parts], height=0.35, color=_BAR)
    for row, (name, nats) in enumerate(parts):
        axes.text(0, row - 0.28, f"{PART_NAMES[name]}: {number(nats, 2)}", va="bottom", fontsize=7.5, color=_INK)
    axes.set(ylim=(4.6, -0.8), xlim=(0, 1.02 * max(longest, scale)))
    axes.set_xticks([0, scale], ["0", number(scale, 2)], fontsize=7)
    axes.spines[["top", "right", "left"]].set_visible(False)
