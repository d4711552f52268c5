"""What Swift says of the detector reaches the live map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepscan_core.live import maps
from deepscan_core.live.settings import MapSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.noise import KnownNoise
from deepscan_core.study import Study
from nionswift_plugin.deepscan import bridge, computations
from tests.conftest import spot_image

CLASSICAL = MapSettings(backbone="classical")


def noise_in(xdata: Any) -> KnownNoise:
    """What a live map takes for known."""
    with maps.STUDIES.study(bridge.as_image(xdata, "live"), CLASSICAL) as study:
        return study.known_noise


def test_a_detector_that_says_its_gain_is_judged_by_it(swift: Any) -> None:
    from nion.data import Calibration, DataAndMetadata
    from nion.swift.model import PlugInManager

    array = spot_image((256, 256), [(60.0, 60.0)]).astype(np.float32)
    xdata = DataAndMetadata.new_data_and_metadata(
        array,
        intensity_calibration=Calibration.Calibration(offset=-3.0, scale=0.5, units="counts"),
        metadata={"hardware_source": {"counts_per_electron": 20.0}},
    )
    api = PlugInManager.api_broker_fn("~1.0", None)
    item = api.library.create_data_item_from_data_and_metadata(xdata, title="calibrated")._data_item
    found = computations.follow(swift.library, api, item, CLASSICAL, kind=computations.SURPRISAL)
    swift.library.recompute_all()
    known, unknown = (
        Study(CalibratedImage(array), backbone="classical", noise=noise).surprisal().values
        for noise in (KnownNoise(gain=40.0, offset=6.0), KnownNoise())
    )
    assert not np.array_equal(known, unknown)
    assert np.array_equal(found.data, known)


def test_a_scan_says_what_its_device_says(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    swift.set_scan()
    assert noise_in(swift.start_scan().xdata) == KnownNoise()
    swift.scan.abort_playing(sync_timeout=5)
    device = swift.scan.scan_device
    read_partial = device.read_partial

    def with_gain(*args: Any) -> Any:
        elements, *rest = read_partial(*args)
        for element in elements:
            element["properties"]["counts_per_electron"] = 3.5
        return (elements, *rest)

    monkeypatch.setattr(device, "read_partial", with_gain)
    assert noise_in(swift.start_scan().xdata) == KnownNoise(gain=3.5)


@pytest.mark.parametrize(
    "metadata", [{}, {"hardware_source": "gone", "scan": [1]}, {"scan": {"scan_device_properties": 3}}]
)
def test_metadata_that_say_nothing_are_passed_over(swift: Any, metadata: dict[str, Any]) -> None:
    from nion.data import DataAndMetadata

    xdata = DataAndMetadata.new_data_and_metadata(np.eye(32), metadata=metadata)
    assert noise_in(xdata) == KnownNoise()
