"""Between Swift's words and DeepScan's: data with calibrations, live items, tiles. No user interface here."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from nion.data import Calibration, DataAndMetadata
from nion.utils import Registry

from deepscan_core.errors import InputError, InstrumentError
from deepscan_core.ingest.nion_files import recording_facts
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanStep

from .mapping import whole_frames

# of each data item the latest whole frame, and that as an image
_images: weakref.WeakKeyDictionary[Any, tuple[Any, CalibratedImage]] = weakref.WeakKeyDictionary()

_NM_PER_UNIT = {"pm": 1e-3, "Å": 0.1, "nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "mm": 1e6, "m": 1e9}


def pixel_size_nm(xdata: Any) -> YX | None:
    """Pixel size ``(y, x)`` from Swift's calibrations, None where they are not lengths."""
    sizes = []
    for calibration in xdata.dimensional_calibrations:
        nm = _NM_PER_UNIT.get(calibration.units)
        if nm is None or not calibration.scale > 0:
            return None
        sizes.append(float(calibration.scale) * nm)
    return (sizes[0], sizes[1]) if len(sizes) == 2 else None


def as_image(xdata: Any, name: str) -> CalibratedImage:
    """Swift's data as a `CalibratedImage`, with what it says of its recording.

    Raises `InputError` where it is not one real two-dimensional image.
    """
    if xdata is None or xdata.data is None:
        raise InputError(f"{name} holds no data yet: start the scan, or choose an image")
    said = recording_facts(xdata.metadata, xdata.intensity_calibration.write_dict())
    return CalibratedImage(np.array(xdata.data), pixel_size_nm(xdata), name=name, metadata=said)


def frame_image(data_item: Any, frame: Any) -> CalibratedImage:
    """A frame of a data item as an image; see `as_image`.

    That of the latest whole frame is kept: several threads want it, and each time it is made they let go of Python's lock
    half a dozen times.
    """
    if frame is None or not whole_frames.is_kept(data_item, frame):
        return as_image(frame, data_item.title)
    of, image = _images.get(data_item, (None, None))
    if of is not frame or image is None or image.name != data_item.title:
        image = as_image(frame, data_item.title)
        _images[data_item] = (frame, image)
    return image


def dwell_time_us(xdata: Any) -> float | None:
    """Dwell time of a scanned frame, None where it does not say."""
    value = xdata.metadata.get("hardware_source", {}).get("pixel_time_us")
    return float(value) if value else None


def score_data(scores: ScoreMap, source: Any) -> Any:
    """A score map as Swift's data, with the calibrations of the image it was made from."""
    return DataAndMetadata.new_data_and_metadata(
        scores.values,
        intensity_calibration=Calibration.Calibration(units="nats" if scores.kind == "surprisal" else ""),
        dimensional_calibrations=source.dimensional_calibrations,
        metadata={"deepscan": {"kind": scores.kind, "label": scores.label}},
    )


def tile_data(frame: ScanFrame) -> Any:
    """A recorded step as Swift's data.

    The calibrations place a tile that is not turned in the axes of its context; those of a turned tile are relative to
    its own centre, and the metadata say where that lies.
    """
    if frame.step is None:
        raise InputError("a frame without a step is not a tile: give a frame that Run recorded")
    return DataAndMetadata.new_data_and_metadata(
        frame.values,
        intensity_calibration=Calibration.Calibration(units="counts"),
        dimensional_calibrations=_tile_calibrations(frame.step),
        metadata={
            **frame.metadata,
            "deepscan": {
                "region": frame.step.order,
                "score": frame.step.priority,
                "dose_e_per_nm2": frame.dose_e_per_nm2,
                "total_electrons": frame.total_electrons,
                "dwell_time_us": frame.dwell_time_us,
                "step": dataclasses.asdict(frame.step),
            },
        },
    )


def _tile_calibrations(step: ScanStep) -> list[Any]:
    lengths = zip(step.center_nm, step.size_nm, (step.rows, step.cols), strict=True)
    return [
        Calibration.Calibration((0.0 if step.rotation_rad else center) - size / 2, size / n, "nm")
        for center, size, n in lengths
    ]


def mosaic_data(image: CalibratedImage, dwell_time_us: float | None, frames: Sequence[ScanFrame]) -> Any:
    """The tiles of a run over the frame they were planned on, as Swift's data in the axes of the context. Takes a while."""
    from deepscan_core.acquisition.mosaic import mosaic

    values = mosaic(image.array.astype(np.float32), dwell_time_us, frames)
    lengths = zip(image.context().fov_nm, values.shape, strict=True)
    return DataAndMetadata.new_data_and_metadata(
        values,
        intensity_calibration=Calibration.Calibration(units="counts"),
        dimensional_calibrations=[Calibration.Calibration(-fov_nm / 2, fov_nm / n, "nm") for fov_nm, n in lengths],
        metadata={"deepscan": {"tiles": len(frames), "dwell_time_us": dwell_time_us}},
    )


def scan_source() -> Any:
    """The scan of the registered microscope; raises `InstrumentError` in words where there is none."""
    stem = Registry.get_component("stem_controller")
    source = stem.scan_controller if stem is not None else None
    if source is None:
        raise InstrumentError("no microscope is registered in Swift: load its plug-in, or start with deepscan swift")
    return source


def live_data_item(document_model: Any, source: Any) -> Any:
    """The data item that a scan writes its first detector to; raises `InputError` where there is none yet."""
    for index in source.get_enabled_channel_indexes():
        channel_id = source.get_channel_state(index).channel_id
        data_item = document_model.get_data_item_channel_reference(source.hardware_source_id, channel_id).data_item
        if data_item is not None and data_item.has_data:
            return data_item
    raise InputError("there is no live image: start the scan, then press Attach")


def whole_frame(source: Any, data_item: Any) -> Any:
    """A whole frame of a live data item: the next one that finishes while the scan runs, else what is there. Blocks."""
    if source is not None and source.is_playing:
        timeout_s = 2.5 * source.get_current_frame_time() + 5.0
        try:
            frames = source.get_next_xdatas_to_finish(timeout_s)
        except AssertionError:
            frames = []
        if not frames or frames[0] is None:
            raise InstrumentError(f"the scan finished no frame within {timeout_s:.0f} s: look at the scan panel")
        if "subscan_fractional_size" in frames[0].metadata.get("scan", {}):
            raise InputError("the scan is a sub-scan, no whole context: switch the sub-scan off and plan again")
        return frames[0]
    return whole_frames.latest_whole(data_item, data_item.xdata)
