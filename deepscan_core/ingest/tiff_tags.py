"""Calibration and facts of the recording from the TIFF tags of FEI/Thermo, Zeiss, TESCAN, TVIPS, Olympus, DM, OME, ImageJ.

The resolution that every TIFF carries (so many dots an inch) is that of a printer or a screen: it is never used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepscan_core.ingest.companions import Companion, read_companion, rows_above_bar, tescan_tag
from deepscan_core.ingest.pictures import as_number, facts, length_nm, pixel_size, scaled
from deepscan_core.records.coordinates import YX

OLYMPUS_SIS, TESCAN = 33560, 50431
TVIPS_DIFFRACTION = 3
DM_UNIT_X, DM_UNIT_Y, DM_SCALE_X, DM_SCALE_Y, DM_SIGNAL_UNIT = 65003, 65004, 65009, 65010, 65022


@dataclass(frozen=True)
class Tags:
    """What the tags of a file say: the pixel size of a page, facts of the recording, names of the pages."""

    pixel_size_nm: Callable[[Any], YX | None] = lambda page: None
    facts: Mapping[str, Any] = field(default_factory=lambda: {"format": "TIFF"})
    names: tuple[str, ...] = ()


def read_tags(file: Any, path: Path) -> Tags:
    """The first maker whose tags are there."""
    page = file.pages[0]
    if file.is_fei and file.fei_metadata:
        return _fei(file.fei_metadata, page.shape)
    if file.is_sem and file.sem_metadata:
        return _zeiss(file.sem_metadata)
    if TESCAN in page.tags:
        return _companion(tescan_tag(page.tags.valueof(TESCAN), page.shape))
    if file.is_tvips and file.tvips_metadata:
        return _tvips(file.tvips_metadata)
    if any(OLYMPUS_SIS in page.tags for page in file.pages):
        return _olympus(file.pages)
    if file.is_ome and file.ome_metadata:
        return _ome(file.ome_metadata)
    if DM_SCALE_X in page.tags and DM_SCALE_Y in page.tags:
        return _digital_micrograph(page)
    if file.is_imagej and file.imagej_metadata:
        return _imagej(file.imagej_metadata, page)
    return _companion(read_companion(path, page.shape))


def _companion(found: Companion | None) -> Tags:
    return Tags() if found is None else Tags(found.pixel_size_nm, found.facts)


def _fei(tags: Mapping[str, Any], shape: Sequence[int]) -> Tags:
    """FEI and Thermo Fisher; the width is compared, for a picture that was resized keeps its tags."""
    beam = _section(tags, _section(tags, "Beam").get("Beam"))
    scan = _section(tags, _section(tags, "Beam").get("Scan")) or _section(tags, "Scan")
    image, common = _section(tags, "Image"), _section(tags, "Scan")
    size = pixel_size(length_nm(common.get("PixelHeight"), "m"), length_nm(common.get("PixelWidth"), "m"))
    camera = _section(tags, "IRBeam")
    if size is None and image.get("ResolutionX") and image.get("ResolutionY"):
        high, wide = scaled(camera.get("VFW"), 1.0), scaled(camera.get("HFW"), 1.0)
        if high and wide:
            size = pixel_size(
                length_nm(high / float(image["ResolutionY"]), "m"), length_nm(wide / float(image["ResolutionX"]), "m")
            )
    cols = as_number(image.get("ResolutionX"))
    return Tags(
        lambda page: size if cols in (None, page.shape[1]) else None,
        facts(
            format="FEI/Thermo TIFF",
            instrument=_section(tags, "System").get("SystemType"),
            detector=_section(tags, "Detectors").get("Name"),
            voltage_kv=scaled(beam.get("HV") or _section(tags, "Beam").get("HV"), 1e-3),
            beam_current_pa=scaled(beam.get("BeamCurrent"), 1e12),
            dwell_time_us=scaled(scan.get("Dwell") or common.get("Dwelltime"), 1e6),
            image_rows=rows_above_bar(image.get("ResolutionY"), image.get("ResolutionX"), shape),
        ),
    )


def _section(tags: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    found = tags.get(name) if isinstance(name, str) else None
    return found if isinstance(found, Mapping) else {}


def _zeiss(tags: Mapping[str, Any]) -> Tags:
    """Zeiss SmartSEM: ``ap_image_pixel_size``; the unnamed fourth number, in m at 1024 columns, where it agrees."""
    named = _quantity(tags, "ap_image_pixel_size") or _quantity(tags, "ap_pixel_size")
    side = length_nm(*named) if named else None
    unnamed: Any = tags.get("") or ()
    screen_nm = length_nm(unnamed[3], "m") if len(unnamed) > 3 else None

    def size(page: Any) -> YX | None:
        exact = None if screen_nm is None else screen_nm * 1024 / page.shape[1]
        best = exact if exact and (side is None or abs(exact / side - 1) < 0.02) else side
        return pixel_size(best, best)

    def in_unit(name: str, units: Mapping[str, float]) -> float | None:
        value = _quantity(tags, name)
        return scaled(value[0], units[value[1]]) if value and value[1] in units else None

    detector = tags.get("dp_detector_channel") or tags.get("dp_detector_type") or ("", None)
    instrument = tags.get("dp_sem") or tags.get("sv_instrument_id") or tags.get("sv_serial_number") or ("", None)
    magnification = re.match(r"\s*([\d.]+)\s*(K?)\s*X", str((tags.get("ap_mag") or ("", ""))[1]), re.IGNORECASE)
    return Tags(
        size,
        facts(
            format="Zeiss TIFF",
            instrument=None if instrument[1] is None else str(instrument[1]),
            detector=None if detector[1] is None else str(detector[1]),
            voltage_kv=in_unit("ap_actualkv", {"kV": 1.0, "V": 1e-3}),
            beam_current_pa=in_unit("ap_iprobe", {"A": 1e12, "µA": 1e6, "uA": 1e6, "nA": 1e3, "pA": 1.0}),
            dwell_time_us=in_unit("dp_dwell_time", {"s": 1e6, "ms": 1e3, "µs": 1.0, "us": 1.0, "ns": 1e-3}),
            magnification=scaled(magnification[1], 1e3 if magnification[2] else 1.0) if magnification else None,
        ),
    )


def _quantity(tags: Mapping[str, Any], name: str) -> tuple[float, str] | None:
    entry = tags.get(name)
    if entry is None or len(entry) < 3 or as_number(entry[1]) is None:
        return None
    return (float(entry[1]), str(entry[2]))


def _tvips(tags: Mapping[str, Any]) -> Tags:
    """TVIPS EM-MENU: distances in nm in the second version of its header, and in an image only, not in diffraction."""
    image = tags.get("TemMode") != TVIPS_DIFFRACTION
    size = pixel_size(length_nm(tags.get("PixelSizeY"), "nm"), length_nm(tags.get("PixelSizeX"), "nm"))
    return Tags(
        lambda page: size if image else None,
        facts(
            format="TVIPS TIFF",
            detector=str(tags.get("CameraType") or "").strip("\0"),
            voltage_kv=scaled(tags.get("TemHighTension"), 1e-3),
            magnification=scaled(tags.get("TemMagnification"), 1.0) if image else None,
        ),
    )


def _olympus(pages: Any) -> Tags:
    def values(page: Any) -> Mapping[str, Any]:
        value = page.tags[OLYMPUS_SIS].value if OLYMPUS_SIS in page.tags else None
        return value if isinstance(value, Mapping) else {}

    first = next(page for page in pages if OLYMPUS_SIS in page.tags)
    return Tags(
        lambda page: pixel_size(
            length_nm(values(page).get("pixelsizey"), "m"), length_nm(values(page).get("pixelsizex"), "m")
        ),
        facts(
            format="Olympus SIS TIFF",
            detector=str(first.tags.valueof(272) or values(first).get("cameraname") or ""),
            magnification=scaled(values(first).get("magnification"), 1.0),
        ),
    )


def _ome(text: str) -> Tags:
    """OME: the first image's ``PhysicalSize``, in µm where no unit is named, as its schema says."""
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", text)
    attributes = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', pixels[0])) if pixels else {}
    size = pixel_size(
        *(
            length_nm(attributes.get(f"PhysicalSize{axis}"), attributes.get(f"PhysicalSize{axis}Unit", "µm"))
            for axis in "YX"
        )
    )
    channels = re.findall(r"<(?:\w+:)?Channel\b[^>]*>", text)
    names = [re.search(r'\bName\s*=\s*"([^"]*)"', channel) for channel in channels]
    alone = {attributes.get("SizeZ", "1"), attributes.get("SizeT", "1")} == {"1"}
    return Tags(
        lambda page: size,
        {"format": "OME-TIFF"},
        tuple(name[1] if name else "" for name in names) if alone and all(names) else (),
    )


def _digital_micrograph(page: Any) -> Tags:
    def value(tag: int) -> Any:
        return page.tags.valueof(tag)

    size = pixel_size(length_nm(value(DM_SCALE_Y), value(DM_UNIT_Y)), length_nm(value(DM_SCALE_X), value(DM_UNIT_X)))
    return Tags(lambda page: size, facts(format="DigitalMicrograph TIFF", signal_unit=value(DM_SIGNAL_UNIT)))


def _imagej(tags: Mapping[str, Any], page: Any) -> Tags:
    """ImageJ: the resolution tags count pixels a unit, and the description names the unit."""
    unit = str(tags.get("unit", "")).replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    unit_y = str(tags.get("yunit", "") or unit).replace("\\u00B5", "µ")
    size = pixel_size(
        length_nm(_pixel_per_unit(page, "YResolution"), unit_y), length_nm(_pixel_per_unit(page, "XResolution"), unit)
    )
    labels = tags.get("Labels")
    names = tuple(str(label).strip().splitlines()[0] if str(label).strip() else "" for label in labels or ())
    return Tags(lambda page: size, {"format": "ImageJ TIFF"}, names)


def _pixel_per_unit(page: Any, name: str) -> float | None:
    fraction = page.tags.valueof(name)
    if not fraction or not fraction[0] or not fraction[1]:
        return None
    return float(fraction[1]) / float(fraction[0])
