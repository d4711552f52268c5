"""Formats that are known but not read: one line that names them and says what to do."""

from __future__ import annotations

EXPORT = "export the image as TIFF from the microscope's program"
GWYDDION = "open it in Gwyddion and save it as gwy"

# How a file begins -> what it is, and the remedy.
KNOWN: tuple[tuple[bytes, str, str], ...] = (
    (b"ONTMATRX0101", "an Omicron Matrix file", GWYDDION),
    (b"\x01\xb0\x93\xff", "an NT-MDT file", GWYDDION),
    (b"ZISRAWFILE", "a Zeiss CZI file", EXPORT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document (as of Keyence, Olympus or Office)", EXPORT),
    (b"\x80\x04\x95", "a Python pickle (never opened)", "save the image as TIFF"),
    (b"\x80\x05\x95", "a Python pickle (never opened)", "save the image as TIFF"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it and give the file inside"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it and give the file inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and give one file"),
    (b"Rar!\x1a\x07", "a rar archive", "unpack it and give one file"),
    (b"GIF8", "a GIF picture", "save it as PNG or TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture", "save it as PNG or TIFF"),
    (b"%PDF", "a PDF document", "export the image as TIFF"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself with git lfs pull"),
)


def what_it_is(content: bytes) -> str:
    """The end of a message on a file that no reader takes.

    >>> what_it_is(b"ONTMATRX0101....")
    'is an Omicron Matrix file, which DeepScan does not read: open it in Gwyddion and save it as gwy'
    """
    if not content:
        return "is empty: give a PNG, a TIFF or another microscope file (docs/formats.md)"
    for start, what, remedy in KNOWN:
        if content.startswith(start):
            return f"is {what}, which DeepScan does not read: {remedy}"
    head = content[:2000]
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)
    if printable == len(head):
        return "is text, no image: give a PNG, a TIFF or another microscope file (docs/formats.md)"
    return (
        "is of no format that DeepScan knows by its content: give a PNG, a TIFF or another microscope file "
        "(docs/formats.md)"
    )
