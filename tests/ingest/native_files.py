"""What each file of ../shared/data/native must come to; docs/formats.md is written from this table.

Every number was found without DeepScan: in the file's text header (sxm, Nanoscope, WSxM, GXSM, ImageJ, Phenom), in its
binary header or tags (JPK, Olympus, TIA, Igor, FEI, Digital Surf), in the file's own attributes (HDF5), or with
nionswift-io (DM3, DM4).
``python -m tests.ingest.native_files > docs/formats.md`` writes the page anew.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Native:
    """One file: an image, or words of the refusal. `choices` counts its images; `channel` is the one looked at."""

    file: str
    what: str
    shape: tuple[int, int] | None = None
    pixel_size_nm: tuple[float, float] | None = None
    choices: int = 1
    channel: str | None = None
    refused: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def square(nm: float) -> tuple[float, float]:
    return (nm, nm)


SMALL = "too small"
FILES = (
    Native("DTMicroscope_scan_0001.ibw", "Asylum PFM", (256, 256), square(19.608), 6, "Phase1Retrace"),
    Native(
        "G80SXM_example_TOPO.sxm",
        "Nanonis STM",
        (256, 256),
        square(5 / 256),
        6,
        "Z backward",
        facts={"signal_unit": "m"},
    ),
    Native("HPAI_021_HAADF_uint32.tif", "Nion HAADF saved by HyperSpy", (512, 512), square(0.029297)),
    Native("SpmImages_01514.sxm", "Nanonis AFM", (160, 160), square(5 / 160), 18, "Frequency_Shift forward"),
    Native(
        "SpmImages_2023_12_11_009-M-Xp-Topo.nc", "GXSM STM", (300, 300), square(0.06689), facts={"signal_unit": "Å"}
    ),
    Native("SpmImages_Image_445.sxm", "Nanonis AFM, not square", (192, 96), (4 / 192, 2 / 96), 18, "Current forward"),
    Native("nionswiftio_ref_F_0_1.dm5", "spectrum", refused="holds data of 3, no image"),
    Native("nionswiftio_ref_F_0_2.dm5", "3 x 2 pixels", refused=SMALL),
    Native("pyTEMlib_AL-DF.dm3", "EELS", refused="holds EELS spectrum of 2048, no image"),
    Native("pyTEMlib_EELS_STO.dm3", "EELS", refused="holds EELS spectrum of 2048, no image"),
    Native("pynxtools_Au_mica_diPAMY_195.sxm", "Nanonis STM", (256, 256), square(4 / 256), 4, "Current forward"),
    Native(
        "rsciio_03_Scanning_Preview.emi",
        "TIA, FEI Titan, with its ser file",
        (128, 128),
        square(0.38435),
        5,
        "frame 2",
        facts={"voltage_kv": 200.0, "magnification": 1.3e6, "dwell_time_us": 12.0},
    ),
    Native("rsciio_03_Scanning_Preview_1.ser", "TIA series of frames", (128, 128), square(0.38435), 5, "frame 0"),
    Native("rsciio_128x128-TEM_search_1.ser", "TIA", (128, 128), square(5.2612)),
    Native("rsciio_DM_export.tif", "TIFF exported by DigitalMicrograph", (68, 68), square(168.675)),
    Native("rsciio_EELS_SI.dm4", "EELS spectrum image", refused="holds EELS spectra of 2048 x 2 x 2, no image"),
    Native("rsciio_FEI_Helios.zip", "zip of FEI TIFFs", refused="is a zip archive of .*: unpack it"),
    Native("rsciio_Fei_HAADF.dm3", "4 x 16 pixels", refused=SMALL),
    Native("rsciio_berkeley_image.emd", "3 x 3 pixels", refused=SMALL),
    Native(
        "rsciio_blockfile.blo", "4D STEM", refused="holds 4-dimensional diffraction data of 3 x 2 x 144 x 144, no image"
    ),
    Native(
        "rsciio_diffraction.dm3", "diffraction: axes in 1/nm, so no pixel size", (87, 87), facts={"voltage_kv": 200.0}
    ),
    Native("rsciio_digitalsurf.sur", "Attolight CL map", (128, 128), square(82.522), facts={"signal_unit": "a.u."}),
    Native("rsciio_dls.nxs", "synchrotron spectra", refused="holds spectra of 10 x 10 x 15, no image"),
    Native(
        "rsciio_example2.hspy",
        "diffraction: axes in 1/nm, so no pixel size",
        (16, 16),
        facts={"instrument": "FEI Tecnai"},
    ),
    Native(
        "rsciio_multi_signal.dm3",
        "HAADF beside a line plot",
        (512, 512),
        square(0.0177516),
        facts={"voltage_kv": 300.0},
    ),
    Native(
        "rsciio_olympus_SIS.tif", "Olympus TEM camera", (101, 112), square(0.0239279), facts={"detector": "Quemesa"}
    ),
    Native(
        "rsciio_phenom.elid",
        "Phenom SEM with EDS",
        (35, 40),
        square(812.04),
        3,
        "Image 1 (2)",
        facts={"voltage_kv": 15.0, "dwell_time_us": 0.2},
    ),
    Native("rsciio_stack.dm3", "stack of three 2 x 16 pixels", choices=3, channel="0", refused=SMALL),
    Native("rsciio_test-1.dm3", "2 x 2 pixels", refused=SMALL),
    Native("rsciio_test-1.dm4", "2 x 2 pixels", refused=SMALL),
    Native(
        "rsciio_test_STEM_image.dm3",
        "STEM",
        (68, 68),
        square(0.248538),
        facts={"voltage_kv": 200.0, "dwell_time_us": 3.5},
    ),
    Native("rsciio_velox_tem_stack.emd", "stack of two 3 x 3 pixels", choices=2, channel="0", refused=SMALL),
    Native(
        "topostats_file.jpk-qi-image",
        "JPK AFM",
        (100, 100),
        square(5.0),
        6,
        "Adhesion trace",
        facts={"signal_unit": "N"},
    ),
    Native("topostats_file.top", "WSxM AFM", (512, 512), square(500 / 512), facts={"signal_unit": "nm"}),
    Native("topostats_minicircle_small.topostats", "DNA minicircles, AFM", (64, 64), square(1.97601), 2, "image"),
    Native("topostats_old_bruker.002", "Bruker AFM", (256, 256), square(15000 / 256), facts={"signal_unit": "nm"}),
    Native("topostats_old_bruker.004", "Bruker AFM", (256, 256), square(15000 / 256), facts={"signal_unit": "nm"}),
)

# format, extensions, what reads it, what is taken from it
FORMATS = (
    ("PNG", "png", "Pillow", "pixels only"),
    ("TIFF", "tif", "tifffile", "pixels only: dots an inch are no calibration"),
    ("FEI/Thermo TIFF", "tif", "tifffile", "pixel size, system, detector, voltage, current, dwell"),
    ("Zeiss TIFF", "tif", "tifffile", "pixel size, system, detector, voltage, probe current, dwell, magnification"),
    ("Olympus SIS TIFF", "tif", "tifffile", "pixel size, camera, magnification"),
    ("Hitachi TIFF", "tif + txt", "tifffile", "pixel size, system, detector, voltage, magnification"),
    ("DigitalMicrograph TIFF", "tif", "tifffile", "pixel size, signal unit"),
    ("ImageJ TIFF, OME-TIFF", "tif", "tifffile", "pixel size, names of channels"),
    (
        "DigitalMicrograph",
        "dm3, dm4",
        "rosettasciio",
        "pixel size, system, voltage, probe current, dwell, magnification",
    ),
    ("DigitalMicrograph 5", "dm5", "h5py", "pixel size, system, voltage, probe current, dwell, magnification"),
    ("Nion Swift", "ndata, nhdf, h5", "numpy, h5py", "pixel size, detector, voltage, dwell, signal unit"),
    ("Velox and Berkeley EMD", "emd", "rosettasciio", "pixel size, system, detector, voltage, dwell, magnification"),
    ("TIA", "ser, emi (with ser)", "rosettasciio", "pixel size; with emi also system, voltage, dwell, magnification"),
    ("MRC", "mrc", "rosettasciio", "pixel size"),
    ("HyperSpy", "hspy", "rosettasciio", "pixel size, system, voltage, current, magnification"),
    ("Phenom", "elid", "rosettasciio", "pixel size, system, detector, voltage, dwell"),
    ("Digital Surf", "sur, pro", "rosettasciio", "pixel size, signal unit"),
    ("NeXus (NXdata)", "nxs", "rosettasciio", "pixel size"),
    ("NanoMegas blockfile", "blo", "rosettasciio", "refused: 4D data"),
    ("Nanonis", "sxm", "DeepScan", "pixel size, signal unit; forward and backward apart, lying as on the specimen"),
    ("Bruker Nanoscope", "spm, 001 ...", "DeepScan", "pixel size, microscope, signal unit"),
    ("JPK", "jpk, jpk-qi-image", "tifffile", "pixel size, signal unit; trace and retrace apart"),
    ("WSxM", "stp, top", "DeepScan", "pixel size, signal unit"),
    ("Asylum Research", "ibw", "igor2", "pixel size, names of layers"),
    ("Gwyddion", "gwy", "gwyfile", "pixel size, signal unit"),
    ("GXSM", "nc", "scipy", "pixel size, signal unit"),
    ("TopoStats", "topostats", "h5py", "pixel size"),
)

HEAD = """\
# Formats

`deepscan run`, `read_image` and everything built on them read these files. What a file is, its content says, not its name.
Tests write this page from the table that they check (`tests/ingest/native_files.py`).

- The **pixel size** is taken where the file gives it as a length (m to pm, Å); unequal sides are kept. Axes of anything
  else (1/nm, no unit, dots an inch) leave the image without calibration. `--pixel-size-nm` comes before the file.
- **Several images** in a file (frames, channels, trace and retrace, colours): an error lists them with names and sizes, and
  `--channel` takes the number or the name. Colour that is grey is one image.
- **Spectra, spectrum images and 4D data** are refused in a line that says what the file holds.
- The readers beyond PNG and TIFF come with `pip install 'nionswift-deepscan[io]'`; without them a line says so.
- Nothing in a file is unpickled or evaluated.
- The rows of WSxM and JPK images are as stored, which may be upside down against the maker's own program.
"""


def page() -> str:
    """docs/formats.md."""
    lines = [HEAD, "| format | extension | read with | taken from it beside the pixels |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in FORMATS]
    lines += ["", "## Checked with real files", ""]
    lines += [
        "Files of open repositories, kept outside this one; the numbers were found without DeepScan, and the tests"
        " compare to 1 %.",
        "",
        "| file | what | comes to |",
        "|---|---|---|",
    ]
    lines += [f"| {row.file} | {row.what} | {_outcome(row)} |" for row in FILES]
    return "\n".join(lines) + "\n"


def _outcome(row: Native) -> str:
    several = f"{row.choices} images; " if row.choices > 1 else ""
    if row.refused:
        return several + "refused: " + row.refused.replace(".*", "...")
    shown = f"{row.channel!r}: " if row.channel else ""
    size = row.pixel_size_nm
    if size is None:
        side = "not calibrated"
    else:
        side = f"{size[0]:.4g} nm" if size[0] == size[1] else f"{size[0]:.4g} nm (y), {size[1]:.4g} nm (x)"
    assert row.shape is not None
    return f"{several}{shown}{row.shape[0]} x {row.shape[1]} px, {side}"


if __name__ == "__main__":
    sys.stdout.write(page())
