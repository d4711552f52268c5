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

from deepscan_core.ingest.unread import KNOWN


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
# Refused by the readers of zip archives and folders, and by those of JEOL and RHK.
REFUSED = (
    ("Panta Rhei prz, which can hold pickled objects", "export the image as TIFF"),
    ("HyperSpy zspy (zarr), which can hold pickled objects", "save it as hspy or TIFF"),
    ("JPK archives of force curves without an overview image", "export the image as TIFF"),
    ("NumPy archives (npz)", "save the image as TIFF"),
    ("JEOL Analysis Station projects (asw)", "give one of the img files in its folders"),
    ("RHK files older than sm4", "save it as sm4 or export it as TIFF or gwy"),
)
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

REAL, MADE, BOTH = "real files", "miniatures", "real files, miniatures"
# format, extensions, what reads it, what is taken from it, what the tests check it with
FORMATS = (
    ("PNG, BMP, JPEG", "png, bmp, jpg", "Pillow", "pixels only, unless a text file lies beside it", BOTH),
    ("TIFF", "tif", "tifffile", "pixels only: dots an inch are no calibration", BOTH),
    ("FEI/Thermo TIFF", "tif", "tifffile", "pixel size, system, detector, voltage, current, dwell, true rows", BOTH),
    (
        "Zeiss TIFF",
        "tif",
        "tifffile",
        "pixel size, system, detector, voltage, probe current, dwell, magnification",
        MADE,
    ),
    (
        "TESCAN TIFF, PNG ...",
        "tif (+ hdr)",
        "tifffile",
        "pixel size, system, detector, voltage, current, dwell, magnification, true rows",
        MADE,
    ),
    ("Olympus SIS TIFF", "tif", "tifffile", "pixel size, camera, magnification", BOTH),
    (
        "Hitachi TIFF, BMP, JPEG",
        "tif ... + txt",
        "tifffile, Pillow",
        "pixel size, system, detector, voltage, magnification, length of the scale bar",
        MADE,
    ),
    (
        "JEOL TIFF, BMP, JPEG",
        "tif ... + txt",
        "tifffile, Pillow",
        "pixel size (from its scale bar's pixels and length), system, detector, voltage, magnification, true rows",
        MADE,
    ),
    ("TVIPS TIFF", "tif", "tifffile", "pixel size, camera, voltage, magnification", MADE),
    ("DigitalMicrograph TIFF", "tif", "tifffile", "pixel size, signal unit", BOTH),
    ("ImageJ TIFF, OME-TIFF", "tif", "tifffile", "pixel size, names of channels", BOTH),
    (
        "DigitalMicrograph",
        "dm3, dm4",
        "rosettasciio",
        "pixel size, system, voltage, probe current, dwell, magnification",
        REAL,
    ),
    ("DigitalMicrograph 5", "dm5", "h5py", "pixel size, system, voltage, probe current, dwell, magnification", MADE),
    ("NumPy array of numbers", "npy", "numpy", "pixels only; planes of a stack apart", MADE),
    ("Nion Swift", "ndata, nhdf, h5", "numpy, h5py", "pixel size, detector, voltage, dwell, signal unit", MADE),
    (
        "Velox and Berkeley EMD",
        "emd",
        "rosettasciio",
        "pixel size, system, detector, voltage, dwell, magnification",
        MADE,
    ),
    (
        "TIA",
        "ser, emi (with ser)",
        "rosettasciio",
        "pixel size; with emi also system, voltage, dwell, magnification",
        REAL,
    ),
    ("MRC", "mrc", "rosettasciio", "pixel size", MADE),
    ("HyperSpy", "hspy", "rosettasciio", "pixel size, system, voltage, current, magnification", BOTH),
    ("Phenom", "elid", "rosettasciio", "pixel size, system, detector, voltage, dwell", REAL),
    ("JEOL Analysis Station", "img", "DeepScan", "pixel size of square images, voltage, magnification", MADE),
    ("TVIPS stream", "tvips", "DeepScan", "voltage, magnification; no pixel size: it may be the camera's", MADE),
    ("Digital Surf", "sur, pro", "rosettasciio", "pixel size, signal unit", REAL),
    ("NeXus (NXdata)", "nxs", "rosettasciio", "pixel size", REAL),
    ("USID", "h5", "h5py", "pixel size, signal unit; every spectroscopic point, up to 64, is an image", MADE),
    ("NanoMegas blockfile", "blo", "rosettasciio", "refused: 4D data", REAL),
    ("Nanonis", "sxm", "DeepScan", "pixel size, signal unit; forward and backward apart", REAL),
    ("Bruker Nanoscope", "spm, 001 ...", "DeepScan", "pixel size, microscope, signal unit", BOTH),
    ("JPK", "jpk, jpk-qi-image", "tifffile", "pixel size, signal unit; trace and retrace apart", BOTH),
    ("JPK archive", "jpk-qi-data ...", "tifffile", "its overview image; without one it is refused", MADE),
    ("WSxM", "stp, top", "DeepScan", "pixel size, signal unit", BOTH),
    ("RHK", "sm4", "DeepScan", "pixel size, signal unit; sm2 and sm3 are refused", MADE),
    (
        "Omicron SCALA",
        "par (with tf0, tb0 ...)",
        "DeepScan",
        "pixel size, signal unit; forward and backward apart",
        MADE,
    ),
    ("Asylum Research", "ibw", "igor2", "pixel size, names of layers", REAL),
    ("Gwyddion", "gwy", "gwyfile", "pixel size, signal unit", MADE),
    ("GXSM", "nc", "scipy, h5py", "pixel size, signal unit", BOTH),
    ("TopoStats", "topostats", "h5py", "pixel size", REAL),
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
- The readers beyond PNG, BMP, JPEG and TIFF come with `pip install 'nionswift-deepscan[io]'`; without them a line says so.
- Nothing in a file is unpickled or evaluated. What a file declares is compared with the memory limit before it is unpacked.
- **Row 0 is on top and column 0 on the left**, as the maker's program shows it. Nanoscope and Omicron rows and those of JPK
  (unless its grid is reflected) are stored from the bottom, WSxM images turned by 180 degrees: they are turned over, as
  Gwyddion does. For Nanonis and Asylum this was compared with other readings of the same files; for the others it rests on
  the source of Gwyddion, AFMReader and pySPM, as no second reading of a file was at hand.
- **Miniatures** are small files that the tests write from a format's description, where no real one is at hand: they show
  that the description is followed, not that every instrument follows it.

## Information bars, scale bars, crops

A bar is no specimen, yet it would be scored as the rarest thing in the picture. DeepScan recognises

- an **information bar**: a band along the whole upper or lower edge, of one level but for writing and thin lines. Where the
  file gives the picture's true rows (FEI/Thermo, TESCAN, JEOL, Hitachi) they are taken;
- a **scale bar** inside the picture: a slender upright rectangle of one level, at the bright or dark end of the range, with
  writing above or below it. Without writing it must have square corners, lie near the upper or lower edge, and be alone.

Not recognised: ticks or writing without a rectangle, bars in a middle grey, letters of figures, data zones that float
inside the picture. Of the 79 real pictures of the tests 13 show a bar: 12 are recognised, one (ticks only) is not, and
nothing is recognised in the others, nor in their turned, clipped and cut versions.

`deepscan run` says in its notes what it recognised, and crops nothing unasked:

| option | crops to |
|---|---|
| `--crop bars`, `read_image(..., crop="bars")` | the largest rectangle without what was recognised |
| `--crop TOP,LEFT,ROWS,COLS`, `crop=(top, left, rows, cols)` | these pixels |

A crop is an image of its own: its pixels, centre and field of view are those of the crop, and clicks (`--positive Y,X`) are
in its pixels. The protocol keeps the crop (`provenance.parameters.crop`) and the hash of the whole file, and
`deepscan execute` crops alike. The length of a scale bar is never read from the picture: Hitachi's and JEOL's text files
give it (`scale_bar_nm` of the image's metadata), other files do not.

## Read formats
"""


def page() -> str:
    """docs/formats.md."""
    columns = "| format | extension | read with | taken from it beside the pixels | checked with |"
    lines = [HEAD, columns, "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in FORMATS]
    lines += ["", "## Known, but not read", "", "| file | what to do |", "|---|---|"]
    lines += dict.fromkeys(f"| {what} | {remedy} |" for _, what, remedy in KNOWN)
    lines += [f"| {what} | {remedy} |" for what, remedy in REFUSED]
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
