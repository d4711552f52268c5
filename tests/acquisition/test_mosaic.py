"""The mosaic against closed forms: a plane of intensities must come out as the same plane, turned tiles included."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.acquisition.mosaic import mosaic
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid, ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

CONTEXT = ScanContext(rows=64, cols=64, fov_y_nm=16.0, fov_x_nm=16.0)


def plane(grid: SamplingGrid) -> np.ndarray:
    """Intensity that grows evenly over the context."""
    y_nm, x_nm = grid.mesh_nm()
    return (100 + 3 * y_nm - 2 * x_nm).astype(np.float32)


def whole(times: int = 1) -> SamplingGrid:
    return SamplingGrid(rows=64 * times, cols=64 * times, height_nm=16.0, width_nm=16.0)


def tile(center_nm: tuple[float, float], rotation_rad: float = 0.0, dwell_us: float = 4.0) -> ScanFrame:
    center_px, pitch_nm = CONTEXT.px_from_nm(center_nm), 0.25
    step = ScanStep(
        order=1,
        center_y_px=center_px[0],
        center_x_px=center_px[1],
        height_px=4.0 / pitch_nm,
        width_px=3.0 / pitch_nm,
        center_y_nm=center_nm[0],
        center_x_nm=center_nm[1],
        height_nm=4.0,
        width_nm=3.0,
        rows=32,
        cols=24,
        rotation_rad=rotation_rad,
        dwell_time_us=dwell_us,
    )
    return ScanFrame(
        values=plane(step.in_context()) * dwell_us, channel="HAADF", context=CONTEXT, step=step, dwell_time_us=dwell_us
    )


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_plane_stays_a_plane(times: int) -> None:
    preview = plane(whole())
    frames = [tile((0.3, -4.1)), tile((-5.0, 5.2), 0.7, dwell_us=9.0)]
    shown = mosaic(preview, 1.0, frames, samples_per_px=times)
    assert shown.shape == (64 * times, 64 * times)
    inner = slice(2 * times, -2 * times)
    assert np.abs(shown - plane(whole(times)))[inner, inner].max() < 0.8  # a sample of a tile is 0.125 nm wide


def test_tiles_are_put_where_they_were_recorded_and_nowhere_else() -> None:
    preview = np.zeros((64, 64), np.float32)
    shown = mosaic(preview, None, [tile((-4.0, 4.0))], samples_per_px=2)
    y_nm, x_nm = whole(2).mesh_nm()
    inside = (np.abs(y_nm + 4) < 2) & (np.abs(x_nm - 4) < 1.5)
    assert (shown > 0)[inside].all()
    assert not shown[~inside].any()


def test_it_is_as_fine_as_the_finest_tile_within_reason() -> None:
    preview = np.zeros((64, 64), np.float32)
    assert mosaic(preview, 1.0, [tile((0.0, 0.0))]).shape == (128, 128)
    assert mosaic(preview, 1.0, []).shape == (64, 64)


def test_frames_of_another_context_are_refused() -> None:
    with pytest.raises(InputError, match="128 x 128"):
        mosaic(np.zeros((128, 128), np.float32), 1.0, [tile((0.0, 0.0))])
