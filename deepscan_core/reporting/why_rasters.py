"""The small pictures of an explanation as pixels: residual, what raises the score, Fourier transform.

Colours have one absolute meaning in every picture: sigmas from -10 to 10, shares of a score from 0 to 1, power from that of
the picture's own noise to ten thousand times as much.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.explain import Explanation
from deepscan_core.explain.occlusion import Occlusion
from deepscan_core.explain.spectrum import Spectrum
from deepscan_core.reporting.raster import RGB, VEIL_OPACITY, grey_between, heat_rgba

MOST_SIGMAS = 10.0
MOST_DECADES = 4.0
SHOWN_SHARE = 0.75  # of the spatial frequencies along each axis: beyond there is noise
SIGNED_COLOURS = (
    "#1b3f8b",
    "#5b8fd6",
    "#f4f1ea",
    "#e08a35",
    "#7a3405",
)  # dark to bright; told apart without red or green
LEAST_HEAT = 0.02  # of a score: nothing is drawn


def signed_rgb(sigmas: npt.NDArray[np.floating]) -> RGB:
    """Blue below what is predicted, orange above it, white as predicted; uint8 (rows, cols, 3)."""
    share = np.clip(np.asarray(sigmas, float) / MOST_SIGMAS / 2 + 0.5, 0, 1)
    pixels: RGB = _signed_table()[np.round(255 * share).astype(np.intp)]
    return pixels


def signed_stops() -> str:
    """The colours from -10 to 10 sigma as stops of a CSS gradient."""
    return ", ".join(SIGNED_COLOURS)


def observed_rgb(found: Explanation) -> RGB:
    """What is seen in the window of the residual."""
    return grey_between(found.residual.observed, residual_levels(found), max(found.residual.observed.shape))


def predicted_rgb(found: Explanation) -> RGB:
    """What the rest of the image predicts there, in the same grey levels."""
    return grey_between(found.residual.predicted, residual_levels(found), max(found.residual.predicted.shape))


def residual_levels(found: Explanation) -> tuple[float, float]:
    """Black and white of both."""
    both = np.concatenate([found.residual.observed, found.residual.predicted])
    black, white = float(both.min()), float(both.max())
    return (black, white) if white > black else (black - 0.5, black + 0.5)


def raised_rgb(found: Explanation, occlusion: Occlusion, *, whole: float | None = None) -> RGB:
    """The window under the share of a score that each cell takes with it, when it is replaced; by default the surprisal."""
    rows, cols = found.residual.rows, found.residual.cols
    share = np.full(found.residual.observed.shape, np.nan)
    drops = np.maximum(occlusion.drops_nats, 0) / max(found.nats if whole is None else whole, 1e-9)
    y, x = np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop)
    inside = [(at >= span.start) & (at < span.stop) for at, span in ((y, occlusion.rows), (x, occlusion.cols))]
    cells = [
        _cell_numbers(at[within], span, n)
        for at, within, span, n in zip(
            (y, x), inside, (occlusion.rows, occlusion.cols), occlusion.drops_nats.shape, strict=True
        )
    ]
    share[np.ix_(*inside)] = drops[np.ix_(*cells)]
    grey = observed_rgb(found).astype(np.float64) * (1 - VEIL_OPACITY)
    heat = heat_rgba(share, low=LEAST_HEAT, high=1.0).astype(np.float64)
    alpha = heat[..., 3:] / 255
    pixels: RGB = np.round(alpha * heat[..., :3] + (1 - alpha) * grey).astype(np.uint8)
    return pixels


def spectrum_rgb(spectrum: Spectrum) -> RGB:
    """Logarithm of the power over its median, without the highest frequencies; zero frequency in the middle."""
    shown = spectrum.power[shown_bins(spectrum), shown_bins(spectrum)]
    noise = max(float(np.median(spectrum.power)), float(np.finfo(np.float32).tiny))
    decades = np.log10(np.maximum(shown / noise, 1e-6))
    return grey_between(decades, (0.0, MOST_DECADES), len(shown))


def shown_bins(spectrum: Spectrum) -> slice:
    """Rows, and columns, of the spectrum that are shown; the zero frequency is in their middle bin."""
    side = len(spectrum.power)
    reach = max(4, int(SHOWN_SHARE * side / 2))
    return slice(side // 2 - reach, side // 2 + reach + 1) if reach < side // 2 else slice(0, side)


def _cell_numbers(at: npt.NDArray[np.intp], span: slice, count: int) -> npt.NDArray[np.intp]:
    edges = np.linspace(span.start, span.stop, count + 1).round()
    return np.clip(np.searchsorted(edges, at, side="right") - 1, 0, count - 1)


def _signed_table() -> RGB:
    """256 colours, uint8 (256, 3)."""
    corners = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in SIGNED_COLOURS], float)
    at = np.linspace(0, len(corners) - 1, 256)
    table = np.stack([np.interp(at, np.arange(len(corners)), channel) for channel in corners.T], axis=1)
    return np.round(table).astype(np.uint8)
