"""A spot planted on the specimen is found, planned, visited and seen where it is: file, map, region, protocol, tile."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deepscan_core import Study, Survey, make_protocol, read_image
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.simulation.specimens import Spots
from deepscan_core.survey import look

CONTEXTS = {
    "square": ScanContext(rows=192, cols=192, fov_y_nm=19.2, fov_x_nm=19.2, beam_current_pa=200),
    "not square": ScanContext(rows=128, cols=256, fov_y_nm=12.8, fov_x_nm=25.6, beam_current_pa=200),
    "unequal pixels": ScanContext(rows=160, cols=160, fov_y_nm=16, fov_x_nm=20, beam_current_pa=200),
    "turned, off centre, not square": ScanContext(
        rows=144,
        cols=208,
        fov_y_nm=14.4,
        fov_x_nm=20.8,
        center_y_nm=-40,
        center_x_nm=25,
        rotation_rad=math.radians(37),
        beam_current_pa=200,
    ),
    "turned the other way": ScanContext(
        rows=192, cols=160, fov_y_nm=19.2, fov_x_nm=16, center_y_nm=3, rotation_rad=-2.2, beam_current_pa=200
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize("place_frac", [(0.3, 0.7), (0.62, 0.21)])
def test_a_planted_spot_is_visited_within_a_pixel(tmp_path: Path, name: str, place_frac: tuple[float, float]) -> None:
    context = CONTEXTS[name]
    place_px = context.px_from_fraction(place_frac)
    spot_nm = context.specimen_from_nm(context.nm_from_px(place_px))
    specimen = Spots(defects_nm=np.array([spot_nm]), sigma_nm=0.25, peak=0.2, background=0.05)
    controller = SimulatedController(specimen, context, dwell_time_us=4, seed=1)
    preview, _ = look(controller)
    tifffile.imwrite(tmp_path / "preview.tif", preview.values)

    image = read_image(tmp_path / "preview.tif", pixel_size_nm=context.pixel_size_nm)
    study = Study(image, backbone="classical")
    regions = study.regions(study.surprisal(), area_fraction=0.05, region_size_px=(20, 28))
    protocol = ScanProtocol.from_json(make_protocol(image, regions, context=controller.context()).to_json())
    frames = Survey(protocol, controller).run()

    pitch_nm = max(context.pixel_size_nm)
    centers = [math.dist((s.center_y_px, s.center_x_px), place_px) for s in protocol.steps]
    best = int(np.argmin(centers))
    assert (
        np.abs(np.subtract((protocol.steps[best].center_y_px, protocol.steps[best].center_x_px), place_px)).max() <= 1
    )
    tile = frames[best].values - np.median(frames[best].values)
    bright = np.where(tile > 0.5 * tile.max(), tile, 0)
    index = [float((bright * axis).sum() / bright.sum()) for axis in np.mgrid[: tile.shape[0], : tile.shape[1]]]
    seen_nm = protocol.steps[best].on_specimen(protocol.context).plane_nm((index[0], index[1]))
    assert math.dist(seen_nm, spot_nm) <= pitch_nm
