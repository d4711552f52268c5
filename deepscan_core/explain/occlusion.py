"""What in a region raises its score: parts of it are replaced by what the rest of the image predicts, and scored again.

The residual of what is replaced is zero. Spots, lines and brightness are linear in the image before their sign is dropped,
so each replacement is exact given the prediction, and all of them are filtered at once (occlusion: Zeiler and Fergus 2014,
doi:10.1007/978-3-319-10590-1_53, with a prediction in the place of the grey square).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.filters import doubled, lines_of_frames, spots_of_frames
from deepscan_core.scoring.parts import PartName, Parts
from deepscan_core.scoring.surprisal import FINE_SPOT_PX, POWER, SPOT_PX, surroundings

FloatImage = npt.NDArray[np.float32]
Slices = tuple[slice, slice]

CELLS = 6  # along the longer side, at most
SMALLEST_CELL_PX = 4
LARGEST_PX = 96  # of a side that is looked at, around the highest score
MARGIN_PX = 48  # how far a filter reaches


@dataclass(frozen=True, kw_only=True, eq=False)
class Occlusion:
    """Scores of a region with parts of it replaced.

    Attributes
    ----------
    rows, cols : what was divided into cells; the region, or its part of 96 px around the highest score.
    drops_nats : by how much the highest score there falls when a cell is replaced, shape (cell_rows, cell_cols).
    left_nats : the highest score there when all of it is replaced: what the patches see, and what reaches in from outside.
    """

    rows: slice
    cols: slice
    drops_nats: FloatImage
    left_nats: float


def occlude(parts: Parts, inner: Slices, peak_px: tuple[int, int]) -> Occlusion | None:
    """Replace each cell of a region, and all of them; None where the score is not made of a residual that is kept.

    Parameters
    ----------
    parts : of the image.
    inner : rows and columns of the region, inside the image.
    peak_px : pixel (row, column) of its highest score.

    Notes
    -----
    The prediction stays as it was: that the rest of the image would be predicted a little differently without the cell does
    not count. Features of patches are not made again, their part stays. A cell is 4 px or more.
    """
    if "spots" not in parts.signed:
        return None
    spans = [_around(span, at) for span, at in zip(inner, peak_px, strict=True)]
    looked_at = (spans[0], spans[1])
    cells, grid = cells_of(*looked_at)
    frame = _frame(looked_at, parts.sigmas.shape)
    masks = np.zeros((len(cells) + 1, *(span.stop - span.start for span in frame)), np.float32)
    for number, cell in enumerate([*cells, looked_at]):
        masks[number, *_moved(cell, frame)] = 1
    highest = parts.nats(_replaced(parts, masks, frame, looked_at)).max(axis=(1, 2))
    before = parts.nats({name: excess[looked_at] for name, excess in parts.excesses.items()}).max()
    return Occlusion(
        rows=spans[0],
        cols=spans[1],
        drops_nats=(before - highest[:-1]).reshape(grid),
        left_nats=float(highest[-1]),
    )


def _replaced(parts: Parts, masks: FloatImage, frame: Slices, inner: Slices) -> dict[PartName, FloatImage]:
    """The parts inside with what lies under each mask replaced; masks and parts of shape (n, rows, cols)."""
    inside = (slice(None), *_moved(inner, frame))
    texture = (1 - parts.structure.periodicity)[inner]
    residual = masks * parts.sigmas[frame]
    excesses: dict[PartName, FloatImage] = {}
    widths_px: tuple[tuple[PartName, float], ...] = (("spots", SPOT_PX), ("fine spots", FINE_SPOT_PX))
    for name, width_px in widths_px:
        if name in parts.signed:
            removed = spots_of_frames(residual, width_px, frame, parts.sigmas.shape)[inside]
            excesses[name] = parts.bulks[name].excess(np.abs(parts.signed[name][inner] - removed))
    if "lines" in parts.excesses:
        left = lines_of_frames((1 - masks) * parts.sigmas[frame], at_edge=_at_edge(frame, parts.sigmas.shape))
        excesses["lines"] = texture * parts.bulks["lines"].excess(left[inside])
        excesses["fine spots"] *= texture
    if "brightness" in parts.signed:
        difference = parts.structure.scaled[frame] - parts.predicted[frame]
        removed = doubled(surroundings(masks * difference), masks.shape)[inside]
        unusual = parts.bulks["brightness"].excess(np.abs(parts.signed["brightness"][inner] - removed))
        excesses["brightness"] = texture ** np.float32(1 / POWER) * unusual
    if "patches" in parts.excesses:
        patches = parts.excesses["patches"][inner]
        excesses["patches"] = np.broadcast_to(patches, (len(masks), *patches.shape))
    return excesses


def _around(span: slice, at: int) -> slice:
    """The part of a span around an index that is short enough."""
    if span.stop - span.start <= LARGEST_PX:
        return span
    start = min(max(at - LARGEST_PX // 2, span.start), span.stop - LARGEST_PX)
    return slice(start, start + LARGEST_PX)


def cells_of(rows: slice, cols: slice, *, most: int = CELLS) -> tuple[list[Slices], tuple[int, int]]:
    """Cells by rows, of about the same size, at most so many along the longer axis, and how many along both axes."""
    heights = [span.stop - span.start for span in (rows, cols)]
    cell_px = max(SMALLEST_CELL_PX, max(heights) / most)
    counts = [max(1, round(height / cell_px)) for height in heights]
    edges = [np.linspace(s.start, s.stop, n + 1).round().astype(int) for s, n in zip((rows, cols), counts, strict=True)]
    spans = [[slice(int(a), int(b)) for a, b in itertools.pairwise(edge)] for edge in edges]
    return [(row, col) for row in spans[0] for col in spans[1]], (counts[0], counts[1])


def _frame(inner: Slices, shape: tuple[int, ...]) -> Slices:
    """The inside with all that a filter reaches; it begins at even indices, as halved images do."""
    frame = [
        slice(max(0, (span.start - MARGIN_PX) // 2 * 2), min(n, (span.stop + MARGIN_PX + 1) // 2 * 2))
        for span, n in zip(inner, shape, strict=True)
    ]
    return (frame[0], frame[1])


def _moved(inner: Slices, frame: Slices) -> Slices:
    rows, cols = (slice(s.start - f.start, s.stop - f.start) for s, f in zip(inner, frame, strict=True))
    return (rows, cols)


def _at_edge(frame: Slices, shape: tuple[int, ...]) -> bool:
    return any(span.start == 0 or span.stop == n for span, n in zip(frame, shape, strict=True))
