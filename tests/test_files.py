"""Only plain files are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepscan_core import memory
from deepscan_core.errors import InputError
from deepscan_core.files import check_file, read_file

REMEDY = "give another"


def test_a_plain_file_is_read_through_links_too(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\r\n\0")
    assert read_file(path, REMEDY) == b"\r\n\0"
    check_file(path, REMEDY)
    if os.name == "posix":
        (tmp_path / "link").symlink_to(path)
        assert read_file(tmp_path / "link", REMEDY) == b"\r\n\0"


@pytest.mark.parametrize("use", [read_file, check_file])
def test_what_is_no_plain_file_is_refused_with_the_remedy(tmp_path: Path, use: object) -> None:
    places = {tmp_path: "is a folder", tmp_path / "absent": "No such file", Path("a\0b"): "null"}
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        places |= {tmp_path / "pipe": "is no plain file", Path("/dev/zero"): "is no plain file"}
    for path, named in places.items():
        with pytest.raises(InputError, match=named) as refusal:
            use(path, REMEDY)  # type: ignore[operator]
        assert str(refusal.value).endswith(REMEDY)


def test_a_file_beyond_a_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(2000))
    with pytest.raises(InputError, match="2000 bytes, more than 1999"):
        read_file(path, REMEDY, largest_bytes=1999)
    assert len(read_file(path, REMEDY, largest_bytes=2000)) == 2000
    with memory.limited_to(3e-6), pytest.raises(InputError, match="the limit is"):
        read_file(path, REMEDY)
