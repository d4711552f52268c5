"""The edges of an image are predicted from one side, and cut objects in two: what is left there is larger than inside.

A sliver of a large particle at the edge is unlike anything else in its image, though the particle is ordinary. So what lies
near the edge is brought to the spread and to the far tail that what lies inside has; a place that stands out among those at
the edge still does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.sampling import evenly

FloatImage = npt.NDArray[np.float32]

EDGE_PX, EDGE_QUANTILE = 12, 0.9  # rings of one pixel, and what their spread is read from
BAND_PX = 6  # width of the bands whose far tails are compared, as wide as a spot
TAIL_SHARE = 0.004  # of the pixels of a band: two spots of a frame of 512 px, which may be targets
FEWEST_IN_TAIL = 60  # pixels, about two spots: of a small image a larger share
MOST_SAMPLES = 1 << 16


def level_edges(residual: FloatImage) -> None:
    """Bring what is near the edge to the spread and the far tail of the inside, in place; nothing grows.

    Parameters
    ----------
    residual : float32 ndarray of shape (rows, cols), signed.

    Notes
    -----
    Something that runs along the whole edge of an image, and more than two targets of the highest rank within 6 px of it,
    are taken for the edge.
    """
    reach = min(EDGE_PX, min(residual.shape) // 4)
    if reach == 0:
        return
    inside = np.abs(evenly(residual[reach:-reach, reach:-reach], MOST_SAMPLES))
    bulk = float(np.quantile(inside, EDGE_QUANTILE))
    for ring in range(reach):
        _shrink(_sides(residual, ring, ring + 1), EDGE_QUANTILE, bulk)
    for start in range(0, reach, BAND_PX):
        sides = _sides(residual, start, min(start + BAND_PX, reach))
        share = max(TAIL_SHARE, FEWEST_IN_TAIL / sum(side.size for side in sides))
        if share < 1 - EDGE_QUANTILE:
            _shrink(sides, 1 - share, float(np.quantile(inside, 1 - share)))


def _sides(image: FloatImage, start: int, stop: int) -> tuple[FloatImage, ...]:
    """Views of the four sides of a frame, from `start` to `stop` pixels from the edge; no pixel twice."""
    rows, cols = image.shape
    between = slice(stop, rows - stop)
    across = slice(start, cols - start)
    return (
        image[start:stop, across],
        image[rows - stop : rows - start, across],
        image[between, start:stop],
        image[between, cols - stop : cols - start],
    )


def _shrink(sides: tuple[FloatImage, ...], quantile: float, inside: float) -> None:
    """Scale the sizes of a frame down, so that their quantile is that of the inside."""
    own = float(np.quantile(np.abs(np.concatenate([side.ravel() for side in sides])), quantile))
    if own > inside > 0:
        for side in sides:
            side *= np.float32(inside / own)
