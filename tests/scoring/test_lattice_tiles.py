"""How an image is cut into tiles."""

from __future__ import annotations

import itertools

import pytest

from deepscan_core.scoring.lattice import BLOCK_PX, TILE_PX, tiles_of


@pytest.mark.parametrize("length", [30, 170, 255, 256, 300, 341, 500, 512, 513, 1000, 1024, 2047])
def test_tiles_cover_all_once_and_lie_alike_from_both_ends(length: int) -> None:
    spans = [tile.cols for tile in tiles_of((64, length))[0]]
    assert [spans[0].start, spans[-1].stop] == [0, length]
    assert all(a.stop == b.start for a, b in itertools.pairwise(spans))
    mirrored = [(length - span.stop, length - span.start) for span in reversed(spans)]
    odd = length % 2  # then the middle cannot be cut in halves
    assert all(abs(a.start - b[0]) <= odd and abs(a.stop - b[1]) <= odd for a, b in zip(spans, mirrored, strict=True))
    assert all(span.stop - span.start <= 1.5 * TILE_PX for span in spans)
    before_middle = [span.start for span in spans if 2 * span.start < length - 1]
    assert all(start % BLOCK_PX == 0 for start in before_middle)
